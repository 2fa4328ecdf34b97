"""What a request's arms made of it, appended to the rollout's journal once: when all are known, or at the deadline.

The deadline holds for both arms alike. Only the candidate is given up then, but an outcome that came in whenever an arm
pleases would show failures of the one before those of the other.
"""

from __future__ import annotations

import asyncio

from plimsoll.capture.counts import Outcome, Tried
from plimsoll.serving.attempt import Attempt, is_bad
from plimsoll.serving.turn import Arm, Turn


class Account:
    """One request's outcome in the making."""

    def __init__(self, turn: Turn, *arms: Arm) -> None:
        self._turn = turn
        self._deaths = {arm: turn.release(arm).worker_deaths for arm in arms}
        self._tried: dict[Arm, Tried] = {}
        self._refused: bool | None = None
        """Whether the champion refuses the request as one that does not fit it; None until it is known."""
        self._timer: asyncio.TimerHandle | None = None
        self._open = True
        remaining_s = turn.deadline_s - turn.asked.seconds
        self._timer = asyncio.get_running_loop().call_later(remaining_s, self._close)

    def enter(self, arm: Arm, attempt: Attempt) -> None:
        """An arm is done; what comes after the deadline is late, and was counted so."""
        if self._open:
            if arm == "champion":
                self._refused = attempt.bad
            seconds = min(attempt.seconds, self._turn.deadline_s)
            failed = attempt.failed(self._turn.deadline_s) and not attempt.away
            self._tried[arm] = Tried(seconds=seconds, failed=failed)
            if len(self._tried) == len(self._deaths):
                self._close()

    def answered_instead(self, attempt: Attempt) -> None:
        """The champion tried in the candidate's stead: how long the caller waited, or that there was no answer."""
        if not attempt.bad:
            failed = attempt.error is not None
            self._append(fresh=False, fallback_s=None if failed else self._turn.asked.seconds, noticed=failed)

    def _close(self) -> None:
        """Append what is known. An arm that is not done is late, unless its worker died."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._open:
            return
        self._open = False
        for arm, deaths in self._deaths.items():
            if arm not in self._tried:
                died = self._turn.release(arm).worker_deaths > deaths
                self._tried[arm] = Tried(seconds=self._turn.deadline_s, failed=not died)
        if self._refused is None:
            self._refused = is_bad(self._turn.champion, self._turn.asked.page)
        # What the champion refuses is its caller's fault, and says nothing of either arm, whichever one has it.
        fresh = self._turn.compared and self._turn.drawn.fresh and not self._refused
        self._append(champion=self._tried.get("champion"), candidate=self._tried.get("candidate"), fresh=fresh)

    def _append(
        self,
        *,
        fresh: bool,
        champion: Tried | None = None,
        candidate: Tried | None = None,
        fallback_s: float | None = None,
        noticed: bool = False,
    ) -> None:
        turn = self._turn
        turn.split.journal.append(
            Outcome(
                stage=turn.split.traffic.stage,
                at_us=turn.asked.received_us,
                due_s=turn.deadline_s,
                champion=champion,
                candidate=candidate,
                unit=turn.drawn.unit,
                fresh=fresh,
                fallback_s=fallback_s,
                noticed=noticed,
            )
        )
