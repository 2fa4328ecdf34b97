"""One turn of the controllers when somebody asks for it: by the server's loop, or here where no server runs.

Whoever moves a replay's clock asks after each step, so that nothing due at one moment is done at a later one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database
from plimsoll.server.errors import TurnNotEnded
from plimsoll.server.wiring import turn_without_server

if TYPE_CHECKING:
    from plimsoll.server.loops import Loops

IN_ORDER = ("monitors", "triggers", "controllers")
"""What is seen comes first, then what follows from it, then what brings that about."""
TURN_WITHIN_S = 600.0
"""A turn may make a runtime."""


class Turns:
    """The controllers of a workspace as this process can reach them. `loops` are the server's, once it runs them."""

    def __init__(self, workspace: Workspace, database: Database) -> None:
        self._workspace = workspace
        self.loops: Loops | None = None
        del database  # a turn opens its own

    def turn_now(self) -> str:
        """Take a turn of every loop that begins after this call; returns what they failed with, empty when none did.

        Where another process has a loop's lease, that one takes its turns by itself. Raises TurnNotEnded.
        """
        for name in IN_ORDER:
            if self.loops is None:
                turn_without_server(self._workspace, name)
            elif not self.loops.turn_now(name, timeout_s=TURN_WITHIN_S):
                raise TurnNotEnded(seconds=f"{TURN_WITHIN_S:g}")
        return self.loops.problem if self.loops else ""
