"""The process that has the project's code imported and forks one process for each step.

Started by `local.py` with one end of a socket pair. One thread, so that forking is safe. When the engine goes away,
however it does, every step's process and what it started is killed; when this process is killed, the kernel ends the
steps (on Linux).
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import select
import signal
import sys
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from plimsoll.pipeline.fresh_imports import import_from_source
from plimsoll.pipeline.jobs import Ended, ImportTrouble, Job, Started, Stop, Surroundings, Trouble
from plimsoll.pipeline.step_process import run_job
from plimsoll.pipeline.tracebacks import trouble_of

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve one run: its surroundings come first, then jobs, until the other end closes."""
    os.set_inheritable(int(sys.argv[1]), False)
    engine = Connection(int(sys.argv[1]))
    parent = int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children: dict[str, int] = {}
    signal.signal(signal.SIGTERM, lambda *_: _leave(children))
    _die_with_parent(signal.SIGTERM, parent=parent)
    surroundings: Surroundings = engine.recv()
    module = _import(surroundings)
    if isinstance(module, Trouble):
        engine.send(ImportTrouble(trouble=module))
        return
    with contextlib.suppress(EOFError, OSError):
        _serve(engine, surroundings, module, children)
    _leave(children)


def _serve(engine: Connection, surroundings: Surroundings, module: ModuleType, children: dict[str, int]) -> None:
    wake, woken = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    while True:
        readable, _, _ = select.select([engine.fileno(), wake], [], [])
        if wake in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
            for step, code in _ended(children):
                engine.send(Ended(step=step, code=code))
        if engine.fileno() in readable:
            message = engine.recv()
            match message:
                case Job():
                    children[message.step] = _fork(message, engine, surroundings, module)
                    engine.send(Started(step=message.step, pid=children[message.step]))
                case Stop() if message.step in children:
                    _kill_group(children[message.step])


def _fork(job: Job, engine: Connection, surroundings: Surroundings, module: ModuleType) -> int:
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.setsid()
            _die_with_parent(signal.SIGKILL, parent=server)
            engine.close()
            _redirect(job.log)
            faulthandler.enable()
            run_job(job, surroundings, module)
        except BaseException:  # noqa: BLE001 - nothing may return into the server's own loop
            sys.excepthook(*sys.exc_info())
            os._exit(70)
        os._exit(0)
    return pid


def _ended(children: dict[str, int]) -> list[tuple[str, int]]:
    """Steps whose process is gone; what it started, which is left in its group, is killed."""
    gone = []
    for step, pid in list(children.items()):
        reaped, status = os.waitpid(pid, os.WNOHANG)
        if not reaped:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        del children[step]
        gone.append((step, os.waitstatus_to_exitcode(status)))
    return gone


def _leave(children: dict[str, int]) -> NoReturn:
    for pid in children.values():
        _kill_group(pid)
    os._exit(0)


def _kill_group(pid: int) -> None:
    """Kill a step's process and its descendants; it leads a session of its own unless it has only just been forked."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _import(surroundings: Surroundings) -> ModuleType | Trouble:
    """The project's code module, imported with everything it prints going to the run's import log."""
    _redirect(surroundings.log)
    import_from_source(surroundings.import_roots)
    os.chdir(surroundings.root)
    try:
        module = import_module(surroundings.module)
        for name in surroundings.preload:
            import_module(name)
    except BaseException as error:  # noqa: BLE001 - whatever the project's code raises, SystemExit too
        return trouble_of(error, root=surroundings.root)
    return module


def _redirect(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for standard in (1, 2):
        os.dup2(target, standard)
    os.close(target)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr] # both are files here


def _die_with_parent(signal_number: int, *, parent: int) -> None:
    """Ask the kernel for a signal when the parent ends; where it cannot (not Linux), the closed socket tells."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:
            os._exit(0)


if __name__ == "__main__":
    main()
