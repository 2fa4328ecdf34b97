"""The target `process`: an environment as local processes, kept by a shim that outlives whoever applied it.

State lives in the environment's folder; every method can be called again at any time, from any process.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database
from plimsoll.rollout.entities import Desired, Observed
from plimsoll.serving import shim
from plimsoll.targets.errors import NotLiveInTime, NotLoopback, PortTaken, ReleaseRefused, ShimUnavailable

LIVE_WITHIN_S = 90.0
SHIM_WITHIN_S = 10.0
ANSWER_WITHIN_S = 30.0
LOOK_EVERY_S = 0.03


class ProcessTarget:
    """Carries deployments as local processes. Implements rollout.ports.Target."""

    def __init__(self, workspace: Workspace, database: Database) -> None:
        self._workspace = workspace
        del database  # what processes need to know is in their state folder

    def apply(self, desired: Desired) -> Observed:
        """Make it so and return once the live release answers.

        Raises NotLoopback, PortTaken, ShimUnavailable, ReleaseRefused, NotLiveInTime.
        """
        if not shim.is_loopback(desired.host):
            raise NotLoopback(environment=desired.environment, host=desired.host)
        page = {
            "project": desired.project,
            "environment": desired.environment,
            "host": desired.host,
            "port": desired.port,
            "keys": str(self._workspace.keys.absolute()),
            "capture": str(self._workspace.capture(desired.environment).absolute()),
            "live": {
                "name": desired.live.name,
                "digest": desired.live.digest,
                "bundle": str(desired.live.bundle.absolute()),
            },
        }
        self._start_shim(desired.environment)
        answer = self._ask(desired.environment, {"do": "apply", "desired": page})
        return self._wait_until_live(desired, answer)

    def observe(self, environment: str) -> Observed | None:
        """What runs now; None when nothing was ever applied."""
        state = self._workspace.environment(environment)
        if not (state / "serving.json").exists():
            return None
        try:
            answer = self._ask(environment, {"do": "observe"})
        except ShimUnavailable as error:
            desired = json.loads((state / "serving.json").read_text(encoding="utf-8"))["desired"]
            problem = str(error) if _is_running(state) else ""
            return Observed(ready=False, live=None, host=desired["host"], port=desired["port"], problem=problem)
        return _observed(answer)

    def stop(self, environment: str) -> None:
        """End every process of the environment; requests in flight are answered first."""
        if _is_running(self._workspace.environment(environment)):
            self._ask(environment, {"do": "stop"})

    def _start_shim(self, environment: str) -> None:
        """Start the environment's shim unless it runs; it answers on return.

        Of two that start at once one finds the lock taken and ends; the other may need a moment more.
        """
        state = self._workspace.environment(environment)
        deadline = time.monotonic() + SHIM_WITHIN_S
        while not _is_running(state):
            started = subprocess.run(
                [sys.executable, "-I", "-S", shim.__file__, str(state.absolute())],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if started.returncode or time.monotonic() > deadline:
                problem = (started.stderr.strip().splitlines() or ["another one holds its lock and does not answer"])[
                    -1
                ]
                raise ShimUnavailable(environment=environment, problem=problem, log=self._log(environment))

    def _wait_until_live(self, desired: Desired, answer: dict[str, Any]) -> Observed:
        turn = answer["turn"]
        deadline = time.monotonic() + LIVE_WITHIN_S
        while time.monotonic() < deadline:
            status = answer["status"]
            if status.get("turn", -1) >= turn:
                observed = _observed(answer)
                if observed.ready and observed.live == desired.live.digest:
                    return observed
                self._raise_if_refused(desired, status["refused"])
            time.sleep(LOOK_EVERY_S)
            answer = self._ask(desired.environment, {"do": "observe"})
        raise NotLiveInTime(
            release=desired.live.name,
            environment=desired.environment,
            seconds=LIVE_WITHIN_S,
            log=self._log(desired.environment),
        )

    def _raise_if_refused(self, desired: Desired, refused: dict[str, str] | None) -> None:
        if refused is not None and refused["digest"] == desired.live.digest:
            raise ReleaseRefused(
                environment=desired.environment,
                release=desired.live.name,
                reason=refused["code"],
                problem=refused["text"],
                cure=refused["hint"],
            )

    def _ask(self, environment: str, request: dict[str, Any]) -> dict[str, Any]:
        """The shim's answer. Raises ShimUnavailable, or what the shim's own refusal stands for."""
        place = shim.control_socket(self._workspace.environment(environment))
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
            self._raise_refusal(environment, answer["error"])
        return answer

    def _raise_refusal(self, environment: str, error: dict[str, str]) -> None:
        if error["code"] == "serving.port_taken":
            raise PortTaken(environment=environment, problem=error["text"])
        raise ShimUnavailable(environment=environment, problem=error["text"], log=self._log(environment))

    def _log(self, environment: str) -> str:
        return str(self._workspace.environment(environment) / "logs")


def _is_running(state: Path) -> bool:
    """Whether a shim answers for the state folder; a killed one leaves its socket, which refuses."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.connect(str(shim.control_socket(state)))
    except OSError:
        return False
    return True


def _observed(answer: dict[str, Any]) -> Observed:
    desired, status = answer["desired"], answer["status"]
    live = status.get("live")
    refused = status.get("refused")
    return Observed(
        ready=bool(status.get("ready")),
        live=live["digest"] if live else None,
        host=desired["host"],
        port=desired["port"],
        processes=tuple((role, pid) for role, pid in answer["processes"]),
        problem=f"{refused['code']}: {refused['text']}" if refused else "",
    )
