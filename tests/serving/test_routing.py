"""The draw of arms: shares are exact over the buckets, what sticks stays, and a growing share takes nobody away."""

import json

from hypothesis import assume, given
from hypothesis import strategies as st

from plimsoll.serving.entities import Traffic
from plimsoll.serving.routing import BUCKETS, Routes, draw, sticky_value, unit_of

percents = st.integers(0, 1000).map(lambda tenths: tenths / 10)
units = st.integers(0, 2**64 - 1)


def traffic(candidate_pct, **more):
    return Traffic(rollout="rollout-1", stage=1, candidate="d", candidate_pct=candidate_pct, **more)


def drawn(unit=None, chance=0, **more):
    return draw(traffic(**more), unit=unit, chance=chance)


@given(percent=percents)
def test_the_candidate_has_exactly_its_share_of_the_buckets(percent):
    count = sum(drawn(chance=chance, candidate_pct=percent).candidate for chance in range(BUCKETS))
    assert count == round(percent * 10)


@given(unit=units, shares=st.lists(percents, min_size=2, max_size=5).map(sorted))
def test_a_unit_that_has_the_candidate_keeps_it_while_the_share_grows(unit, shares):
    arms = [drawn(unit, candidate_pct=share).candidate for share in shares]
    assert arms == sorted(arms)


@given(unit=units, chances=st.lists(st.integers(0, BUCKETS - 1), min_size=2, max_size=2), percent=percents)
def test_what_sticks_does_not_depend_on_chance(unit, chances, percent):
    first, second = (drawn(unit, chance, candidate_pct=percent) for chance in chances)
    assert first == second


@given(unit=units, before=percents, now=percents)
def test_only_what_an_earlier_stage_had_not_drawn_is_fresh(unit, before, now):
    assume(0 < before <= now < 100)
    had_it = drawn(unit, candidate_pct=before).candidate
    assert drawn(unit, candidate_pct=now, drawn_pct=before).fresh == (not had_it)


@given(
    unit=units | st.none(), chance=st.integers(0, BUCKETS - 1), before=percents, percent=st.sampled_from([0.0, 100.0])
)
def test_everything_is_fresh_where_one_arm_answers_all(unit, chance, before, percent):
    assert drawn(unit, chance, candidate_pct=percent, drawn_pct=before).fresh


@given(chance=st.integers(0, BUCKETS - 1), percent=percents)
def test_what_sticks_to_nothing_is_compared_by_the_same_part_of_the_ring(chance, percent):
    """Else a sticky rollout's callers without the column would bring another split than the one that is tested for."""
    found = drawn(None, chance, candidate_pct=percent, drawn_pct=percent / 2)
    assert found.fresh == drawn(chance, candidate_pct=percent, drawn_pct=percent / 2).fresh
    assert drawn(None, chance, candidate_pct=percent).fresh


@given(chance=st.integers(0, BUCKETS - 1), percent=percents)
def test_the_propensity_is_that_of_the_arm(chance, percent):
    found = drawn(None, chance, candidate_pct=percent)
    assert found.propensity == (percent / 100 if found.candidate else 1 - percent / 100)


@given(candidate=percents, shadow=percents)
def test_copies_have_their_share_where_one_arm_answers_all_and_none_elsewhere(candidate, shadow):
    count = sum(drawn(chance=chance, candidate_pct=candidate, shadow_pct=shadow).copied for chance in range(BUCKETS))
    assert count == (round(shadow * 10) if candidate in (0.0, 100.0) else 0)


def test_units_spread_evenly_and_anew_for_each_rollout():
    buckets = [[unit_of(rollout, f"c{number}") % BUCKETS for number in range(20_000)] for rollout in ("a", "b")]
    for found in buckets:
        below = sum(bucket < 100 for bucket in found)
        assert 1800 < below < 2200  # 2000 expected, 42 the standard deviation
    both = sum(first < 100 and second < 100 for first, second in zip(*buckets, strict=True))
    assert 140 < both < 260  # 200 expected, 14 the standard deviation


def test_a_unit_is_the_same_for_ever():
    assert unit_of("rollout-1", "c7") == 11355917625096177015


def column(*data, name="customer_id"):
    return {"inputs": [{"name": "amount", "data": [1.0]}, {"name": name, "data": list(data)}]}


def test_a_request_sticks_by_the_first_row_of_a_column():
    assert sticky_value("customer_id", column("c1", "c2"), []) == "c1"
    assert sticky_value("customer_id", column(["c1"], ["c2"]), []) == "c1"
    assert sticky_value("customer_id", column(True), []) == "true"


def test_a_number_sticks_alike_however_it_is_written():
    assert {sticky_value("customer_id", column(value), []) for value in (7, 7.0, "7")} == {"7"}
    assert sticky_value("customer_id", column(7.5), []) == "7.5"


def test_a_request_sticks_by_a_header():
    headers = [(b"host", b"a"), (b"x-session", b"s\xe9")]
    assert sticky_value("header:X-Session", {}, headers) == "sé"
    assert sticky_value("header:other", {}, headers) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "data"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@given(data=values, inputs=values)
def test_whatever_a_body_holds_it_sticks_by_text_or_by_nothing(data, inputs):
    for page in ({"inputs": [{"name": "customer_id", "data": data}]}, {"inputs": inputs}, {}):
        found = sticky_value("customer_id", json.loads(json.dumps(page)), [])
        assert found is None or unit_of("rollout-1", found) >= 0


def test_a_pin_names_a_loaded_version_of_this_model():
    routes = Routes(live="one", loaded={"1": "one", "2": "two"})
    assert [routes.pinned(pin, model="fraud") for pin in ("2", "fraud@2", "other@2", "3", "fraud@", "fraud")] == [
        "two", "two", None, None, None, None,
    ]  # fmt: skip
