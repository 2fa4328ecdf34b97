"""E-processes: equal to likelihood ratios worked out by hand, never above 1 on average while there is no harm."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from benchmarks.rollout import main
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from plimsoll.kernel.histogram import Histogram, bucket_of
from plimsoll.rollout.sequential import (
    BETS,
    RATIOS,
    SPLIT_WEIGHT,
    StageErrors,
    StageRequests,
    added_errors_upper,
    log_bar,
    log_e_added_errors,
    log_e_added_errors_path,
    log_e_errors,
    log_e_errors_path,
    log_e_latency,
    log_e_latency_path,
    log_e_split,
    log_e_split_path,
    p_value,
)

BILLION = 10**9
SHARES = st.floats(0.001, 0.999)
TOLERATED = st.floats(1, 3)


def errors(share, candidate, total):
    return StageErrors(share=share, candidate=candidate, total=total)


def requests(share, *, candidate=0, candidate_errors=0, champion=0, champion_errors=0):
    return StageRequests(
        share=share,
        candidate=candidate,
        candidate_errors=candidate_errors,
        champion=champion,
        champion_errors=champion_errors,
    )


@st.composite
def error_stages(draw):
    total = draw(st.integers(0, 2000))
    return errors(draw(SHARES), draw(st.integers(0, total)), total)


@st.composite
def request_stages(draw):
    ours, theirs = draw(st.integers(0, 5000)), draw(st.integers(0, 5000))
    return requests(
        draw(SHARES),
        candidate=ours,
        candidate_errors=draw(st.integers(0, min(ours, 60))),
        champion=theirs,
        champion_errors=draw(st.integers(0, min(theirs, 60))),
    )


# Errors: the candidate's part of them.


def chance(share, ratio):
    """That an error is the candidate's."""
    return share * ratio / (share * ratio + 1 - share)


@pytest.mark.parametrize("ratio", [1.0, 1.2])
def test_evidence_of_errors_is_the_mean_likelihood_ratio_of_their_sequence(ratio):
    sequence = [(0.01, False), (0.01, True), (0.25, True), (0.25, False), (0.25, True), (0.5, True)]

    def likelihood(r):
        return math.prod(chance(p, r) if ours else 1 - chance(p, r) for p, ours in sequence)

    by_hand = np.mean([likelihood(ratio * r) / likelihood(ratio) for r in RATIOS])
    stages = [errors(0.01, 1, 2), errors(0.25, 2, 3), errors(0.5, 1, 1)]

    assert log_e_errors(stages, ratio=ratio) == pytest.approx(math.log(by_hand), abs=1e-12)


@given(SHARES, SHARES, TOLERATED, st.floats(0.05, 1))
def test_evidence_of_errors_has_mean_one_at_the_tolerated_ratio_and_less_below(first, second, ratio, part):
    def mean_at(true_ratio):
        return sum(
            binom.pmf(one, 4, chance(first, true_ratio))
            * binom.pmf(other, 3, chance(second, true_ratio))
            * math.exp(log_e_errors([errors(first, one, 4), errors(second, other, 3)], ratio=ratio))
            for one in range(5)
            for other in range(4)
        )

    assert mean_at(ratio) == pytest.approx(1, rel=1e-9)
    assert mean_at(ratio * part) <= 1 + 1e-9


@given(st.lists(error_stages(), max_size=5), TOLERATED, st.randoms(use_true_random=False))
def test_the_order_of_stages_does_not_matter_to_errors(stages, ratio, random):
    shuffled = random.sample(stages, len(stages))

    assert log_e_errors(shuffled, ratio=ratio) == pytest.approx(log_e_errors(stages, ratio=ratio), abs=1e-9)


@given(error_stages(), error_stages(), TOLERATED)
def test_two_stages_of_one_share_are_one_stage(one, other, ratio):
    together = errors(one.share, one.candidate + other.candidate, one.total + other.total)
    apart = [one, errors(one.share, other.candidate, other.total)]

    assert log_e_errors(apart, ratio=ratio) == pytest.approx(log_e_errors([together], ratio=ratio), abs=1e-9)


