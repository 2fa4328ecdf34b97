"""The replay's own server: a real `plimsoll up` in the replay's folder, asked over HTTP, ended with all that it runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from plimsoll.edge.client import RemoteError
from plimsoll.edge.context import Progress, silent
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.workspace import Workspace
from plimsoll.replay.errors import ServerEnded
from plimsoll.serving.shim.state import read_state
from plimsoll.targets.process import ProcessTarget

UP_WITHIN_S = 60.0
ENDED_WITHIN_S = 15.0
IDLE_S = 2.0
"""The server closes a connection that nobody used for a few seconds."""


class Server:
    """A server that this process started, and the tokens by which it is asked."""

    def __init__(self, workspace: Workspace, *, logs: Path) -> None:
        self._workspace = workspace
        self._logs = logs
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: HTTPConnection | None = None
        self._token = ""
        self._used = 0.0

    def start(self) -> None:
        """Start it, after ending one that an earlier replay in this folder left. Raises ServerEnded."""
        self._logs.mkdir(parents=True, exist_ok=True)
        _end_left_over(self._workspace)
        self._token = self._command("tokens", "create")["token"]
        out = self._logs / "up.out"
        with out.open("wb") as stream, (self._logs / "up.err").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "plimsoll", "up", "--port", "0", "--json"],
                cwd=self._workspace.root,
                env=own_environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is for the replay, which ends it in order
            )
        place = urlsplit(self._address(out))
        assert place.hostname is not None
        self._connection = HTTPConnection(place.hostname, place.port or 80, timeout=None)

    def ask(
        self, operation: str, *, token: str = "", progress: Callable[[Progress], None] = silent, **payload: Any
    ) -> Any:
        """Perform an operation there. Raises its error, and ServerEnded when no answer comes."""
        assert self._connection is not None
        if time.monotonic() - self._used > IDLE_S:
            self._connection.close()  # it opens a new one: the server may be closing this one just now
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token or self._token}"}
        try:
            self._connection.request("POST", f"/api/call/{operation}", json.dumps(payload), headers)
            with self._connection.getresponse() as response:
                return _result(response, progress)
        except (OSError, HTTPException, ValueError) as error:
            self._connection.close()
            raise self._ended(str(error) or type(error).__name__) from error
        finally:
            self._used = time.monotonic()

    def stop(self) -> list[str]:
        """End the server, then the doors and workers; returns what went wrong. The ledger still says what shall run."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(ENDED_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        return end_doors(self._workspace)

    def _command(self, *arguments: str) -> Any:
        """What a command answers in a process of its own. Raises ServerEnded with what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "plimsoll", *arguments, "--json"],
            cwd=self._workspace.root,
            env=own_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerEnded(problem=(done.stdout + done.stderr).strip()[-500:], folder=str(self._logs))
        return json.loads(done.stdout)

    def _address(self, out: Path) -> str:
        """Wait for what the server says first. Raises ServerEnded."""
        assert self._process is not None
        deadline = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline:
            with suppress(ValueError):
                page = json.loads(out.read_text(encoding="utf-8"))
                if "error" in page:
                    raise ServerEnded(problem=page["error"]["text"], folder=str(self._logs))
                return str(page["address"])
            if self._process.poll() is not None:
                raise self._ended("it did not start")
            time.sleep(0.02)
        raise self._ended(f"it did not answer within {UP_WITHIN_S:g} s")

    def _ended(self, problem: str) -> ServerEnded:
        code = self._process.poll() if self._process is not None else None
        said = (self._logs / "up.err").read_text(encoding="utf-8", errors="replace").strip()[-300:]
        ended = f"{problem}; it left with {code}" if code is not None else problem
        return ServerEnded(problem=f"{ended}{'; it said: ' + said if said else ''}", folder=str(self._logs))


def end_doors(workspace: Workspace) -> list[str]:
    """End what answers in a replay's environments, whoever started it; returns what went wrong.

    They are stopped by a later revision than the ledger knows, so the next server's controllers tell them anew.
    """
    target, problems = ProcessTarget(workspace, None), []
    for place in sorted((workspace.state / "environments").glob("*")):
        known = read_state(place)
        if known["desired"] and not known["stopped"]:
            try:
                target.stop(place.name, revision=known["revision"] + 1)
            except PlimsollError as error:
                problems.append(f"{place.name} could not be stopped: {error}")
    return problems


def own_environment() -> Mapping[str, str]:
    """This process's variables without those that would lead a process of the replay to the project's own state."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PLIMSOLL_", "GIT_"))}
    return {**kept, "NO_COLOR": "1"}


def _result(response: Any, progress: Callable[[Progress], None]) -> Any:
    """Progress lines, then a result or an error: one JSON document a line. Reads to the end, so that it can be reused."""
    found: dict[str, Any] = {}
    for line in response:
        document = json.loads(line)
        if "progress" in document:
            progress(Progress(**document["progress"]))
        else:
            found = document
    if "error" in found:
        raise RemoteError(found["error"])
    if "result" not in found:
        raise ValueError("the answer ended before its result")
    return found["result"]


def _end_left_over(workspace: Workspace) -> None:
    """End a server that was left by a replay that was killed: two would share the controllers' work."""
    try:
        note = json.loads((workspace.state / "server.json").read_text(encoding="utf-8"))
        command = Path(f"/proc/{note['pid']}/cmdline").read_bytes()
        folder = Path(f"/proc/{note['pid']}/cwd").resolve()
    except (OSError, ValueError, KeyError):
        return
    if b"plimsoll" in command and folder == workspace.root.resolve():
        deadline = time.monotonic() + ENDED_WITHIN_S
        with suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.kill(note["pid"], signal.SIGTERM)
                time.sleep(0.2)
