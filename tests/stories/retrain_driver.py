"""`plimsoll` as it is, but that it kills itself at the point that it is told.

Run as `python -m tests.stories.retrain_driver COMMAND…`; PLIMSOLL_TEST_KILL names the point.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from plimsoll.cli.main import main
from plimsoll.pipeline.errors import RunMissing
from plimsoll.pipeline.operations import get_run
from plimsoll.retrain import controller
from plimsoll.retrain.entities import Done, Judged, Running

POINTS = ("requested", "bound", "in the run", "judged", "released", "deployed", "arrived")
"""Where the server dies: after what it wrote last, or while its child works."""


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


if __name__ == "__main__":
    if os.environ.get("PLIMSOLL_TEST_KILL"):
        die_at(os.environ["PLIMSOLL_TEST_KILL"])
    main()
