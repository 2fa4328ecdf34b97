"""Answers a request by the arm that it was given to, and by the champion when the candidate fails.

What each arm made of it is captured and counted before the answer leaves; a copy is tried, captured and counted
afterwards, and nobody waits for it. While an arm's worker is away there is nothing to compare, so nothing is counted;
a death itself counts once, however many requests it left behind: it is one event, and no test takes it for many. Which arm it is, routing.py decides; HTTP is app.py's.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from plimsoll.capture.counts import Outcome, Tried
from plimsoll.capture.entities import Role
from plimsoll.serving.attempt import Attempt, attempt
from plimsoll.serving.entities import Limits
from plimsoll.serving.metrics import Tally
from plimsoll.serving.ports import Release
from plimsoll.serving.record import ALONE, Part, Recorder
from plimsoll.serving.routing import BUCKETS, Draw, Routes, Split, draw, sticky_value, unit_of

log = logging.getLogger("plimsoll.door")

NOTE_EVERY_S = 1.0
"""A candidate that fails on everything must not fill the disk with the same line."""

R = TypeVar("R", bound=Release)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came in: its parsed body, its headers, and when its last byte was there."""

    page: Mapping[str, Any]
    headers: Sequence[tuple[bytes, bytes]]
    received_us: int
    begun: float
    """The same moment on the clock that measures."""

    @property
    def seconds(self) -> float:
        """How long the caller has waited."""
        return time.perf_counter() - self.begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the caller gets."""

    attempt: Attempt
    prediction: str
    """Its id in the capture; empty when it is not there."""
    role: Role
    fallback_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A request in a rollout, with all that was decided before it was tried."""

    asked: Asked
    champion: Release
    split: Split[Any]
    drawn: Draw
    deadline_s: float
    copying: bool
    """Whether the arm that does not answer gets a copy."""
    counted: bool
    """In a stage of copies only pairs are counted."""
    compared: bool
    """Whether both arms were there; if not, the request is in nobody's counts and in no stage's capture."""

    @property
    def candidate(self) -> Release:
        candidate: Release = self.split.candidate
        return candidate

    def part(self, role: Role, *, compared: bool, **more: Any) -> Part:
        if not compared:
            return Part(role=role, **more)
        traffic = self.split.traffic
        drawn: dict[str, Any] = {"propensity": self.drawn.propensity, **more}
        return Part(role=role, rollout=traffic.rollout, stage=traffic.stage, **drawn)

    def tried(self, *, champion: Attempt | None = None, candidate: Attempt | None = None) -> dict[str, Any]:
        """What an outcome says of the arms. A request that does not fit is its caller's fault, and no arm's."""
        both_refuse = champion is not None and champion.bad and candidate is not None and candidate.bad
        return {
            "champion": champion
            and Tried(seconds=champion.seconds, failed=champion.failed(self.deadline_s) and not champion.bad),
            "candidate": candidate
            and Tried(seconds=candidate.seconds, failed=candidate.failed(self.deadline_s) and not both_refuse),
        }

    def count(self, **outcome: Any) -> None:
        """Append the outcome to the rollout's journal."""
        drawn = self.drawn
        self.split.journal.append(
            Outcome(stage=self.split.traffic.stage, unit=drawn.unit, fresh=drawn.fresh, **outcome)
        )


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
        self._copying = 0
        self._noted = 0.0
        self._copies: set[asyncio.Task[None]] = set()
        self._charged: WeakKeyDictionary[Release, int] = WeakKeyDictionary()

    async def answer(self, routes: Routes[R], asked: Asked) -> Answered:
        """The answer by the release that the routes give the request to; there must be a live one."""
        champion = routes.live
        assert champion is not None
        if routes.split is None:
            with _held(champion):
                tried = await self._by_champion(champion, asked)
                return self._answered(tried, ALONE, asked)
        turn = self._turn(champion, routes.split, asked)
        with _held(champion, turn.candidate):
            return await (self._candidates_turn(turn) if turn.drawn.candidate else self._champions_turn(turn))

    async def pinned(self, release: Release, role: Role, asked: Asked) -> Answered:
        """The answer by that release or its own error, outside of any rollout."""
        with _held(release):
            return self._answered(await attempt(release, asked.page), Part(role=role, pinned=True), asked)

    async def copied(self) -> None:
        """Return when no copy is in flight any more."""
        while self._copies:
            await asyncio.wait(self._copies)

    def _turn(self, champion: Release, split: Split[Any], asked: Asked) -> _Turn:
        traffic = split.traffic
        value = sticky_value(split.stick_to, asked.page, asked.headers)
        unit = None if value is None else unit_of(traffic.rollout, value)
        drawn = draw(traffic, unit=unit, chance=self._chance())
        compared = champion.ready and split.candidate.ready
        copying = compared and drawn.copied and self._reserve_copy()
        return _Turn(
            asked=asked,
            champion=champion,
            split=split,
            drawn=drawn,
            deadline_s=champion.pace.deadline_s(traffic.deadline_s, most_s=self._limits.deadline_s),
            copying=copying,
            counted=compared and (copying or not traffic.copying),
            compared=compared,
        )

    def _is_compared(self, turn: _Turn, tried: Attempt) -> bool:
        """Whether a request says something of the arms: both were there, and no death is counted twice."""
        return turn.compared and self._is_its_own(tried, turn.deadline_s)

    def _is_its_own(self, tried: Attempt, deadline_s: float) -> bool:
        """False for a failure that only says again that the worker died."""
        if not (tried.orphaned and tried.failed(deadline_s)):
            return True
        release = tried.release
        charged, self._charged[release] = self._charged.get(release, 0), release.worker_deaths
        return release.worker_deaths > charged

    def _reserve_copy(self) -> bool:
        if self._copying >= self._limits.copies:
            self._tally.copies_shed += 1
            return False
        self._copying += 1
        return True

    async def _by_champion(self, champion: Release, asked: Asked) -> Attempt:
        tried = await attempt(champion, asked.page)
        if tried.error is None:
            champion.pace.count(tried.seconds)
        return tried

    async def _champions_turn(self, turn: _Turn) -> Answered:
        champion = await self._by_champion(turn.champion, turn.asked)
        compared = self._is_compared(turn, champion)
        answered = self._answered(champion, turn.part("champion", compared=compared), turn.asked)
        if turn.copying:
            self._copy(turn, champion, answered.prediction)
        elif turn.counted and compared:
            turn.count(**turn.tried(champion=champion))
        return answered

    async def _candidates_turn(self, turn: _Turn) -> Answered:
        candidate = await attempt(turn.candidate, turn.asked.page, deadline_s=turn.deadline_s)
        if candidate.failed(turn.deadline_s):
            return await self._fall_back(turn, candidate)
        answered = self._answered(candidate, turn.part("candidate", compared=turn.compared), turn.asked)
        if turn.copying:
            self._copy(turn, candidate, answered.prediction)
        elif turn.counted:
            turn.count(**turn.tried(candidate=candidate))
        return answered

    async def _fall_back(self, turn: _Turn, candidate: Attempt) -> Answered:
        """The champion's answer in the candidate's stead; where the champion should have a copy, this is it."""
        champion = await attempt(turn.champion, turn.asked.page)
        blamed = not (candidate.bad and champion.bad)
        failed_name = turn.candidate.ref.name if blamed else ""
        compared = self._is_compared(turn, candidate)
        part = turn.part("champion", compared=compared, fallback_for=failed_name)
        answered = self._answered(champion, part, turn.asked)
        if turn.counted and compared:
            arms = turn.tried(champion=champion, candidate=candidate)
            turn.count(
                candidate=arms["candidate"],
                champion=arms["champion"] if turn.copying else None,
                fallback_s=turn.asked.seconds if blamed and champion.error is None else None,
                noticed=blamed and champion.error is not None and not champion.bad,
            )
        if turn.copying:
            self._copying -= 1
        self._note_candidate(turn, candidate)
        if blamed:
            self._tally.fallbacks[turn.candidate.ref.version] += 1
        return answered

    def _copy(self, turn: _Turn, first: Attempt, prediction: str) -> None:
        """Let the other arm try too, once the caller's answer is on its way."""
        turn.champion.begin()
        turn.candidate.begin()
        task = asyncio.create_task(self._try_copy(turn, first, prediction))
        self._copies.add(task)
        task.add_done_callback(self._copies.discard)

    async def _try_copy(self, turn: _Turn, first: Attempt, prediction: str) -> None:
        other = turn.champion if turn.drawn.candidate else turn.candidate
        try:
            second = await attempt(other, turn.asked.page, deadline_s=turn.deadline_s)
            champion, candidate = (second, first) if turn.drawn.candidate else (first, second)
            compared = self._is_compared(turn, second)
            propensity = turn.split.traffic.shadow_pct / 100
            part = turn.part("shadow", compared=compared, propensity=propensity, copy_of=prediction)
            self._recorder.record(second, part, received_us=turn.asked.received_us, latency_s=second.seconds)
            if compared:
                turn.count(**turn.tried(champion=champion, candidate=candidate))
            self._tally.requests(other.ref.version, "shadow").count(second.status, second.seconds)
            self._note_candidate(turn, candidate)
        finally:
            self._copying -= 1
            turn.champion.end()
            turn.candidate.end()

    def _note_candidate(self, turn: _Turn, candidate: Attempt) -> None:
        if candidate.seconds > turn.deadline_s:
            self._tally.late[turn.candidate.ref.version] += 1
        if candidate.error is not None and turn.asked.begun > self._noted + NOTE_EVERY_S:
            self._noted = turn.asked.begun
            log.warning("%s: %s", candidate.error.code, candidate.error)

    def _answered(self, tried: Attempt, part: Part, asked: Asked) -> Answered:
        if tried.status == 500:
            log.warning("%s: %s", tried.error and tried.error.code, tried.error)
        prediction = self._recorder.record(tried, part, received_us=asked.received_us, latency_s=asked.seconds)
        return Answered(attempt=tried, prediction=prediction, role=part.role, fallback_for=part.fallback_for)


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
