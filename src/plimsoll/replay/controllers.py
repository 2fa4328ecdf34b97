"""The controllers as a replay deals with them: every turn that is due is waited for, and so is what it began.

While something is under way replayed time stands still, but for a millisecond a turn, so that ids sort as things
happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from plimsoll.edge.client import RemoteError
from plimsoll.edge.context import Progress
from plimsoll.kernel.clock import FileClock, to_text
from plimsoll.replay.errors import StandsStill
from plimsoll.replay.server import Server

LOOK_S = 0.05
PATIENCE_S = 900.0
"""How long the same may be under way, in real time, before the replay gives up; a run takes as long as it takes."""
_CREEP = timedelta(milliseconds=1)


class Controllers:
    """Takes turns until nothing is under way that replayed time should wait for."""

    def __init__(
        self,
        server: Server,
        clock: FileClock,
        *,
        run_time: timedelta,
        approver: str,
        say: Callable[[Progress], None],
        logs: str,
    ) -> None:
        self._server = server
        self._clock = clock
        self._run_time = run_time
        self._approver = approver
        self._say = say
        self._logs = logs
        self._run_since: datetime | None = None
        self.turns = 0
        self.waited_s = 0.0

    @property
    def run_ends(self) -> datetime | None:
        """Until when a run that is under way need not be waited for; None while there is none."""
        return None if self._run_since is None else self._run_since + self._run_time

    def settle(self) -> bool:
        """Take a turn, and others while something is under way; True when there was."""
        turned = self._turn()
        begun, last, since = time.monotonic(), "", time.monotonic()
        while self._must_wait(turned):
            what = _told(turned)
            if what != last:
                last, since = what, time.monotonic()
                self._say(Progress(task=f"{self._clock.now():%Y-%m-%d %H:%M}", message=what))
            if time.monotonic() - since > PATIENCE_S and not any(one["kind"] == "run" for one in turned["under_way"]):
                minutes = PATIENCE_S / 60
                raise StandsStill(at=to_text(self._clock.now()), minutes=minutes, what=what, folder=self._logs)
            time.sleep(LOOK_S)
            self._clock.set(self._clock.now() + _CREEP)
            turned = self._turn()
        self.waited_s += time.monotonic() - begun
        return bool(last)

    def _turn(self) -> dict[str, Any]:
        self.turns += 1
        turned: dict[str, Any] = self._server.ask("controllers.turn")
        for waiting in turned["unapproved"]:
            self._approve(waiting)
        return turned

    def _must_wait(self, turned: dict[str, Any]) -> bool:
        kinds = {item["kind"] for item in turned["under_way"]}
        if "run" not in kinds:
            self._run_since = None
        elif self._run_since is None:
            self._run_since = self._clock.now()
        if kinds == {"run"} and self.run_ends is not None and self._clock.now() < self.run_ends:
            return False
        return bool(kinds or turned["problem"])

    def _approve(self, waiting: dict[str, str]) -> None:
        """Say yes to a release that waits for it, as the person who was named for that."""
        if not self._approver:
            return
        try:
            self._server.ask(
                "approvals.create",
                token=self._approver,
                release=waiting["release"],
                environment=waiting["environment"],
                comment="approved by the replay",
            )
        except RemoteError as error:
            self._say(Progress(task=waiting["release"], message=f"{error.code}: {error}"))


def _told(turned: dict[str, Any]) -> str:
    return "; ".join(item["sentence"] for item in turned["under_way"]) or str(turned["problem"])
