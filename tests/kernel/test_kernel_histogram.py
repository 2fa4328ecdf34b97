"""Histograms of latency: merging is counting together, quantiles are within a bucket, nonsense is refused."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.kernel.histogram import LEAST_S, Histogram, bucket_of, buckets_apart, upper_edge_s

DURATIONS = st.floats(0, 1e6)
SAMPLES = st.lists(DURATIONS, max_size=30)


@given(SAMPLES, SAMPLES, SAMPLES)
def test_merging_equals_counting_together_in_any_order(one, two, three):
    together = Histogram.of(one + two + three)

    assert Histogram.of(one).merged(Histogram.of(two), Histogram.of(three)) == together
    assert Histogram.of(three).merged(Histogram.of(one).merged(Histogram.of(two))) == together
    assert together.total == len(one) + len(two) + len(three)


def test_nothing_merged_with_nothing_is_nothing():
    assert Histogram().merged() == Histogram() == Histogram.of([])
    assert Histogram().quantile(0.5) is None


@given(DURATIONS, DURATIONS)
def test_a_longer_duration_never_has_a_lower_bucket(one, other):
    shorter, longer = sorted((one, other))

    assert bucket_of(shorter) <= bucket_of(longer)


@given(DURATIONS)
def test_a_duration_lies_between_the_edges_of_its_bucket(seconds):
    bucket = bucket_of(seconds)

    assert seconds <= upper_edge_s(bucket) * (1 + 1e-9)
    assert bucket == 0 or seconds >= upper_edge_s(bucket - 1) * (1 - 1e-9)


def test_everything_below_the_least_duration_is_one_bucket():
    assert bucket_of(0.0) == bucket_of(LEAST_S * 0.999) == 0
    assert bucket_of(LEAST_S) == 1


@given(st.lists(st.floats(2e-5, 1e3), min_size=1, max_size=50), st.floats(0, 1))
def test_a_quantile_is_within_one_percent_of_the_duration_of_its_rank(seconds, share):
    rank = max(1, math.ceil(share * len(seconds) * (1 - 1e-12)))

    assert Histogram.of(seconds).quantile(share) == pytest.approx(sorted(seconds)[rank - 1], rel=0.01)


@given(DURATIONS, st.floats(1, 20))
def test_a_duration_times_a_ratio_is_not_further_than_the_buckets_apart(seconds, ratio):
    assert bucket_of(seconds * ratio) <= bucket_of(seconds) + buckets_apart(ratio)


def test_one_ratio_moves_by_no_bucket():
    assert buckets_apart(1.0) == 0


@given(SAMPLES)
def test_json_gives_back_the_same_histogram(seconds):
    histogram = Histogram.of(seconds)

    assert Histogram.from_json(json.loads(json.dumps(histogram.to_json()))) == histogram


def test_empty_buckets_are_left_out():
    assert Histogram({7: 0, 5: 2, 3: 1}) == Histogram({3: 1, 5: 2})
    assert list(Histogram({5: 2, 3: 1}).counts) == [3, 5]


@pytest.mark.parametrize("counts", [{-1: 1}, {3: -1}])
def test_buckets_and_counts_below_zero_are_refused(counts):
    with pytest.raises(ValueError, match="from 0 up"):
        Histogram(counts)


@pytest.mark.parametrize("seconds", [-1e-9, math.nan, math.inf])
def test_what_is_no_duration_is_refused(seconds):
    with pytest.raises(ValueError, match="no duration"):
        bucket_of(seconds)


@pytest.mark.parametrize("ratio", [0.99, math.nan, math.inf])
def test_what_is_no_tolerated_ratio_is_refused(ratio):
    with pytest.raises(ValueError, match="at least 1"):
        buckets_apart(ratio)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_what_is_no_quantile_is_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Histogram({1: 1}).quantile(share)
