"""One turn of the controllers when somebody asks for it: by the server's loop, or here where no server runs.

Whoever moves a replay's clock asks after each step, so that nothing due at one moment is done at a later one.
"""

from __future__ import annotations

from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database
from plimsoll.server.control import ControllerLoop
from plimsoll.server.errors import TurnNotEnded
from plimsoll.server.wiring import turn_without_server

TURN_WITHIN_S = 600.0
"""A turn may train a model, or make a runtime."""


class Turns:
    """The controllers of a workspace as this process can reach them. `loop` is the server's, once it runs one."""

    def __init__(self, workspace: Workspace, database: Database) -> None:
        self._workspace = workspace
        self.loop: ControllerLoop | None = None
        del database  # a turn opens its own

    def turn_now(self) -> str:
        """Take a turn that begins after this call; returns what it failed with, empty when it did not.

        Where another process has the controllers' lease, that one takes its turns by itself. Raises TurnNotEnded.
        """
        if self.loop is None:
            turn_without_server(self._workspace)
            return ""
        if not self.loop.turn_now(timeout_s=TURN_WITHIN_S):
            raise TurnNotEnded(seconds=f"{TURN_WITHIN_S:g}")
        return self.loop.problem