@given(SHARES, st.integers(0, 500), st.integers(0, 499), TOLERATED, TOLERATED)
def test_evidence_of_errors_grows_with_the_candidates_and_falls_with_what_is_tolerated(share, total, ours, one, other):
    ours = min(ours, max(total - 1, 0))
    lower, higher = sorted((one, other))
    less, more = errors(share, ours, total), errors(share, min(ours + 1, total), total)

    assert log_e_errors([less], ratio=lower) <= log_e_errors([more], ratio=lower) + 1e-9
    assert log_e_errors([more], ratio=higher) <= log_e_errors([more], ratio=lower) + 1e-9


def test_without_errors_or_without_a_split_there_is_no_evidence_of_errors():
    assert log_e_errors([], ratio=1.2) == 0
    assert log_e_errors([errors(0.05, 0, 0)], ratio=1.2) == 0
    assert log_e_errors([errors(0.0, 0, 50), errors(1.0, 50, 50)], ratio=1.2) == pytest.approx(0, abs=1e-12)


def test_a_peeked_ramp_with_a_swinging_base_rate_rarely_looks_harmful():
    """200 ramps, read 400 times each; bounded by 5 % in theory, 3 % here with this seed."""
    draw = np.random.default_rng(7)
    moment = np.arange(400)
    stage = moment // 100
    share = np.array([0.01, 0.05, 0.25, 0.5])
    happened = draw.poisson(5 * (1 + 0.5 * np.sin(moment / 20)), (200, 400))
    ours = draw.binomial(happened, chance(share[stage], 1.2))
    here = stage[:, None] == np.arange(4)

    log_e = log_e_errors_path(
        share, np.cumsum(ours[..., None] * here, 1), np.cumsum(happened[..., None] * here, 1), ratio=1.2
    )

    assert log_e.shape == (200, 400)
    assert 0 < np.mean(log_e.max(axis=1) >= log_bar(0.05)) <= 0.05


# Requests without errors: how many errors a candidate adds at most.


@pytest.mark.parametrize("added", [0.005, -0.1, 0.3])
def test_evidence_against_added_errors_is_the_mean_product_of_stakes(added):
    share, sequence = 0.25, ["fine"] * 5 + ["ours", "theirs"] + ["fine"] * 5  # 3 of 12 to the candidate, as intended

    def product(bet):
        stake = bet / (1 / share - added)
        score = {"ours": 1 / share, "theirs": -1 / (1 - share), "fine": 0}
        return math.prod(1 + stake * (added - score[what]) for what in sequence)

    stage = requests(share, candidate=3, candidate_errors=1, champion=9, champion_errors=1)

    assert log_e_added_errors([stage], added=added) == pytest.approx(
        math.log(np.mean([*map(product, BETS)])), abs=1e-12
    )


@given(SHARES, st.floats(0, 0.5), st.floats(-0.4, 0.5), st.floats(0, 0.5))
@settings(max_examples=40)
def test_evidence_against_added_errors_has_mean_one_at_most_while_they_are_added(share, base, added, more):
    """All outcomes of four requests, whose base rate moves; the candidate adds at least what is denied."""
    bases = [base, 0.5, base / 2, 0.25]
    outcomes = []
    for rate in bases:
        worse = min(1.0, max(0.0, rate + added) + more)
        if worse < rate + added:  # no rate is that high or that low
            return
        outcomes.append(
            [
                (share * worse, (1, 1, 0, 0)),
                (share * (1 - worse), (1, 0, 0, 0)),
                ((1 - share) * rate, (0, 0, 1, 1)),
                ((1 - share) * (1 - rate), (0, 0, 1, 0)),
            ]
        )
    lives = list(itertools.product(*outcomes))
    weights = np.array([math.prod(weight for weight, _ in life) for life in lives])
    counts = np.array([np.sum([what for _, what in life], axis=0) for life in lives])[..., None]
    log_e = log_e_added_errors_path(
        [share],
        candidate=counts[:, 0],
        candidate_errors=counts[:, 1],
        champion=counts[:, 2],
        champion_errors=counts[:, 3],
        added=added,
    )

    assert weights.sum() == pytest.approx(1)
    assert (weights * np.exp(log_e)).sum() <= 1 + 1e-9


