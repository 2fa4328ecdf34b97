"""The judgement of drift: its statistics hold their promises for any counts, and its error rates are those of the rule."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.monitor import DAYS, SIZES, STILL, quiet_year, shifted_weeks
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ncx2

from plimsoll.data.entities import ColumnCounts, ColumnProfile, Spread, WindowCounts
from plimsoll.data.phases import DAY, HOUR, WEEK
from plimsoll.monitor.drift import (
    alphas,
    discoveries,
    expected_shares,
    judge,
    likelihood_psi,
    merged,
    psi,
    ranked,
    reference_of,
    upper_bound,
)
from plimsoll.monitor.entities import DriftRule
from plimsoll.monitor.tails import tail, tail_inverse

RULE = DriftRule(span="all", alpha=0.05, tolerance=0.1)
COUNTS = arrays(np.float64, st.integers(2, 12), elements=st.integers(0, 5000).map(float))


def column(counts, *, name="x", phases=(), spread=None, kind="numeric"):
    """A column whose last bin is that of missing values."""
    bins = len(counts)
    return ColumnProfile(
        name=name,
        kind=kind,
        rows=sum(counts),
        missing=counts[-1],
        low=0.0,
        high=float(bins),
        edges=tuple(float(edge) for edge in range(1, bins - 1)) if kind == "numeric" else (),
        categories=tuple(f"c{place}" for place in range(bins - 2)) if kind == "categorical" else (),
        counts=tuple(counts),
        phases=phases,
        spread=spread or {},
    )


def span(counts, *, name="x", phases=None):
    return WindowCounts(
        begin=None,
        rows=sum(counts),
        phases=phases or {0: sum(counts)},
        columns={name: ColumnCounts(counts=tuple(counts), new=0, out_of_range=0)},
    )


def pairs(draw):
    expected = draw(COUNTS)
    actual = draw(arrays(np.float64, len(expected), elements=st.integers(0, 5000).map(float)))
    assume(expected.sum() > 0 and actual.sum() > 0)
    return expected, actual


@st.composite
def two_samples(draw):
    return pairs(draw)


@given(two_samples(), st.randoms(use_true_random=False))
def test_both_statistics_are_never_negative_and_do_not_know_the_order_of_bins(samples, random):
    expected, actual = samples
    m, n = expected.sum(), actual.sum()
    order = list(range(len(expected)))
    random.shuffle(order)
    for statistic in (psi, likelihood_psi):
        value = float(statistic(expected / m, actual / n, m=m, n=n))
        assert value >= -1e-12
        assert float(statistic(expected[order] / m, actual[order] / n, m=m, n=n)) == pytest.approx(value, abs=1e-12)
        assert float(statistic(expected / m, expected / m, m=m, n=n)) == pytest.approx(0, abs=1e-12)


@given(two_samples())
def test_the_likelihood_ratio_does_not_know_which_sample_came_first(samples):
    expected, actual = samples
    m, n = expected.sum(), actual.sum()
    one = float(likelihood_psi(expected / m, actual / n, m=m, n=n))
    assert float(likelihood_psi(actual / n, expected / m, m=n, n=m)) == pytest.approx(one, rel=1e-9, abs=1e-12)


def test_psi_is_the_textbooks_sum():
    expected, actual = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])
    by_hand = (0.4 - 0.5) * np.log(0.4 / 0.5) + (0.4 - 0.3) * np.log(0.4 / 0.3)
    assert float(psi(expected, actual, m=1000, n=1000)) == pytest.approx(by_hand)


def test_an_empty_bin_counts_as_half_a_row():
    found = float(psi(np.array([0.9, 0.1]), np.array([1.0, 0.0]), m=1000, n=100))
    assert found == pytest.approx(0.1 * np.log(1 / 0.9) + (0.1 - 0.005) * np.log(0.1 / 0.005))


@pytest.mark.parametrize(
    ("m", "n", "critical"),
    [(1e4, 100, 0.331), (1e4, 200, 0.236), (1e4, 1e3, 0.147), (1e5, 1e4, 0.112), (1e6, 1e6, 0.101)],
)
def test_critical_values_are_those_of_the_rule(m, n, critical):
    unit = np.array([1 / n + 1 / m])
    found = unit * tail_inverse(np.array([0.05]), np.array([9.0]), 0.1 / unit)
    assert float(found[0]) == pytest.approx(critical, abs=0.0006)


@settings(max_examples=200)
@given(st.floats(0.5, 60), st.floats(0, 1e6), st.lists(st.floats(-4, 8), min_size=2, max_size=5), st.floats(1e-9, 0.5))
def test_tails_fall_and_are_inverted(degrees, noncentrality, steps, chance):
    mean, deviation = degrees + noncentrality, np.sqrt(2 * (degrees + 2 * noncentrality))
    x = np.maximum(mean + np.sort(steps) * deviation, 0.0)
    df, nc = np.full_like(x, degrees), np.full_like(x, noncentrality)
    assert (np.diff(tail(x, df, nc)) <= 1e-12).all()
    back = tail(tail_inverse(np.array([chance]), df[:1], nc[:1]), df[:1], nc[:1])
    assert float(back[0]) == pytest.approx(chance, rel=1e-3, abs=1e-13)


@pytest.mark.parametrize("noncentrality", [1.1e5, 1e6])
@pytest.mark.parametrize("deviations", [0.0, 2.0, 5.0])
def test_the_approximation_for_large_noncentralities_is_close(noncentrality, deviations):
    x = 9 + noncentrality + deviations * np.sqrt(2 * (9 + 2 * noncentrality))
    found = tail(np.array([x]), np.array([9.0]), np.array([noncentrality]))
    assert float(found[0]) == pytest.approx(ncx2.sf(x, 9, noncentrality), rel=0.01)


@given(
    st.lists(st.one_of(st.just(float("nan")), st.floats(0, 1), st.sampled_from([0.01, 0.02])), max_size=12, min_size=1)
)
def test_discoveries_are_those_of_benjamini_and_hochberg(values):
    p, alpha = np.array(values), 0.1
    judged = sorted(value for value in values if not np.isnan(value))
    found = [rank for rank, value in enumerate(judged, start=1) if value <= alpha * rank / len(judged)]
    bar = alpha * max(found) / len(judged) if found else -1.0
    drifted, threshold = discoveries(p[None, :], alpha)
    assert drifted[0].tolist() == [value <= bar for value in values]
    if found:
        assert float(threshold[0]) == pytest.approx(bar)


def test_many_judgements_at_once_are_those_of_each():
    rng = np.random.default_rng(5)
    p = rng.random((50, 8)) ** 4
    together, bars = discoveries(p, 0.1)
    for row, found, bar in zip(p, together, bars, strict=True):
        alone, own = discoveries(row[None, :], 0.1)
        assert alone[0].tolist() == found.tolist()
        assert float(own[0]) == float(bar)


@given(st.lists(st.integers(1, 900), min_size=3, max_size=8), st.integers(2, 24), st.data())
def test_phases_that_are_alike_expect_what_the_whole_does(base, phases, data):
    times = data.draw(st.lists(st.integers(1, 5), min_size=phases, max_size=phases))
    by_phase = tuple(tuple(count * one for count in base) for one in times)
    reference = reference_of([column([count * sum(times) for count in base], phases=by_phase)])
    rows = np.array([data.draw(st.lists(st.integers(0, 50), min_size=phases, max_size=phases))], dtype=float)
    assume(rows.sum() > 0)
    shares, worth = expected_shares(reference, rows)
    assert shares[0, 0] == pytest.approx(np.array(base) / sum(base), abs=1e-12)
    assert 0 < worth[0, 0] <= sum(base) * sum(times) + 1e-6


def test_phases_that_differ_are_compared_like_with_like():
    night, noon = (900, 100, 0), (1000, 9000, 0)
    reference = column([1900, 9100, 0], phases=(night, noon))
    (like,) = judge([reference], span([450, 50, 0], phases={0: 500}), RULE)
    assert not like.drifted
    assert like.psi < 0.01
    (unlike,) = judge([reference], span([450, 50, 0], phases={1: 500}), RULE)
    assert unlike.drifted


def test_a_phase_that_was_never_seen_is_worth_few_rows():
    reference = reference_of([column([1900, 9100, 0], phases=((900, 100, 0), (1000, 9000, 0), (0, 0, 0)))])
    shares, worth = expected_shares(reference, np.array([[500.0, 0, 0], [0, 0, 500.0]]))
    assert shares[0, 0, 0] == pytest.approx(0.9, abs=0.01)
    assert shares[1, 0, 0] == pytest.approx(1900 / 11000, abs=0.01)
    assert worth[1, 0] < 10 < worth[0, 0]


@given(st.lists(st.lists(st.integers(0, 99), min_size=3, max_size=3), min_size=1, max_size=6))
def test_merged_windows_are_the_sum_in_any_order(parts):
    windows = [span(part, phases={place % 2: sum(part)}) for place, part in enumerate(parts)]
    whole = merged(windows)
    assert whole.rows == sum(map(sum, parts))
    assert whole.columns["x"].counts == tuple(np.sum(parts, axis=0))
    assert sum(whole.phases.values()) == whole.rows
    assert merged([merged(windows[:1]), *windows[1:]]) == whole
    assert merged(windows[::-1]).columns == whole.columns


def test_a_shift_beyond_the_tolerance_is_found_and_one_within_is_not():
    reference = column([1000] * 10 + [0])
    within, beyond = [1100, 900] * 5 + [0], [1500, 500] * 5 + [0]
    (kept,) = judge([reference], span(within), RULE)
    (found,) = judge([reference], span(beyond), RULE)
    assert not kept.drifted
    assert found.drifted
    assert found.effect > found.critical > RULE.tolerance > kept.effect
    assert found.p < found.alpha < kept.p
    assert {move.bin for move in found.moves} <= set(range(10))
    assert found.moves[0].expected == pytest.approx(0.1)


def test_the_verdict_is_that_of_the_critical_value():
    draw = np.random.default_rng(7)
    columns = [column([1000] * 5 + [0], name=f"x{place}") for place in range(12)]
    for _ in range(40):
        shares = [draw.dirichlet([20] * 5) for _ in columns]
        counts = {c.name: ColumnCounts(counts=(*draw.multinomial(400, s), 0), new=0, out_of_range=0)
                  for c, s in zip(columns, shares, strict=True)}  # fmt: skip
        found = judge(columns, WindowCounts(begin=None, rows=400, phases={0: 400}, columns=counts), RULE)
        assert all(one.drifted == (one.effect > one.critical) for one in found)


def test_missing_values_that_were_never_there_are_drift():
    (found,) = judge([column([2000] * 5 + [0])], span([190] * 5 + [50]), RULE)
    assert found.drifted
    assert found.moves[0].bin == 5


@pytest.mark.parametrize(
    ("reference", "live"), [([1000] * 10 + [0], [2] * 10 + [0]), ([2] * 10 + [0], [100] * 10 + [0])]
)
def test_too_few_rows_on_either_side_are_not_judged(reference, live):
    (found,) = judge([column(reference)], span(live), RULE)
    assert not found.judged
    assert not found.drifted
    assert (found.p, found.psi) == (1.0, 0.0)


def test_a_column_without_counts_is_not_judged_and_none_is_no_error():
    (found,) = judge([column([1000] * 10 + [0])], span([100] * 11, name="other"), RULE)
    assert not found.judged
    assert judge([], span([1, 2]), RULE) == ()


def test_a_constant_column_is_judged_by_what_is_new():
    constant = column([5000, 0, 0], kind="categorical")
    (same,) = judge([constant], span([400, 0, 0]), RULE)
    (new,) = judge([constant], span([300, 100, 0]), RULE)
    assert same.judged
    assert not same.drifted
    assert new.drifted


def test_a_reference_that_varies_more_allows_more():
    def of(factor, degrees=300.0):
        return {"window": Spread(blocks=400, factor=factor, degrees=degrees, cells=10, rows=1000.0)}

    rule, live = DriftRule(span="window", alpha=1e-4, tolerance=0.1), span([140, 60] * 5 + [0])
    (calm,) = judge([column([10000] * 10 + [0], spread=of(1.0))], live, rule)
    (moving,) = judge([column([10000] * 10 + [0], spread=of(3.0))], live, rule)
    assert calm.critical < moving.critical
    assert calm.spread < 1.1
    assert moving.spread > 3
    more = span([1400, 600] * 5 + [0])
    assert judge([column([10000] * 10 + [0], spread=of(3.0))], more, rule)[0].spread > 2 * moving.spread


def test_clusters_cost_rows():
    clustered = {"all": Spread(blocks=1, factor=1.0, degrees=0.0, cells=0, rows=1000.0, clustered=5.0)}
    live = span([29, 21] * 5 + [0])
    (alone,) = judge([column([1000] * 10 + [0])], live, RULE)
    (grouped,) = judge([column([1000] * 10 + [0], spread=clustered)], live, RULE)
    assert grouped.spread == 5
    assert grouped.critical > 2 * alone.critical


def test_a_longer_span_is_not_held_for_calmer_than_a_shorter_one():
    spread = {
        "window": Spread(blocks=500, factor=2.0, degrees=400.0, cells=10, rows=100.0),
        "day": Spread(blocks=20, factor=1.0, degrees=14.0, cells=10, rows=2400.0),
    }
    (found,) = judge(
        [column([10000] * 10 + [0], spread=spread)], span([240] * 10 + [0]), DriftRule(span="day", alpha=0.01)
    )
    assert found.spread >= 2


def spread_of(factor, degrees, cells=10):
    return Spread(blocks=9, factor=factor, degrees=degrees, cells=cells, rows=100.0)


@given(st.floats(1, 20), st.floats(2, 2000), st.integers(2, 50), st.floats(2, 50))
def test_the_upper_bound_lies_above_and_comes_closer_with_more_blocks(factor, degrees, cells, days):
    bound = upper_bound(spread_of(factor, degrees, cells))
    assert bound >= factor
    assert upper_bound(spread_of(factor, degrees * 2, cells)) <= bound + 1e-9
    assert upper_bound(spread_of(factor, degrees, cells), days=days) >= bound - 1e-9


def test_without_blocks_nothing_is_known_of_the_spread():
    assert upper_bound(spread_of(1.0, 0.0, 0)) == 1.0


def test_the_budget_is_shared_by_the_spans_and_spread_over_their_judgements():
    for window in (300, HOUR, 6 * HOUR, DAY, WEEK):
        spent = alphas(window, 1 / 365.25)
        seconds = {"window": window, "day": DAY, "week": WEEK}
        a_year = sum(alpha * 365.25 * DAY / seconds[name] for name, alpha in spent.items())
        assert a_year == pytest.approx(1.0)
    assert list(alphas(DAY, 1.0).values()) == [0.05, 0.05]


def test_drifted_columns_are_ranked_first():
    columns = [column([1000] * 5 + [0], name=name) for name in "abc"]
    counts = {"a": [20, 20, 20, 20, 20, 0], "b": [80, 5, 5, 5, 5, 0], "c": [60, 10, 10, 10, 10, 0]}
    live = WindowCounts(
        begin=None,
        rows=100,
        phases={0: 100},
        columns={n: ColumnCounts(counts=tuple(c), new=0, out_of_range=0) for n, c in counts.items()},
    )
    assert [one.column for one in ranked(judge(columns, live, RULE))] == ["b", "c", "a"]


def test_two_thousand_judgements_without_drift_find_less_than_alpha():
    draw = np.random.default_rng(11)
    shares = draw.dirichlet([3] * 8)
    rule = DriftRule(span="all", alpha=0.02, tolerance=0.0)
    found = 0
    for _ in range(2000):
        reference = column([*draw.multinomial(3000, shares).tolist(), 0])
        found += judge([reference], span([*draw.multinomial(200, shares).tolist(), 0]), rule)[0].drifted
    assert found <= 55  # 40 expected, and three standard deviations


@pytest.mark.parametrize("world", [STILL, DAYS])
def test_a_year_of_twenty_seasonal_columns_has_no_false_alarm(world):
    assert sum(quiet_year(world, 0).values()) == 0


@pytest.mark.parametrize("size", SIZES)
def test_a_shift_is_found_within_the_stated_delay(size):
    _, punctual = shifted_weeks(size, 1)
    assert punctual
