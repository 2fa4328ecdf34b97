"""What a server does by itself, again and again: one loop for each kind of work, so that none waits for another's look.

Each has a lease of its own: of several servers on one ledger, one does a loop's work and the others stand by.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from plimsoll.kernel.clock import Clock
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database
from plimsoll.ledger.leases import Lease
from plimsoll.server.control import CONTROLLERS, Control, ControllerLoop, turn_under
from plimsoll.server.wiring import control_turn, mlflow_turn, monitor_turn, project_name, retrain_turn

TURNS: dict[str, Callable[[Workspace, Lease], float]] = {
    CONTROLLERS: control_turn,
    "mlflow": mlflow_turn,
    "monitors": monitor_turn,
    "triggers": retrain_turn,
}
"""Loop -> one turn of it; returns after how many seconds the next one is due."""


class Loops:
    """Every loop of one server."""

    def __init__(self, workspace: Workspace, database: Database, clock: Clock) -> None:
        project = project_name(workspace)
        self._controls = {name: Control(database, project=project, clock=clock, loop=name) for name in TURNS}
        self._loops = {name: self._loop(workspace, name) for name in TURNS}

    @property
    def problem(self) -> str:
        """What the last turns failed with; empty when none did."""
        return "; ".join(loop.problem for loop in self._loops.values() if loop.problem)

    def start(self) -> None:
        for loop in self._loops.values():
            loop.start()

    def turn_now(self, name: str, *, timeout_s: float) -> bool:
        """A turn of one loop that begins after this call; False when it has not ended in time."""
        return self._loops[name].turn_now(timeout_s=timeout_s)

    def stop(self, *, timeout_s: float) -> None:
        """Let the running turns end, and other servers work at once; the lease of one that takes longer runs out."""
        deadline = monotonic() + timeout_s
        for name, loop in self._loops.items():
            if loop.stop(timeout_s=max(deadline - monotonic(), 0.0)):
                with suppress(PlimsollError):  # a ledger that is away lets the lease run out
                    self._controls[name].give_back()

    def _loop(self, workspace: Workspace, name: str) -> ControllerLoop:
        control, turn = self._controls[name], TURNS[name]
        return ControllerLoop(lambda: turn_under(control, lambda lease: turn(workspace, lease)), name=name)
