"""`plimsoll` as it is, but for two things: alerts come from a file, and it kills itself at the point that it is told.

Run as `python -m tests.stories.retrain_driver COMMAND…`; PLIMSOLL_TEST_KILL names the point.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plimsoll.cli.main import main
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database
from plimsoll.monitor.entities import Alert, AlertState, Concern
from plimsoll.pipeline.errors import RunMissing
from plimsoll.pipeline.operations import get_run
from plimsoll.retrain import controller
from plimsoll.retrain.entities import Done, Judged, Running
from plimsoll.server import wiring

POINTS = ("requested", "bound", "in the run", "judged", "released", "deployed", "arrived")
"""Where the server dies: after what it wrote last, or while its child works."""


class FileAlerts:
    """Implements retrain.ports.Alerts over a file of a test's own."""

    def __init__(self, workspace: Workspace, _database: Database) -> None:
        self._file = alerts_file(workspace.state)

    def open(self, *, project: str, environment: str) -> tuple[Alert, ...]:
        if not self._file.exists():
            return ()
        found = [_alert(fields) for fields in json.loads(self._file.read_text())]
        return tuple(
            alert
            for alert in reversed(found)
            if (alert.project, alert.environment) == (project, environment) and alert.state is not AlertState.RESOLVED
        )


def alerts_file(state: Path) -> Path:
    return state / "alerts-of-the-test.json"


def write_alerts(state: Path, alerts: list[dict[str, Any]]) -> None:
    """All alerts there are, oldest first, whole or not at all."""
    scratch = alerts_file(state).with_suffix(".new")
    scratch.write_text(json.dumps(alerts))
    scratch.replace(alerts_file(state))


def die_at(point: str) -> None:
    """Let this process kill itself when it has come so far."""
    assert point in POINTS
    _after("record_firings", lambda *_: point == "requested")
    _before("surroundings", lambda _context, _project, one: _is_at(point, one.state, one.worker, _context))
    _before("deploy", lambda *_: point == "released")
    _after("deploy", lambda *_: point == "deployed")
    _before("record_step", lambda _context, _lease, _one, step: point == "arrived" and isinstance(step.state, Done))
    _after("record_step", lambda _context, _lease, _one, step: point == "bound" and isinstance(step.state, Running))


def _is_at(point: str, state: object, worker: str, context: Any) -> bool:
    if point == "judged":
        return isinstance(state, Judged)
    if point != "in the run" or not isinstance(state, Running) or not worker:
        return False
    try:
        return bool(get_run(context, state.run).steps)
    except RunMissing:
        return False


def _after(name: str, is_there: Callable[..., bool]) -> None:
    real = getattr(controller, name)

    def then_die(*arguments: Any, **named: Any) -> Any:
        answer = real(*arguments, **named)
        if is_there(*arguments):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(controller, name, then_die)


def _before(name: str, is_there: Callable[..., bool]) -> None:
    real = getattr(controller, name)

    def die_first(*arguments: Any, **named: Any) -> Any:
        if is_there(*arguments):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)

    setattr(controller, name, die_first)


def _alert(fields: dict[str, Any]) -> Alert:
    given = {**fields, "concern": Concern(fields["concern"]), "state": AlertState(fields["state"])}
    return Alert(**given)


if __name__ == "__main__":
    wiring.PLUGINS["alerts", "ledger"] = "tests.stories.retrain_driver:FileAlerts"
    if os.environ.get("PLIMSOLL_TEST_KILL"):
        die_at(os.environ["PLIMSOLL_TEST_KILL"])
    main()