@given(st.floats(0, 0.4), st.floats(0, 1), st.floats(0, 0.5))
def test_copies_that_err_in_pairs_prove_no_more_than_they_should(base, paired, added):
    """Both arms see each of two requests; a part of the champion's errors are the candidate's too."""
    both = base * paired
    ours = base + added
    cells = [((1, 1), both), ((1, 0), ours - both), ((0, 1), base - both), ((0, 0), 1 - ours - base + both)]
    if min(weight for _, weight in cells) < 0:
        return
    mean = sum(
        one * other * math.exp(log_e_added_errors([pair_of(a, b)], added=added))
        for (a, one), (b, other) in itertools.product(cells, cells)
    )

    assert mean <= 1 + 1e-9


def pair_of(one, other):
    return requests(0.5, candidate=2, candidate_errors=one[0] + other[0], champion=2, champion_errors=one[1] + other[1])


@given(st.lists(request_stages(), max_size=4), st.floats(-0.5, 0.5), st.randoms(use_true_random=False))
def test_the_order_of_stages_does_not_matter_to_added_errors(stages, added, random):
    shuffled = random.sample(stages, len(stages))

    assert log_e_added_errors(shuffled, added=added) == pytest.approx(log_e_added_errors(stages, added=added), abs=1e-8)


@given(request_stages(), st.floats(-0.9, 0.9), st.floats(-0.9, 0.9))
def test_the_more_added_errors_are_denied_the_more_evidence_there_is(stage, one, other):
    lower, higher = sorted((one, other))

    assert log_e_added_errors([stage], added=lower) <= log_e_added_errors([stage], added=higher) + 1e-9


@given(request_stages())
@settings(max_examples=30)
def test_the_bound_on_added_errors_is_where_evidence_reaches_its_bar(stage):
    bound = added_errors_upper([stage], alpha=0.05)

    assert bound == 1 or log_e_added_errors([stage], added=bound) >= log_bar(0.05)
    assert bound < -1 + 2e-9 or log_e_added_errors([stage], added=bound - 2e-9) < log_bar(0.05)
    assert bound <= added_errors_upper([stage], alpha=0.01)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05, 0.25, 0.5])
def test_900_requests_without_an_error_show_less_than_half_a_percent_of_added_errors(share):
    def bound(candidate):
        return added_errors_upper(
            [requests(share, candidate=candidate, champion=round(candidate * (1 - share) / share))], alpha=0.05
        )

    assert bound(900) < 0.005
    assert bound(880) > 0.005


def test_no_traffic_shows_nothing():
    assert added_errors_upper([], alpha=0.05) == 1
    assert added_errors_upper([requests(0.05, champion=BILLION, champion_errors=5)], alpha=0.05) == 1
    assert added_errors_upper([requests(1.0, candidate=10_000)], alpha=0.05) == 1
    assert added_errors_upper([requests(0.0, champion=10_000)], alpha=0.05) == 1


def test_a_candidate_that_takes_errors_away_has_a_bound_below_zero():
    stage = requests(0.5, candidate=5000, candidate_errors=5, champion=5000, champion_errors=500)

    assert -0.1 < added_errors_upper([stage], alpha=0.05) < -0.05


# Latency.


@given(
    st.lists(st.floats(1e-4, 10), min_size=1, max_size=60),
    st.lists(st.floats(1e-4, 10), min_size=1, max_size=60),
    st.sampled_from([0.5, 0.9, 0.99]),
    st.floats(1, 2),
)
def test_buckets_never_give_more_evidence_than_the_durations_themselves(ours, theirs, quantile, ratio):
    champion, candidate = np.array(ours), np.array(theirs)
    at = np.append(champion, np.inf)
    exact = log_e_latency_path(
        (champion < at[:, None]).sum(1),
        (candidate <= ratio * at[:, None]).sum(1),
        champion=len(ours),
        candidate=len(theirs),
        quantile=quantile,
    )

    assert log_e_latency(Histogram.of(ours), Histogram.of(theirs), quantile=quantile, ratio=ratio) <= exact + 1e-9


