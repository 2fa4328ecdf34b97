"""A rollout's nouns come back from the ledger as they went in, whatever they are."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rollout.worlds import CANDIDATE, CHAMPION, START, a_spec, an_arm, at

from plimsoll.capture.counts import StageCounts
from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.documents import from_document, to_document
from plimsoll.rollout.decide import begin, decide
from plimsoll.rollout.decisions import Because, Cost, Decision, Evidence, Exposure, Measure, Reading, Rule
from plimsoll.rollout.effects import arrangement_of, effects_of
from plimsoll.rollout.entities import Told
from plimsoll.rollout.rollouts import (
    Abort,
    Effect,
    Enough,
    ErrorsTest,
    Harm,
    Held,
    LatencyTest,
    MakeLive,
    Order,
    Pause,
    Paused,
    Promote,
    Promoted,
    ReleaseRef,
    Resume,
    RolledBack,
    RolloutSpec,
    RolloutState,
    Settling,
    SetTraffic,
    Stage,
    Start,
    Starting,
    Stop,
    Strategy,
    Unready,
)
from plimsoll.rollout.seen import Health, Readiness, Seen

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10_000)).map(lambda since: START + since)
percents = st.integers(1, 1000).map(lambda tenths: tenths / 10)
floats = st.floats(allow_nan=False, allow_infinity=False)
shares = st.floats(0.001, 0.999)
counts = st.integers(0, 10**12)

running = st.one_of(
    st.builds(Starting, since=moments),
    st.builds(Stage, index=st.integers(0, 9), since=moments),
    st.builds(Settling, since=moments),
)
stages = st.builds(Stage, index=st.integers(0, 9), since=moments)
states = st.one_of(
    running,
    st.builds(Unready, was=st.one_of(stages, st.builds(Settling, since=moments)), since=moments),
    st.builds(Held, was=stages, since=moments, because=texts),
    st.builds(Paused, was=running, since=moments, by=texts, because=texts),
    st.builds(Promoted, since=moments),
    st.builds(RolledBack, since=moments, because=texts),
)
orders = st.one_of(*(st.builds(kind, by=texts, why=texts) for kind in (Pause, Resume, Promote, Abort)))
effects = st.one_of(
    st.builds(Start, digest=texts),
    st.builds(MakeLive, digest=texts),
    st.builds(Stop, digest=texts),
    st.builds(
        SetTraffic,
        stage=st.none() | st.integers(0, 9),
        candidate_pct=percents,
        shadow_pct=percents,
        drawn_pct=percents,
    ),
)
readings = st.builds(Reading, measure=st.sampled_from(Measure), log_e=floats, limit=floats)
evidence = st.builds(
    Evidence,
    stage=st.none() | st.integers(0, 9),
    harm=st.lists(readings, max_size=2).map(tuple),
    split=readings,
    broken=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    exposure=st.none() | st.builds(Exposure, requests=counts, wanted=counts, added_errors=floats, allowed=floats),
    cost=st.builds(Cost, touched=counts, erred=counts, noticed=counts, fallback_p99_s=st.none() | floats),
)
decisions = st.builds(
    Decision,
    at=moments,
    state=states,
    effects=st.lists(effects, max_size=5).map(tuple),
    wake_at=st.none() | moments,
    because=st.builds(Because, rule=st.sampled_from(Rule), sentence=texts, evidence=st.none() | evidence),
)
specs = st.builds(
    RolloutSpec,
    champion=st.none() | st.just(CHAMPION),
    candidate=st.builds(ReleaseRef, name=texts, digest=st.just("d2")),
    strategy=st.sampled_from(Strategy),
    stages=st.lists(percents, min_size=1, max_size=5, unique=True).map(sorted).map(tuple),
    shadow_pct=percents,
    stick_to=texts,
    candidate_deadline_s=st.none() | st.floats(0.001, 100),
    hold_s=st.floats(0, 1e5),
    deadline_s=st.floats(1e6, 1e7),
    ready_s=st.floats(0.1, 1e5),
    warm_s=st.floats(0, 1e5),
    look_s=st.floats(0.1, 100),
    harm=st.builds(
        Harm,
        alpha=shares,
        errors=st.none() | st.builds(ErrorsTest, ratio=st.floats(1, 10)),
        latency=st.none() | st.builds(LatencyTest, quantile=shares, ratio=st.floats(1, 10)),
    ),
    enough=st.builds(Enough, requests=st.integers(1, 10**6), max_added_errors=shares, alpha=shares),
    split_alpha=shares,
    on_inconclusive=st.sampled_from(["hold", "rollback"]),
)


def there_and_back(kind: Any, noun: Any) -> Any:
    return from_document(kind, json.loads(canonical_json(to_document(noun))))


@given(spec=specs)
def test_a_spec_comes_back(spec):
    assert there_and_back(RolloutSpec, spec) == spec


@given(state=states)
def test_a_state_comes_back_with_the_one_that_it_interrupted(state):
    back = there_and_back(RolloutState, state)
    assert back == state
    assert type(back) is type(state)


@given(order=orders)
def test_an_order_comes_back_as_the_one_that_was_given(order):
    back = there_and_back(Order, order)
    assert back == order
    assert type(back) is type(order)


@given(effect=effects)
def test_an_effect_comes_back_as_the_one_that_it_was(effect):
    back = there_and_back(Effect, effect)
    assert back == effect
    assert type(back) is type(effect)


@given(decision=decisions)
def test_a_decision_comes_back_with_its_evidence(decision):
    assert there_and_back(Decision, decision) == decision


@given(spec=specs, state=states, rollout=texts, deadline_s=st.none() | st.floats(0.001, 100), doors=st.integers(1, 9))
def test_what_a_target_is_told_comes_back(spec, state, rollout, deadline_s, doors):
    fitting = replace(state, index=0) if isinstance(state, Stage) else Starting(since=START)
    if isinstance(fitting, Stage) and not spec.shares:
        fitting = Settling(since=START)
    wanted = arrangement_of(spec, effects_of(spec, fitting))
    told = Told(wanted=wanted, rollout=rollout, candidate="d2", deadline_s=deadline_s, doors=doors)
    assert there_and_back(Told, told) == told
    assert there_and_back(Told, Told(wanted=None)) == Told(wanted=None)


@given(
    requests=st.integers(0, 10**7),
    champion=st.integers(0, 10**7),
    errors=st.integers(0, 100),
    champion_errors=st.integers(0, 100),
    slow=st.integers(0, 1000),
    order=st.none() | orders,
    strategy=st.sampled_from(Strategy),
)
def test_whatever_is_decided_upon_whatever_counts_can_be_written_and_read(
    requests, champion, errors, champion_errors, slow, order, strategy
):
    """Evidence is computed from counts of any size; no figure of it may be one that JSON cannot say."""
    arms = StageCounts(
        champion=an_arm(champion, errors=min(champion_errors, champion)),
        candidate=an_arm(requests, errors=min(errors, requests), slow=min(slow, requests)),
    )
    spec = a_spec(strategy=strategy)
    state = Stage(index=0, since=START) if spec.shares else Starting(since=START)
    world = Seen(stages={0: arms}, health=Health(readiness=Readiness.READY))
    decision = decide(spec, state, world, at(700), order)
    assert there_and_back(Decision, decision) == decision


def test_the_first_decision_comes_back():
    decision = begin(a_spec(champion=None), START, by="ann", why="")
    assert there_and_back(Decision, decision) == decision


def test_a_document_that_says_it_is_something_unknown_is_refused():
    document = to_document(Starting(since=START))
    with pytest.raises(ValueError, match="says it is 'Ascending', expected one of Starting, Stage, "):
        from_document(RolloutState, {**document, "is": "Ascending"})
    with pytest.raises(ValueError, match="says it is 'Stage', expected Starting"):
        from_document(Starting, {**document, "is": "Stage"})
    with pytest.raises(ValueError, match="says it is 'Promoted', expected one of Starting, Stage, Settling"):
        from_document(Paused, to_document(Paused(was=Promoted(since=START), since=START, by="ann", because="")))
    with pytest.raises(ValueError, match="'such a rule' is not a valid Rule"):
        from_document(Because, {"is": "Because", "rule": "such a rule", "sentence": "", "evidence": None})


@pytest.mark.parametrize("document", [{}, {"since": "2026-01-01T00:00:00.000000Z"}, {"is": "Starting"}, [], 7, "x"])
def test_a_document_that_lacks_what_it_needs_is_refused(document):
    with pytest.raises(ValueError, match="a document"):
        from_document(Starting, document)


def test_a_field_that_an_older_version_did_not_write_keeps_its_default():
    document = to_document(SetTraffic(stage=1, candidate_pct=5.0, shadow_pct=0.0))
    del document["drawn_pct"]
    assert from_document(Effect, document) == SetTraffic(stage=1, candidate_pct=5.0, shadow_pct=0.0)


def test_whole_numbers_where_fractions_belong_come_back_as_fractions():
    spec = RolloutSpec(champion=None, candidate=CANDIDATE, stages=(5, 25))  # type: ignore[arg-type]
    back = there_and_back(RolloutSpec, spec)
    assert back == spec
    assert all(isinstance(stage, float) for stage in back.stages)
