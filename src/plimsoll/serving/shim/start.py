"""How a shim begins: one for a state folder, detached from who started it; and how a stop is kept where none runs."""

from __future__ import annotations

import os
from pathlib import Path

from plimsoll.serving.shim.log import note, shorten
from plimsoll.serving.shim.shim import Shim
from plimsoll.serving.shim.sockets import control_socket, private_folder, socket_folder, unix_listener
from plimsoll.serving.shim.state import lock, record_stop


def main(arguments: list[str]) -> None:
    """STATE_DIR becomes a shim's; STATE_DIR --stop REVISION records a stop where no shim runs."""
    state = Path(arguments[0]).absolute()
    if arguments[1:2] == ["--stop"]:
        record_stop(state, int(arguments[2]))
    else:
        become(state)


def become(state: Path) -> None:
    """Become the state folder's shim, in the background; return at once when there is one. Ready on return."""
    state.mkdir(parents=True, exist_ok=True)
    (state / "logs").mkdir(exist_ok=True)
    held = lock(state)
    if held is None:
        return
    private_folder(socket_folder(state))
    control = unix_listener(control_socket(state))
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    os.truncate(held, 0)
    os.write(held, f"{os.getpid()}\n".encode())
    shorten(state / "logs" / "shim.log")
    log = os.open(state / "logs" / "shim.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    try:
        Shim(state, control).run()
    except Exception as error:
        note(f"ended by {error!r}")
        raise