@pytest.mark.parametrize("quantile", [0.5, 0.9])
@pytest.mark.parametrize("slow", [(0.3, 0.3, 0.4), (0.5, 0.45, 0.05), (0.9, 0.05, 0.05), (0.2, 0.7, 0.1)])
def test_evidence_of_slowness_has_mean_one_at_most_while_the_quantile_is_not_larger(quantile, slow):
    """All samples of eight durations with three values, for every candidate whose quantile is not above."""
    times = (0.01, 0.02, 0.03)
    buckets = [bucket_of(seconds) for seconds in times]
    samples = [(a, b, 8 - a - b) for a in range(9) for b in range(9 - a)]

    def chances(cells):
        return [
            math.factorial(8) * math.prod(p**k / math.factorial(k) for p, k in zip(cells, sample, strict=True))
            for sample in samples
        ]

    def quantile_of(cells):
        return times[next(i for i, reached in enumerate(np.cumsum(cells)) if reached >= quantile - 1e-12)]

    histograms = [Histogram(dict(zip(buckets, sample, strict=True))) for sample in samples]
    e = np.exp([[log_e_latency(a, b, quantile=quantile, ratio=1.0) for b in histograms] for a in histograms])
    fast = [cells for cells in itertools.permutations(slow) if quantile_of(cells) <= quantile_of(slow)]

    assert fast
    for cells in fast:
        assert chances(slow) @ e @ np.array(chances(cells)) <= 1 + 1e-9


@given(st.lists(st.floats(1e-4, 10), min_size=1, max_size=60), st.floats(0.1, 1), TOLERATED)
def test_a_candidate_that_is_faster_or_within_the_tolerated_ratio_gives_no_evidence(seconds, factor, ratio):
    candidate = Histogram.of(each * factor * ratio for each in seconds)

    assert log_e_latency(Histogram.of(seconds), candidate, quantile=0.9, ratio=ratio) <= 1e-9


def test_a_candidate_twice_as_slow_is_seen_beyond_one_and_a_half_but_not_beyond_twice():
    draw = np.random.default_rng(3)
    champion = Histogram.of(draw.lognormal(-3, 0.5, 20_000))
    candidate = Histogram.of(2 * draw.lognormal(-3, 0.5, 2_000))

    assert log_e_latency(champion, candidate, quantile=0.99, ratio=1.5) > log_bar(0.001)
    assert log_e_latency(champion, candidate, quantile=0.99, ratio=2.0) < 0


def test_a_rare_slowness_is_seen_at_one_percent_of_traffic():
    """Far below the quantile the champion's many requests weigh against slowness; they must not drown it."""
    draw = np.random.default_rng(4)
    slow = draw.random(3000) < 0.1
    candidate = Histogram.of(draw.lognormal(-3, 0.5, 3000) * np.where(slow, 5, 1))
    champion = Histogram.of(draw.lognormal(-3, 0.5, 297_000))

    assert log_e_latency(champion, candidate, quantile=0.99, ratio=1.2) > log_bar(0.001)


def test_nothing_timed_is_no_evidence_of_slowness():
    some = Histogram.of([0.1] * 100)

    assert log_e_latency(Histogram(), Histogram(), quantile=0.99, ratio=1.2) == 0
    assert log_e_latency(some, Histogram(), quantile=0.99, ratio=1.2) <= 0
    assert log_e_latency(Histogram(), some, quantile=0.99, ratio=1.2) <= 0


# The split.


def test_evidence_against_the_split_is_the_predictive_likelihood_ratio_of_its_sequence():
    share, ours, total, by_hand = 0.25, 0, 0, 1.0
    for to_candidate in (True, False, True, True, False):
        predicted = (SPLIT_WEIGHT * share + ours) / (SPLIT_WEIGHT + total)
        by_hand *= predicted / share if to_candidate else (1 - predicted) / (1 - share)
        ours, total = ours + to_candidate, total + 1

    assert log_e_split(ours, total, share=share) == pytest.approx(math.log(by_hand), abs=1e-12)


@given(SHARES, st.integers(0, 60))
def test_evidence_against_the_split_has_mean_one_when_it_is_as_it_should_be(share, total):
    ours = np.arange(total + 1)
    log_e = log_e_split_path(ours, np.full(total + 1, total), share=share)

    assert binom.pmf(ours, total, share) @ np.exp(log_e) == pytest.approx(1, rel=1e-9)


@given(SHARES, st.integers(0, 10_000), st.floats(0, 1))
def test_evidence_against_the_split_reads_the_same_from_both_arms(share, total, part):
    ours = int(part * total)

    assert log_e_split(ours, total, share=share) == pytest.approx(
        log_e_split(total - ours, total, share=1 - share), abs=1e-6
    )


