"""Whatever a candidate does, its callers get the champion's answer, and both arms are counted as they were tried."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from plimsoll.capture.counts import Tried
from plimsoll.capture.reader import read_predictions
from plimsoll.capture.writer import CaptureWriter
from plimsoll.serving.arms import Arms
from plimsoll.serving.entities import Limits, ReleaseRef, Traffic
from plimsoll.serving.errors import BadRequest, ModelFailed, Overloaded, WorkerDied
from plimsoll.serving.metrics import Tally
from plimsoll.serving.oip import InferRequest, Output
from plimsoll.serving.pace import Pace
from plimsoll.serving.record import Recorder
from plimsoll.serving.routing import Routes, Split
from plimsoll.serving.turn import Asked

BAD = BadRequest(listing="x is bad", problems=["x is bad"], model="fraud")
FAILED = ModelFailed(release="fraud", problem="ValueError: no")


class FakeRelease:
    """Answers with its number, after some seconds, or with an error; knows how many hold it."""

    def __init__(self, number, *, error=None, takes_s=0.0, ready=True):
        self.ref = ReleaseRef(name=f"fraud@{number}", digest=f"digest-{number}", bundle=Path("/nowhere"))
        self.pace = Pace()
        self.ready = ready
        self.worker_deaths = 0
        self.held = 0
        self.tried = 0
        self._error = error
        self._takes_s = takes_s

    def read(self, page):
        if isinstance(self._error, BadRequest):
            raise self._error
        return InferRequest(id=None, rows=1, columns={"x": [1]}, context={}, outputs=None)

    async def score(self, request):
        assert self.held > 0
        self.tried += 1
        if self._takes_s:
            await asyncio.sleep(self._takes_s)
        if self._error is not None:
            raise self._error
        return (Output(name="score", datatype="FP64", shape=(1,), data=[float(self.ref.version)]),)

    def begin(self):
        self.held += 1

    def end(self):
        self.held -= 1


@dataclass
class Door:
    """Arms with a champion, a candidate and a journal that can be looked at."""

    folder: Path
    champion: FakeRelease = field(default_factory=lambda: FakeRelease(1))
    candidate: FakeRelease = field(default_factory=lambda: FakeRelease(2))
    candidate_pct: float = 50.0
    shadow_pct: float = 0.0
    chance: int = 0
    """0: the candidate's, 999: the champion's."""
    deadline_s: float | None = 5.0
    limits: Limits = field(default_factory=Limits)
    stick_to: str = ""
    outcomes: list = field(default_factory=list)

    def __post_init__(self):
        self.capture = CaptureWriter(self.folder)
        self.tally = Tally(model="fraud", environment="staging")
        recorder = Recorder(self.capture, environment="staging")
        self.arms = Arms(recorder, self.tally, limits=self.limits, chance=lambda: self.chance)
        traffic = Traffic(
            rollout="rollout-1", stage=2, candidate="digest-2", candidate_pct=self.candidate_pct,
            shadow_pct=self.shadow_pct, deadline_s=self.deadline_s,
        )  # fmt: skip
        split = Split(traffic=traffic, stick_to=self.stick_to, candidate=self.candidate, journal=self)
        self.routes = Routes(live=self.champion, split=split)

    def append(self, outcome):
        self.outcomes.append(outcome)

    async def ask(self, page=None):
        begun = time.perf_counter()
        return await self.arms.answer(
            self.routes, Asked(page=page or {}, headers=[], received_us=1_000_000, begun=begun)
        )

    def play(self, count=1):
        """Answers to that many requests at once, after all copies are done."""

        async def story():
            answers = await asyncio.gather(*(self.ask() for _ in range(count)))
            await self.arms.copied()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return answers

        answers = asyncio.run(story())
        self.capture.close()
        assert (self.champion.held, self.candidate.held) == (0, 0)
        return answers

    @property
    def tried(self):
        """Outcomes that say what arms did."""
        return [outcome for outcome in self.outcomes if outcome.champion or outcome.candidate]

    @property
    def outcome(self):
        (outcome,) = self.tried
        return outcome

    @property
    def aftermath(self):
        """What became of the caller whose candidate failed."""
        (outcome,) = [outcome for outcome in self.outcomes if outcome not in self.tried]
        assert not outcome.fresh
        return outcome

    @property
    def captured(self):
        return list(read_predictions(self.folder))


def test_without_a_split_the_live_release_answers_and_nothing_is_counted(tmp_path):
    door = Door(tmp_path)
    door.routes = Routes(live=door.champion)
    (answer,) = door.play()
    assert answer.attempt.outputs[0].data == [1.0]
    assert door.outcomes == []
    (captured,) = door.captured
    assert (captured.role, captured.rollout, captured.stage, captured.propensity) == ("champion", "", None, 1.0)


@pytest.mark.parametrize(("chance", "number"), [(0, 2), (499, 2), (500, 1), (999, 1)])
def test_the_arm_that_is_drawn_answers_and_is_counted(tmp_path, chance, number):
    door = Door(tmp_path, chance=chance)
    (answer,) = door.play()
    assert (answer.attempt.outputs[0].data, answer.fallback_for) == ([float(number)], "")
    arms = {1: door.outcome.champion, 2: door.outcome.candidate}
    assert not arms[number].failed
    assert arms[3 - number] is None
    (captured,) = door.captured
    assert (captured.release, captured.role) == (f"fraud@{number}", {1: "champion", 2: "candidate"}[number])
    assert (captured.rollout, captured.stage, captured.propensity) == ("rollout-1", 2, 0.5)


@pytest.mark.parametrize(
    "candidate",
    [
        FakeRelease(2, error=FAILED),
        FakeRelease(2, error=WorkerDied(release="fraud@2", times=3)),
        FakeRelease(2, error=Overloaded(waiting=3, release="fraud@2")),
        FakeRelease(2, error=RuntimeError("anything")),
        FakeRelease(2, error=BAD),
        FakeRelease(2, takes_s=60),
    ],
    ids=["model failed", "worker died", "overloaded", "any exception", "refused what fits", "hangs"],
)
def test_a_failing_candidate_is_counted_and_its_caller_gets_the_champions_answer(tmp_path, candidate):
    door = Door(tmp_path, candidate=candidate, deadline_s=0.02)
    (answer,) = door.play()

    assert (answer.attempt.outputs[0].data, answer.fallback_for, answer.role) == ([1.0], "fraud@2", "champion")
    assert (door.outcome.candidate.failed, door.outcome.champion, door.aftermath.noticed) == (True, None, False)
    assert door.aftermath.fallback_s >= door.outcome.candidate.seconds
    assert door.tally.fallbacks == {"2": 1}
    (captured,) = door.captured
    assert (captured.release, captured.role, captured.fallback_for) == ("fraud@1", "champion", "fraud@2")


@pytest.mark.parametrize("away", ["champion", "candidate"])
@pytest.mark.parametrize("chance", [0, 999])
@pytest.mark.parametrize("shadow_pct", [0.0, 100.0])
def test_while_an_arm_is_away_nothing_is_compared_but_what_callers_met_is_told(tmp_path, away, chance, shadow_pct):
    door = Door(tmp_path, chance=chance, shadow_pct=shadow_pct, candidate_pct=0.0 if shadow_pct else 50.0)
    getattr(door, away).ready = False
    (answer,) = door.play()

    assert answer.attempt.error is None
    assert answer.fallback_for == (
        "fraud@2" if (away, answer.role, chance) == ("candidate", "champion", 0) and not shadow_pct else ""
    )
    assert not door.outcome.fresh
    assert len(door.outcomes) == 1 + bool(answer.fallback_for)
    (captured,) = door.captured
    assert (captured.rollout, captured.stage, captured.fallback_for) == ("rollout-1", 2, answer.fallback_for)


class Dying(FakeRelease):
    """Its worker dies a moment after the first request came, and takes another moment to come back."""

    async def score(self, request):
        if self.tried == 0:
            asyncio.get_running_loop().call_later(0.01, self.die)
        return await super().score(request)

    def die(self):
        self.ready = False
        self.worker_deaths += 1


def test_a_death_is_no_error_of_the_requests_that_it_left_behind(tmp_path):
    """They are counted all the same, or the split would seem to favour the arm that lives."""
    door = Door(tmp_path, candidate=Dying(2, takes_s=60), deadline_s=0.05)
    answers = door.play(count=7)

    assert {answer.fallback_for for answer in answers} == {"fraud@2"}
    assert [(outcome.candidate.failed, outcome.fresh) for outcome in door.tried] == [(False, True)] * 7
    assert len(door.outcomes) == 14, "each caller's wait is told as well"
    assert len(door.captured) == 7


def test_nor_is_the_champions_death_an_error_of_what_waits_for_its_next_worker(tmp_path):
    door = Door(tmp_path, champion=Dying(1, takes_s=0.1), chance=999, deadline_s=0.05)
    answers = door.play(count=5)

    assert [answer.attempt.error for answer in answers] == [None] * 5
    assert [outcome.champion.failed for outcome in door.tried] == [False] * 5


@pytest.mark.parametrize("shadow_pct", [0.0, 100.0])
def test_a_champion_that_is_late_is_counted_at_the_deadline_not_when_it_is_done(tmp_path, shadow_pct):
    """Else a candidate's failures, which are given up then, would be seen before the champion's."""
    door = Door(
        tmp_path, champion=FakeRelease(1, takes_s=0.4), chance=999, deadline_s=0.05, shadow_pct=shadow_pct,
        candidate_pct=0.0 if shadow_pct else 50.0,
    )  # fmt: skip

    async def story():
        asked = asyncio.create_task(door.ask())
        await asyncio.sleep(0.2)
        assert not asked.done()
        assert door.outcome.champion == Tried(seconds=0.05, failed=True)
        answer = await asked
        await door.arms.copied()
        return answer

    answer = asyncio.run(story())
    door.capture.close()
    assert answer.attempt.error is None
    assert (door.outcome.at_us, door.outcome.due_s) == (1_000_000, 0.05)


def test_a_late_candidate_counts_with_the_time_after_which_it_was_given_up(tmp_path):
    door = Door(tmp_path, candidate=FakeRelease(2, takes_s=60), deadline_s=0.05)
    door.play()
    assert 0.05 <= door.outcome.candidate.seconds < 1
    assert door.tally.late == {"2": 1}


def test_the_deadline_judges_the_champion_too_but_its_caller_gets_the_answer(tmp_path):
    door = Door(tmp_path, champion=FakeRelease(1, takes_s=0.05), chance=999, deadline_s=0.02)
    (answer,) = door.play()
    assert answer.attempt.outputs[0].data == [1.0]
    assert door.outcome.champion == Tried(seconds=0.02, failed=True)


def test_the_champions_own_error_is_its_callers(tmp_path):
    door = Door(tmp_path, champion=FakeRelease(1, error=FAILED), chance=999)
    (answer,) = door.play()
    assert (answer.attempt.status, answer.fallback_for) == (500, "")
    assert door.outcome.champion.failed
    assert not any(outcome.noticed for outcome in door.outcomes)
    assert door.candidate.tried == 0


def test_a_request_that_both_refuse_is_not_compared(tmp_path):
    door = Door(tmp_path, champion=FakeRelease(1, error=BAD), candidate=FakeRelease(2, error=BAD))
    (answer,) = door.play()
    assert (answer.attempt.status, answer.fallback_for) == (400, "")
    assert not door.outcome.fresh
    assert len(door.outcomes) == 1
    assert door.tally.fallbacks == {}


def test_a_request_that_the_champion_refuses_is_compared_in_neither_arm(tmp_path):
    door = Door(tmp_path, champion=FakeRelease(1, error=BAD), chance=999)
    (answer,) = door.play()
    assert answer.attempt.status == 400
    assert not door.outcome.fresh


def test_a_crash_on_a_request_that_the_champion_refuses_is_not_compared_and_was_not_noticed(tmp_path):
    door = Door(tmp_path, champion=FakeRelease(1, error=BAD), candidate=FakeRelease(2, error=FAILED))
    (answer,) = door.play()
    assert answer.attempt.status == 400
    assert not door.outcome.fresh
    assert not any(outcome.noticed for outcome in door.outcomes)


def test_when_nobody_can_answer_the_caller_has_noticed(tmp_path):
    door = Door(tmp_path, champion=FakeRelease(1, error=FAILED), candidate=FakeRelease(2, takes_s=60), deadline_s=0.02)
    (answer,) = door.play()
    assert (answer.attempt.status, answer.attempt.error, answer.fallback_for) == (500, FAILED, "fraud@2")
    assert door.outcome.candidate.failed
    assert (door.aftermath.noticed, door.aftermath.fallback_s) == (True, None)


def test_the_candidates_deadline_follows_the_champions_direct_answers(tmp_path):
    door = Door(tmp_path, candidate=FakeRelease(2, takes_s=0.2), deadline_s=None)
    for _ in range(100):
        door.champion.pace.count(0.03)
    (answer,) = door.play()
    assert answer.fallback_for == "fraud@2"
    assert 0.06 <= door.outcome.candidate.seconds < 0.15


def test_what_sticks_decides_the_arm_and_is_counted_as_the_unit(tmp_path):
    door = Door(tmp_path, stick_to="who")

    async def story():
        for name in ("ada", "bob", "ada", "cy", "bob"):
            await door.ask({"inputs": [{"name": "who", "data": [name]}]})
        await door.ask({})

    asyncio.run(story())
    units = [item.unit for item in door.outcomes]
    assert units[0] == units[2] != units[1] == units[4]
    assert units[5] is None
    arms = [item.candidate is not None for item in door.outcomes]
    assert arms[:5] == [unit % 1000 < 500 for unit in units[:5]]
    door.capture.close()


def test_a_copy_is_counted_as_a_pair_and_nobody_waits_for_it(tmp_path):
    door = Door(tmp_path, candidate=FakeRelease(2, takes_s=0.2), candidate_pct=0.0, shadow_pct=100.0)

    async def story():
        async with asyncio.timeout(0.15):
            answer = await door.ask()
        assert door.outcomes == []
        assert (door.champion.held, door.candidate.held) == (1, 1)
        await door.arms.copied()
        return answer

    answer = asyncio.run(story())
    door.capture.close()
    assert answer.attempt.outputs[0].data == [1.0]
    assert not door.outcome.champion.failed
    assert not door.outcome.candidate.failed
    assert door.outcome.candidate.seconds >= 0.2 > door.outcome.champion.seconds
    first, copy = door.captured
    assert (first.role, copy.role, copy.release, copy.copy_of) == ("champion", "shadow", "fraud@2", first.id)
    assert first.id != copy.id


def test_a_copy_that_fails_or_is_late_is_counted_and_hurts_nobody(tmp_path):
    door = Door(
        tmp_path, candidate=FakeRelease(2, takes_s=60), candidate_pct=0.0, shadow_pct=100.0, deadline_s=0.02, chance=999
    )
    (answer,) = door.play()
    assert (answer.attempt.outputs[0].data, answer.fallback_for) == ([1.0], "")
    assert (door.outcome.champion.failed, door.outcome.candidate.failed) == (False, True)
    assert len(door.outcomes) == 1


def test_with_the_candidate_answering_all_the_champion_gets_the_copy(tmp_path):
    door = Door(tmp_path, candidate_pct=100.0, shadow_pct=100.0, chance=999)
    (answer,) = door.play()
    assert answer.attempt.outputs[0].data == [2.0]
    assert (door.outcome.champion.failed, door.outcome.candidate.failed) == (False, False)
    assert [(item.role, item.release) for item in door.captured] == [("candidate", "fraud@2"), ("shadow", "fraud@1")]


def test_the_champions_answer_in_the_candidates_stead_serves_as_its_copy(tmp_path):
    door = Door(tmp_path, candidate=FakeRelease(2, error=FAILED), candidate_pct=100.0, shadow_pct=100.0)
    (answer,) = door.play()
    assert (answer.attempt.outputs[0].data, answer.fallback_for) == ([1.0], "fraud@2")
    assert (door.outcome.champion.failed, door.outcome.candidate.failed) == (False, True)
    assert door.aftermath.fallback_s is not None
    assert door.champion.tried == 1


@pytest.mark.parametrize("candidate_pct", [0.0, 100.0])
def test_beyond_the_bound_copies_are_shed_and_their_requests_not_compared(tmp_path, candidate_pct):
    door = Door(tmp_path, candidate_pct=candidate_pct, shadow_pct=100.0, limits=Limits(copies=3))
    assert len(door.play(10)) == 10
    assert [outcome.fresh for outcome in door.outcomes].count(True) == 3
    assert (len(door.outcomes), door.tally.copies_shed) == (10, 7)
    assert len(door.play(2)) == 2
    assert [outcome.fresh for outcome in door.outcomes].count(True) == 5


def test_failures_give_their_copies_back(tmp_path):
    door = Door(
        tmp_path, candidate=FakeRelease(2, error=FAILED), candidate_pct=100.0, shadow_pct=100.0, limits=Limits(copies=1)
    )
    for _ in range(5):
        door.play()
    assert (len(door.tried), door.tally.copies_shed) == (5, 0)


def test_a_pinned_request_gets_its_release_or_its_own_error_and_is_not_counted(tmp_path):
    door = Door(tmp_path, candidate=FakeRelease(2, error=FAILED), chance=999)

    async def story():
        asked = Asked(page={}, headers=[], received_us=1_000_000, begun=time.perf_counter())
        return await door.arms.pinned(door.candidate, "candidate", asked)

    answer = asyncio.run(story())
    door.capture.close()
    assert (answer.attempt.status, answer.fallback_for, door.outcomes) == (500, "", [])
    (captured,) = door.captured
    assert (captured.pinned, captured.role, captured.rollout, captured.status) == (True, "candidate", "", 500)
