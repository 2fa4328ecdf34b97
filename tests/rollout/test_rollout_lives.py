"""Random lives of a rollout: whatever traffic, failures, people, clocks and crashes do, some things never happen.

PLIMSOLL_TEST_LIVES says how many lives are lived; the default is quick, 10000 is the proof.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.rollout.worlds import CANDIDATE, CHAMPION, START, Fleet, added, an_arm

from plimsoll.capture.counts import StageCounts
from plimsoll.rollout.decide import decide
from plimsoll.rollout.decisions import Decision, Rule
from plimsoll.rollout.report import WIDTH, rollout_text
from plimsoll.rollout.rollouts import (
    Abort,
    Enough,
    ErrorsTest,
    Harm,
    Held,
    LatencyTest,
    Order,
    Pause,
    Paused,
    Promote,
    Promoted,
    Resume,
    RolledBack,
    RolloutSpec,
    RolloutState,
    Settling,
    SetTraffic,
    Stage,
    Starting,
    Strategy,
    Unready,
)
from plimsoll.rollout.seen import Health, Readiness, Seen
from plimsoll.rollout.sequential import StageErrors, log_bar, log_e_errors

LIVES = int(os.environ.get("PLIMSOLL_TEST_LIVES", "200"))

pytestmark = pytest.mark.timeout(max(120, LIVES))

RATES = st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.01, 0.1, 1.0])
PAUSES_AND_JUMPS = st.sampled_from([0.0, 0.5, 5.0, 30.0, 60.0, 600.0, 4000.0, 100_000.0, -1.0, -3000.0])
ORDERS = st.one_of(
    st.builds(order, by=st.just("ada"), why=st.sampled_from(["", "because I say so"]))
    for order in (Pause, Pause, Resume, Resume, Resume, Promote, Abort)
)


@st.composite
def specs(draw: st.DrawFn) -> RolloutSpec:
    hold_s = draw(st.sampled_from([0.0, 30.0, 600.0]))
    return RolloutSpec(
        champion=draw(st.sampled_from([CHAMPION, CHAMPION, CHAMPION, CHAMPION, None])),
        candidate=CANDIDATE,
        strategy=draw(st.sampled_from([*Strategy, Strategy.CANARY, Strategy.SHADOW_THEN_CANARY])),
        stages=tuple(sorted(draw(st.sets(st.sampled_from([0.1, 5.0, 25.0, 50.0, 100.0]), min_size=1, max_size=3)))),
        shadow_pct=draw(st.sampled_from([10.0, 100.0])),
        hold_s=hold_s,
        deadline_s=hold_s + draw(st.sampled_from([1.0, 3600.0])),
        ready_s=draw(st.sampled_from([10.0, 600.0])),
        warm_s=draw(st.sampled_from([0.0, 300.0, 300.0])),
        harm=Harm(
            errors=draw(st.sampled_from([ErrorsTest(), ErrorsTest(), None])),
            latency=draw(st.sampled_from([LatencyTest(), LatencyTest(), None])),
        ),
        enough=Enough(requests=draw(st.sampled_from([1, 1000])), max_added_errors=draw(st.sampled_from([0.005, 0.05]))),
        on_inconclusive=draw(st.sampled_from(["hold", "rollback"])),
    )


class Lives(RuleBasedStateMachine):
    """One rollout, looked at after everything that happens to it."""

    spec: RolloutSpec
    state: RolloutState

    @initialize(spec=specs(), readiness=st.sampled_from([Readiness.READY, Readiness.READY, *Readiness]))
    def begin(self, spec: RolloutSpec, readiness: Readiness) -> None:
        self.spec = spec
        self.now = START
        self.state = Starting(since=START)
        self.counts: dict[int, StageCounts] = {}
        self.readiness = readiness
        self.decisions: list[Decision] = []
        self.ran_s = 0.0
        """Time that the present stage has run, pauses left out, as an independent witness of the hold time."""
        self.fleet = Fleet(live=None, running=set())
        if spec.champion is not None:
            self.fleet = Fleet(live=CHAMPION.digest, running={CHAMPION.digest})
        self._look()

    @rule(readiness=st.sampled_from([Readiness.READY, Readiness.READY, *Readiness]))
    def candidate_becomes(self, readiness: Readiness) -> None:
        self.readiness = readiness
        self._look()

    @rule(seconds=PAUSES_AND_JUMPS, look=st.booleans())
    def time_passes(self, seconds: float, look: bool) -> None:
        self._pass(seconds)
        if look:
            self._look()

    @rule(
        requests=st.integers(1, 30_000), rate=RATES, champion_rate=RATES, slow_rate=RATES, look=st.booleans(),
        noticed=st.integers(0, 3),
    )  # fmt: skip
    def traffic(
        self, requests: int, rate: float, champion_rate: float, slow_rate: float, look: bool, noticed: int
    ) -> None:
        stage = self.fleet.traffic.stage
        if stage is not None:
            self._count(stage, requests, rate=rate, champion_rate=champion_rate, slow_rate=slow_rate, noticed=noticed)
        if look:
            self._look()

    @rule(requests=st.integers(1, 3000), rate=RATES, stage=st.integers(0, 3))
    def late_counts_arrive(self, requests: int, rate: float, stage: int) -> None:
        if stage in self.counts:
            self._count(stage, requests, rate=rate)
        self._look()

    @precondition(lambda self: isinstance(self.state, Starting | Stage | Unready))
    @rule(
        base_rate=st.sampled_from([0.0, 0.001]),
        held=st.booleans(),
        then=st.sampled_from([*[Readiness.READY] * 3, *Readiness]),
    )
    def a_healthy_while(self, base_rate: float, held: bool, then: Readiness) -> None:
        """As most stages should go, so that lives get as far as the late stages."""
        self.readiness = Readiness.READY
        self._look()
        stage = self.fleet.traffic.stage
        if stage is not None:
            requests = round(8000 / self.spec.shares[stage].expected)
            self._count(stage, requests, rate=base_rate, champion_rate=base_rate)
        if held:
            self._pass(self.spec.hold_s)
        self.readiness = then
        self._look()

    @precondition(lambda self: _stage(self.state) is not None)
    @rule(
        requests=st.integers(50, 3000), rate=st.sampled_from([0.004, 0.02, 0.05, 0.5]), slow_rate=RATES,
        order=st.none() | ORDERS,
    )  # fmt: skip
    def a_harmful_while(self, requests: int, rate: float, slow_rate: float, order: Order | None) -> None:
        stage = self.fleet.traffic.stage
        assert stage is not None
        share = self.spec.shares[stage].expected
        self._count(stage, round(requests / share), rate=rate, champion_rate=0.001, slow_rate=slow_rate)
        self._look(order=order)

    @precondition(lambda self: isinstance(self.state, Stage))
    @rule(seconds=st.sampled_from([30.0, 4000.0]))
    def a_pause(self, seconds: float) -> None:
        self._look(order=Pause(by="ada", why="to have a look"))
        self._pass(seconds)
        self._look(order=Resume(by="ada", why="all is well"))

    @precondition(lambda self: isinstance(self.state, Stage))
    @rule()
    def the_deadline_comes(self) -> None:
        self._pass(self.spec.deadline_s)
        self._look()

    @rule(candidate=st.integers(0, 5000), champion=st.integers(0, 5000))
    def the_split_goes_wrong(self, candidate: int, champion: int) -> None:
        stage = self.fleet.traffic.stage
        if stage is not None:
            self._add(stage, StageCounts(champion=an_arm(champion), candidate=an_arm(candidate)))
        self._look()

    @rule(stage=st.integers(0, 3), everything=st.booleans())
    def data_are_missing_for_one_look(self, stage: int, everything: bool) -> None:
        visible = {} if everything else {index: one for index, one in self.counts.items() if index != stage}
        self._look(visible=visible)

    @rule(stage=st.integers(0, 3))
    def counts_contradict_themselves_for_one_look(self, stage: int) -> None:
        nonsense = StageCounts(candidate=replace(an_arm(10), errors=11))
        self._look(visible={**self.counts, stage: nonsense})

    @rule(order=ORDERS)
    def someone_orders(self, order: Order) -> None:
        self._look(order=order)

    @rule(performed=st.integers(0, 4))
    def everything_crashes_and_starts_again(self, performed: int) -> None:
        """Effects were performed up to anywhere, or not at all; then all of them are, and the look is repeated."""
        self._look(performed=performed)

    def teardown(self) -> None:
        if hasattr(self, "decisions"):
            text = rollout_text(self.spec, self.decisions)
            assert all(len(line) <= WIDTH for line in text.splitlines())

    def _pass(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        if not isinstance(self.state, Paused):
            self.ran_s += max(seconds, 0.0)

    def _count(
        self, stage: int, requests: int, *, rate: float = 0.0, champion_rate: float = 0.0, slow_rate: float = 0.0,
        noticed: int = 0,
    ) -> None:  # fmt: skip
        share = self.spec.shares[stage]
        candidate = requests if share.copied else round(requests * share.candidate_pct / 100)
        champion = requests if share.copied else requests - candidate
        more = StageCounts(
            champion=an_arm(champion, errors=round(champion * champion_rate)),
            candidate=an_arm(candidate, errors=round(candidate * rate), slow=round(candidate * slow_rate)),
            noticed=noticed,
        )
        self._add(stage, more)

    def _add(self, stage: int, more: StageCounts) -> None:
        before = self.counts.get(stage, StageCounts())
        self.counts[stage] = StageCounts(
            champion=added(before.champion, more.champion),
            candidate=added(before.candidate, more.candidate),
            noticed=before.noticed + more.noticed,
        )

    def _look(
        self, *, order: Order | None = None, visible: dict[int, StageCounts] | None = None, performed: int | None = None
    ) -> None:
        before = self.state
        seen = Seen(
            stages=dict(self.counts if visible is None else visible), health=Health(readiness=self.readiness)
        )  # fmt: skip
        decision = decide(self.spec, before, seen, self.now, order)
        event(decision.because.rule)
        if performed is not None:
            self.fleet.perform(decision.effects[:performed])
            assert decide(self.spec, before, seen, self.now, order) == decision
        self.fleet.perform(decision.effects)
        self._check(before, decision, seen, order)
        self.state = decision.state
        self.decisions.append(decision)
        if _stage(decision.state) != _stage(before) or (isinstance(order, Resume) and isinstance(before, Held)):
            self.ran_s = 0.0

    def _check(self, before: RolloutState, decision: Decision, seen: Seen, order: Order | None) -> None:
        self._every_decision_has_its_reason(before, decision)
        self._ended_states_are_final(before, decision)
        self._repeating_effects_changes_nothing(decision)
        self._traffic_moves_along_the_stages(before, decision, order)
        self._nothing_advances_without_data(before, decision, seen, order)
        self._proven_harm_is_taken_back(before, decision, seen)
        self._orders_are_obeyed(before, decision, order)

    def _every_decision_has_its_reason(self, before: RolloutState, decision: Decision) -> None:
        ended = isinstance(before, Promoted | RolledBack)
        assert decision.because.sentence
        assert (decision.because.evidence is None) == ended == (decision.because.rule is Rule.ENDED)
        if isinstance(decision.state, Promoted | RolledBack):
            assert decision.wake_at is None
        else:
            assert decision.wake_at is not None
            assert timedelta() < decision.wake_at - self.now <= timedelta(seconds=self.spec.look_s)

    def _ended_states_are_final(self, before: RolloutState, decision: Decision) -> None:
        if isinstance(before, Promoted | RolledBack):
            assert decision.state == before
            assert decision.effects == self.decisions[-1].effects
        if isinstance(decision.state, Promoted):
            assert self.fleet.live == CANDIDATE.digest
            assert self.fleet.running == {CANDIDATE.digest}
        if isinstance(decision.state, RolledBack):
            assert self.fleet.live == (self.spec.champion.digest if self.spec.champion else None)
            assert CANDIDATE.digest not in self.fleet.running

    def _repeating_effects_changes_nothing(self, decision: Decision) -> None:
        once = replace(self.fleet, running=set(self.fleet.running))
        self.fleet.perform(decision.effects)
        assert self.fleet == once

    def _traffic_moves_along_the_stages(self, before: RolloutState, decision: Decision, order: Order | None) -> None:
        (traffic,) = [effect for effect in decision.effects if isinstance(effect, SetTraffic)]
        stage = _stage(decision.state)
        assert traffic.stage == stage
        if stage is None:
            assert traffic.candidate_pct == traffic.shadow_pct == 0
        else:
            share = self.spec.shares[stage]
            assert (traffic.candidate_pct, traffic.shadow_pct) == (share.candidate_pct, share.shadow_pct)
            was = _stage(before)
            assert stage == 0 if was is None else stage in (was, was + 1)
        if isinstance(decision.state, Paused | Held | Unready) and self.decisions:
            assert decision.effects == self.decisions[-1].effects
        live_before, live = _live(before), _live(decision.state)
        if live and not live_before and not isinstance(order, Promote):
            assert _stage(before) == (len(self.spec.shares) - 1 if self.spec.shares else None)

    def _nothing_advances_without_data(
        self, before: RolloutState, decision: Decision, seen: Seen, order: Order | None
    ) -> None:
        was = _stage(before)
        advanced = was is not None and (_stage(decision.state) == was + 1 or _live(decision.state))
        if not advanced or isinstance(order, Promote):
            return
        assert decision.because.rule is Rule.ENOUGH
        assert isinstance(before, Stage)
        assert seen.of(was).candidate.requests >= self.spec.enough.requests >= 1
        assert seen.health.readiness is Readiness.READY
        assert self.ran_s >= self.spec.hold_s

    def _proven_harm_is_taken_back(self, before: RolloutState, decision: Decision, seen: Seen) -> None:
        evidence = decision.because.evidence
        if evidence is None or evidence.void:
            assert decision.because.rule is not Rule.HARM
            assert decision.because.rule is not Rule.ENOUGH
            return
        if any(reading.crossed for reading in evidence.harm):
            assert isinstance(decision.state, RolledBack)
        if self.spec.harm.errors is not None and self.spec.shares:
            stages = [
                StageErrors(
                    share=share.expected, candidate=seen.of(index).candidate.errors, total=seen.of(index).errors
                )
                for index, share in enumerate(self.spec.shares)
            ]
            if log_e_errors(stages, ratio=self.spec.harm.errors.ratio) >= log_bar(self.spec.harm.alpha / 2):
                assert isinstance(decision.state, RolledBack)

    def _orders_are_obeyed(self, before: RolloutState, decision: Decision, order: Order | None) -> None:
        if isinstance(before, Promoted | RolledBack) or decision.because.rule is Rule.HARM:
            return
        if isinstance(order, Abort):
            assert isinstance(decision.state, RolledBack)
        if isinstance(order, Pause):
            assert isinstance(decision.state, Paused | Held)
        if isinstance(order, Promote) and self.readiness is Readiness.READY:
            assert _live(decision.state)
        if isinstance(order, Resume):
            assert not isinstance(decision.state, Paused | Held)


def _stage(state: RolloutState) -> int | None:
    if isinstance(state, Paused | Held | Unready):
        return _stage(state.was)
    return state.index if isinstance(state, Stage) else None


def _live(state: RolloutState) -> bool:
    """Whether the candidate is the live release in this state."""
    if isinstance(state, Paused | Unready):
        return _live(state.was)
    return isinstance(state, Settling | Promoted)


Lives.TestCase.settings = settings(max_examples=LIVES, stateful_step_count=25)
TestLives = Lives.TestCase