def test_a_share_of_nothing_or_everything_is_no_split():
    assert log_e_split(0, 500, share=0.0) == log_e_split(500, 500, share=1.0) == 0


def test_a_lost_fifth_of_the_candidates_requests_is_noticed():
    assert log_e_split(800, 20_000, share=0.05) > log_bar(0.001)
    assert log_e_split(1000, 20_000, share=0.05) < 0


# All of them.


def test_paths_are_the_single_figures_at_many_moments():
    ours, total = np.array([[0, 1], [1, 1], [2, 4]]), np.array([[3, 4], [3, 5], [9, 9]])
    share = [0.1, 0.5]
    path = log_e_errors_path(share, ours, total, ratio=1.2)
    added = log_e_added_errors_path(
        share, candidate=total, candidate_errors=ours, champion=3 * total, champion_errors=ours, added=0.01
    )
    for moment in range(3):
        cells = list(zip(share, ours[moment].tolist(), total[moment].tolist(), strict=True))
        stages = [requests(p, candidate=n, candidate_errors=s, champion=3 * n, champion_errors=s) for p, s, n in cells]
        assert path[moment] == pytest.approx(log_e_errors([errors(*cell) for cell in cells], ratio=1.2))
        assert added[moment] == pytest.approx(log_e_added_errors(stages, added=0.01))


@pytest.mark.parametrize("share", [1e-3, 0.5, 0.999])
@pytest.mark.parametrize("harmed", [False, True])
def test_a_billion_counts_overflow_nothing(share, harmed):
    ours = round(BILLION * share)
    lost, missed = (ours if harmed else ours // 100), (BILLION - ours) // 100
    stage = requests(share, candidate=ours, candidate_errors=lost, champion=BILLION - ours, champion_errors=missed)
    fast, slow = Histogram({100: BILLION - BILLION // 1000, 200: BILLION // 1000}), Histogram({150: BILLION})

    figures = [
        log_e_errors([errors(share, lost, lost + missed)], ratio=1.2),
        log_e_split(BILLION if harmed else ours, BILLION, share=share),
        log_e_latency(fast, slow if harmed else fast, quantile=0.99, ratio=1.2),
    ]

    assert all(math.isfinite(figure) for figure in figures)
    assert all((figure > log_bar(1e-6)) == harmed for figure in figures)
    assert math.isfinite(log_e_added_errors([stage], added=0.005))
    assert (added_errors_upper([stage], alpha=0.05) < 0.005) == (not harmed)


def test_p_values_are_the_inverse_of_evidence_and_never_above_one():
    assert p_value(math.log(20)) == pytest.approx(0.05)
    assert p_value(-3.0) == p_value(0.0) == 1
    assert p_value(1e6) == 0


def test_tests_that_share_alpha_need_more_evidence_each():
    assert log_bar(0.05) == pytest.approx(math.log(20))
    assert log_bar(0.05, weight=0.25) == pytest.approx(math.log(80))


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: errors(0.5, 3, 2),
        lambda: errors(1.5, 1, 2),
        lambda: errors(0.5, -1, 2),
        lambda: requests(0.5, candidate=1, candidate_errors=2),
        lambda: requests(0.5, champion=1, champion_errors=2),
        lambda: requests(-0.1),
        lambda: log_e_errors([], ratio=0.9),
        lambda: log_e_added_errors([], added=1.5),
        lambda: log_e_latency(Histogram(), Histogram(), quantile=1.0, ratio=1.2),
        lambda: log_e_latency(Histogram(), Histogram(), quantile=0.9, ratio=0.5),
        lambda: log_e_split(3, 2, share=0.5),
        lambda: log_e_split(1, 2, share=1.5),
        lambda: log_bar(0.0),
        lambda: log_bar(0.05, weight=2.0),
    ],
)
def test_what_cannot_be_is_refused(nonsense):
    with pytest.raises(ValueError, match=r"cannot be|at least 1"):
        nonsense()


def test_the_benchmark_holds_its_lines_but_for_the_noise_of_few_replicates(capsys):
    assert main(["--quick"]) == 0

    findings = [line.rpartition(" ")[2] for line in capsys.readouterr().out.splitlines()]
    assert findings.count("ok") + findings.count("MISSED") == 52
    assert findings.count("ok") > 40
