"""Answers a request by the arm that it was given to, and by the champion when the candidate fails.

What was answered is captured, and the outcome counted (account.py), before the answer leaves; a copy is captured and
counted afterwards, and nobody waits for it. Which arm it is, routing.py decides; HTTP is app.py's.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from plimsoll.capture.entities import Role, RolloutPart
from plimsoll.serving.account import Account
from plimsoll.serving.attempt import Attempt, attempt
from plimsoll.serving.entities import Limits
from plimsoll.serving.metrics import Tally
from plimsoll.serving.ports import Release
from plimsoll.serving.record import ALONE, Recorder
from plimsoll.serving.routing import BUCKETS, Routes, Split, draw, sticky_value, unit_of
from plimsoll.serving.turn import Arm, Asked, Turn

log = logging.getLogger("plimsoll.door")

NOTE_EVERY_S = 1.0
"""A candidate that fails on everything must not fill the disk with the same line."""

BECAUSE_LENGTH = 300

R = TypeVar("R", bound=Release)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the caller gets."""

    attempt: Attempt
    prediction: str
    """Its id in the capture; empty when it is not there."""
    role: Role
    fallback_for: str = ""


class Arms:
    """Tries arms. `chance` draws evenly from 0 to 999, for requests that stick to nothing."""

    def __init__(
        self,
        recorder: Recorder,
        tally: Tally,
        *,
        limits: Limits,
        chance: Callable[[], int] = lambda: random.randrange(BUCKETS),  # noqa: S311 - a draw, not a secret
    ) -> None:
        self._recorder = recorder
        self._tally = tally
        self._limits = limits
        self._chance = chance
        self._noted = 0.0
        self._copying = 0
        self._copies: set[asyncio.Task[None]] = set()

    async def answer(self, routes: Routes[R], asked: Asked) -> Answered:
        """The answer by the release that the routes give the request to; there must be a live one."""
        champion = routes.live
        assert champion is not None
        if routes.split is None:
            with _held(champion):
                tried = await self._try("champion", champion, asked)
                return self._answered(tried, ALONE, asked)
        turn = self._turn(champion, routes.split, asked)
        with _held(champion, turn.candidate):
            return await (self._with_copy(turn) if turn.copying else self._alone(turn))

    async def pinned(self, release: Release, role: Role, asked: Asked) -> Answered:
        """The answer by that release or its own error, outside of any rollout."""
        with _held(release):
            return self._answered(await attempt(release, asked.page), RolloutPart(role=role, pinned=True), asked)

    async def copied(self) -> None:
        """Return when no copy is in flight any more."""
        while self._copies:
            await asyncio.wait(self._copies)

    def _turn(self, champion: Release, split: Split[Any], asked: Asked) -> Turn:
        traffic = split.traffic
        value = sticky_value(split.stick_to, asked.page, asked.headers)
        unit = None if value is None else unit_of(traffic.rollout, value)
        drawn = draw(traffic, unit=unit, chance=self._chance())
        both = champion.ready and split.candidate.ready
        copying = both and drawn.copied and self._has_room_for_copy()
        return Turn(
            asked=asked,
            champion=champion,
            split=split,
            drawn=drawn,
            deadline_s=champion.pace.deadline_s(traffic.deadline_s, most_s=self._limits.deadline_s),
            copying=copying,
            compared=both and (copying or not traffic.copying),
        )

    def _has_room_for_copy(self) -> bool:
        if self._copying >= self._limits.copies:
            self._tally.copies_shed += 1
            return False
        return True

    async def _alone(self, turn: Turn) -> Answered:
        """The answer of the arm that has the request, or the champion's in the candidate's stead."""
        arm = turn.answering
        account = Account(turn, arm)
        tried = await self._try(arm, turn.release(arm), turn.asked, deadline_s=turn.deadline_s)
        account.enter(arm, tried)
        if arm == "champion" or not tried.failed(turn.deadline_s):
            return self._answered(tried, turn.part(arm), turn.asked)
        return self._instead(turn, account, tried, await attempt(turn.champion, turn.asked.page))

    async def _with_copy(self, turn: Turn) -> Answered:
        """The same, while the other arm has a copy; where that is the champion, it may be the answer."""
        arm = turn.answering
        other: Arm = "champion" if arm == "candidate" else "candidate"
        account = Account(turn, "champion", "candidate")
        copy = self._copy(turn, account, other)
        tried = await self._try(arm, turn.release(arm), turn.asked, deadline_s=turn.deadline_s)
        account.enter(arm, tried)
        if arm == "candidate" and tried.failed(turn.deadline_s):
            return self._instead(turn, account, tried, await copy)
        answered = self._answered(tried, turn.part(arm), turn.asked)
        turn.champion.begin()
        turn.candidate.begin()
        recording = asyncio.create_task(self._record_copy(turn, other, copy, answered.prediction))
        self._copies.add(recording)
        recording.add_done_callback(self._copies.discard)
        return answered

    async def _try(self, arm: Arm, release: Release, asked: Asked, *, deadline_s: float | None = None) -> Attempt:
        """An arm's attempt. The candidate is given up at the deadline; the champion's callers get its answer late."""
        if arm == "candidate":
            return await attempt(release, asked.page, deadline_s=deadline_s)
        tried = await attempt(release, asked.page)
        if tried.error is None:
            release.pace.count(tried.seconds)
        return tried

    def _instead(self, turn: Turn, account: Account, candidate: Attempt, champion: Attempt) -> Answered:
        """The champion's answer in the candidate's stead, unless both refuse the request as one that does not fit."""
        blamed = not (candidate.bad and champion.bad)
        if blamed:
            account.answered_instead(champion)
            self._tally.fallbacks[turn.candidate.ref.version] += 1
        self._note(turn, candidate)
        why = {"fallback_for": turn.candidate.ref.name, "fallback_because": _because(candidate)} if blamed else {}
        return self._answered(champion, turn.part("champion", **why), turn.asked)

    def _copy(self, turn: Turn, account: Account, arm: Arm) -> asyncio.Task[Attempt]:
        """Let the other arm try beside the one that answers."""
        release = turn.release(arm)
        deadline_s = turn.deadline_s if arm == "candidate" else None
        copy = asyncio.create_task(attempt(release, turn.asked.page, deadline_s=deadline_s))
        self._copying += 1

        def enter(done: asyncio.Task[Attempt]) -> None:
            self._copying -= 1
            account.enter(arm, done.result())

        copy.add_done_callback(enter)
        return copy

    async def _record_copy(self, turn: Turn, arm: Arm, copy: asyncio.Task[Attempt], prediction: str) -> None:
        """Capture what the copy came to, once it has; nobody waits for it. Both releases are held for it."""
        try:
            tried = await copy
            part = turn.part("shadow", propensity=turn.split.traffic.shadow_pct / 100, copy_of=prediction)
            self._recorder.record(tried, part, received_us=turn.asked.received_us, latency_s=tried.seconds)
            self._tally.requests(turn.release(arm).ref.version, "shadow").count(tried.status, tried.seconds)
            if arm == "candidate":
                self._note(turn, tried)
        finally:
            turn.champion.end()
            turn.candidate.end()

    def _note(self, turn: Turn, candidate: Attempt) -> None:
        if candidate.late(turn.deadline_s):
            self._tally.late[turn.candidate.ref.version] += 1
        if candidate.error is not None and turn.asked.begun > self._noted + NOTE_EVERY_S:
            self._noted = turn.asked.begun
            log.warning("%s: %s", candidate.error.code, candidate.error)

    def _answered(self, tried: Attempt, part: RolloutPart, asked: Asked) -> Answered:
        if tried.status == 500:
            log.warning("%s: %s", tried.error and tried.error.code, tried.error)
        prediction = self._recorder.record(tried, part, received_us=asked.received_us, latency_s=asked.seconds)
        return Answered(attempt=tried, prediction=prediction, role=part.role, fallback_for=part.fallback_for)


def _because(failed: Attempt) -> str:
    """Why an attempt failed, in a line for people."""
    if failed.error is None:
        return f"serving.too_late: it took {failed.seconds:.3g} s"
    return f"{failed.error.code}: {' '.join(str(failed.error).split())}"[:BECAUSE_LENGTH]


@contextmanager
def _held(*releases: Release) -> Iterator[None]:
    """Keep releases from being let go of while a request may need them."""
    for release in releases:
        release.begin()
    try:
        yield
    finally:
        for release in releases:
            release.end()
