"""The target `process`: an environment as local processes, kept by a shim that outlives whoever applied it.

State lives in the environment's folder; every method can be called again at any time, from any process.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.capture.counts import StageCounts
from plimsoll.kernel.clock import workspace_clock
from plimsoll.kernel.extras import require
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database
from plimsoll.rollout.entities import Desired, DesiredRelease, Observed, ObservedRelease
from plimsoll.serving import shim
from plimsoll.serving.shim.sockets import control_socket, is_loopback
from plimsoll.serving.shim.state import OLDER, SHIM_RUNS, read_state
from plimsoll.targets.errors import NotLoopback, PortTaken, ShimUnavailable, Stale
from plimsoll.targets.runtimes import Runtimes

if TYPE_CHECKING:
    from plimsoll.targets.counting import Counting

SHIM = str(Path(shim.__file__).with_name("__main__.py"))
SHIM_WITHIN_S = 10.0
ANSWER_WITHIN_S = 30.0
LOOK_EVERY_S = 0.05


class ProcessTarget:
    """Carries deployments as local processes. Implements rollout.ports.Target.

    A release whose packages differ from this process's own is served by a worker in a runtime of its own.
    """

    def __init__(
        self,
        workspace: Workspace,
        database: Database | None,
        *,
        runtimes: Runtimes | None = None,
    ) -> None:
        self._workspace = workspace
        self._runtimes = runtimes or Runtimes(workspace.runtimes)
        self._countings: dict[str, Counting] = {}
        self._reading = threading.Lock()
        del database  # what processes need to know is in their state folder

    def prepare(self, release: DesiredRelease, *, say: Callable[[str], None]) -> None:
        """Make the runtime that a release needs, unless it is there. Raises PackageMissing, RuntimeNotMade."""
        if _is_compiled(release):
            require("onnxruntime")
        self._python_of(release, say=say)

    def apply(self, desired: Desired) -> Observed:
        """Tell the shim what is wanted, and start it when it does not run; `observe` says when it has become so.

        Raises NotLoopback, PortTaken, ShimUnavailable; Stale for a revision older than what was told before.
        """
        environment = desired.environment
        if not is_loopback(desired.host):
            raise NotLoopback(environment=environment, host=desired.host)
        known = read_state(self._workspace.environment(environment))
        if known["stopped"] and desired.revision <= known["revision"]:  # a shim would start for nothing
            raise Stale(environment=environment, revision=desired.revision, problem=f"{known['revision']}, a stop")
        self._start_shim(environment)
        return _observed(self._ask(environment, {"do": "apply", "desired": self._page(desired)}, desired.revision))

    def observe(self, environment: str) -> Observed | None:
        """What runs now; None when nothing was ever applied."""
        state = self._workspace.environment(environment)
        known = read_state(state)
        if not known["desired"]:
            return None
        try:
            return _observed(self._ask(environment, {"do": "observe"}))
        except ShimUnavailable as error:
            known = read_state(state)
            stopped = known["stopped"]
            return Observed(
                revision=known["revision"],
                settled=stopped,
                ready=False,
                live=None,
                host=known["desired"]["host"],
                port=known["desired"]["port"],
                problem="" if stopped else f"{error.code}: {error}",
            )

    def counts(self, environment: str, rollout: str) -> Mapping[int, StageCounts]:
        """The cumulative counts of a rollout by stage, over every door that there is or was.

        Raises CountsUnreadable, CountsDamaged.
        """
        with self._reading:
            if environment not in self._countings:
                from plimsoll.targets.counting import Counting  # brings NumPy, which most commands do not need

                self._countings[environment] = Counting(
                    self._counts(environment), environment=environment, doors=workspace_clock(self._workspace)
                )
            return self._countings[environment].read(rollout)

    def stop(self, environment: str, *, revision: int) -> None:
        """End every process of the environment; requests in flight are answered first.

        Raises ShimUnavailable; Stale for a revision older than what was told before.
        """
        deadline = time.monotonic() + SHIM_WITHIN_S
        while not _is_running(self._workspace.environment(environment)):
            if self._record_stop(environment, revision, is_last_try=time.monotonic() > deadline):
                return
            time.sleep(LOOK_EVERY_S)  # a shim is just starting or ending
        self._ask(environment, {"do": "stop", "revision": revision}, revision)

    def _page(self, desired: Desired) -> dict[str, Any]:
        """What is wanted, as the shim takes it."""
        return {
            "project": desired.project,
            "environment": desired.environment,
            "revision": desired.revision,
            "host": desired.host,
            "port": desired.port,
            "doors": desired.doors,
            "keys": str(self._workspace.keys.absolute()),
            "capture": str(self._workspace.capture(desired.environment).absolute()),
            "counts": str(self._counts(desired.environment).absolute()),
            "releases": [
                {
                    "name": release.name,
                    "digest": release.digest,
                    "bundle": str(release.bundle.absolute()),
                    "python": self._python_of(release),
                }
                for release in desired.releases
            ],
            "live": desired.live,
            "stick_to": desired.stick_to,
            "traffic": asdict(desired.traffic) if desired.traffic is not None else None,
            **({"clock": str(self._workspace.clock.absolute())} if self._workspace.clock.exists() else {}),
        }

    def _python_of(self, release: DesiredRelease, *, say: Callable[[str], None] = lambda _: None) -> str:
        """The interpreter of a release's worker; empty for the one that this process runs in.

        A compiled release has no worker: the door answers with the model's form that was proven to be the same. One
        without a lock is no whole bundle: the door refuses it by name.
        """
        place = release.bundle / "lock.txt"
        if _is_compiled(release) or not place.exists():
            return ""
        lock = place.read_text(encoding="utf-8")
        python = self._runtimes.python_of(lock, release=release.name, say=say)
        return "" if python == Path(sys.executable) else str(python)

    def _counts(self, environment: str) -> Path:
        return self._workspace.environment(environment) / "counts"

    def _record_stop(self, environment: str, revision: int, *, is_last_try: bool) -> bool:
        """Keep that it was stopped where no shim runs, so that nobody who comes late starts it; False where one does."""
        state = self._workspace.environment(environment).absolute()
        done = _run_shim(str(state), "--stop", str(revision))
        if done.returncode == OLDER:
            problem = f"revision {read_state(state)['revision']}"
            raise Stale(environment=environment, revision=revision, problem=problem)
        if done.returncode == SHIM_RUNS and not is_last_try:
            return False
        if done.returncode:
            problem = _last_line(done.stderr) or "it holds its lock and does not answer"
            raise ShimUnavailable(environment=environment, problem=problem, log=self._log(environment))
        return True

    def _start_shim(self, environment: str) -> None:
        """Start the environment's shim unless it runs; it answers on return.

        Of two that start at once one finds the lock taken and ends; the other may need a moment more.
        """
        state = self._workspace.environment(environment)
        deadline = time.monotonic() + SHIM_WITHIN_S
        while not _is_running(state):
            started = _run_shim(str(state.absolute()))
            if started.returncode or time.monotonic() > deadline:
                problem = _last_line(started.stderr) or "another one holds its lock and does not answer"
                raise ShimUnavailable(environment=environment, problem=problem, log=self._log(environment))

    def _ask(self, environment: str, request: dict[str, Any], revision: int = 0) -> dict[str, Any]:
        """The shim's answer. Raises ShimUnavailable, or what the shim's own refusal stands for."""
        place = control_socket(self._workspace.environment(environment))
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
                stream.settimeout(ANSWER_WITHIN_S)
                stream.connect(str(place))
                stream.sendall(json.dumps(request).encode() + b"\n")
                with stream.makefile("rb") as lines:
                    answer: dict[str, Any] = json.loads(lines.readline())
        except (OSError, ValueError) as error:
            log = self._log(environment)
            raise ShimUnavailable(
                environment=environment, problem=str(error) or type(error).__name__, log=log
            ) from error
        if "error" in answer:
            self._raise_refusal(environment, answer["error"], revision)
        return answer

    def _raise_refusal(self, environment: str, error: dict[str, str], revision: int) -> None:
        if error["code"] == PortTaken.code:
            raise PortTaken(environment=environment, problem=error["text"])
        if error["code"] == Stale.code:
            raise Stale(environment=environment, revision=revision, problem=error["text"])
        raise ShimUnavailable(environment=environment, problem=error["text"], log=self._log(environment))

    def _log(self, environment: str) -> str:
        return str(self._workspace.environment(environment) / "logs")


def _in_short(text: str) -> str:
    """A text without the traceback between its first line and its last; the whole is in the door's log."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if len(lines) < 2 else f"{lines[0]} … {lines[-1]}"


def _is_compiled(release: DesiredRelease) -> bool:
    return (release.bundle / "compiled").is_dir()


def _is_running(state: Path) -> bool:
    """Whether a shim answers for the state folder; a killed one leaves its socket, which refuses."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.connect(str(control_socket(state)))
    except OSError:
        return False
    return True


def _run_shim(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", SHIM, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _observed(answer: dict[str, Any]) -> Observed:
    desired, status = answer["desired"], answer["status"]
    live = status["live"]
    return Observed(
        revision=answer["revision"],
        settled=status["settled"],
        ready=status["ready"],
        live=live["digest"] if live else None,
        host=desired["host"],
        port=desired["port"],
        releases=tuple(
            _release(digest, said, deaths=answer["deaths"].get(digest, 0))
            for digest, said in status["releases"].items()
        ),
        processes=tuple((role, pid) for role, pid in answer["processes"]),
        problem=answer["problem"],
    )


def _release(digest: str, said: dict[str, Any], *, deaths: int) -> ObservedRelease:
    refused = said["refused"]
    problem = f"{refused['code']}: {_in_short(refused['text'])}" if refused else ""
    return ObservedRelease(digest=digest, ready=said["ready"], problem=problem, deaths=deaths)
