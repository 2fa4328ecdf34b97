"""Profiles and counts on frozen bins: what DuckDB counts is what numpy counts, and equal rows give equal bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.data.binning import counts_of
from plimsoll.data.engine import engine
from plimsoll.data.phases import DAY, HOUR, WEEK, blocks_of, phase_for, phase_of, spans_of
from plimsoll.data.profile_json import profile_document, read_profile
from plimsoll.data.profiles import profile_of
from plimsoll.kernel.canonical import canonical_json

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
NUMBERS = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf"), -float("inf"), 1.7976931348623157e308]),
    st.floats(-1e6, 1e6),
)
TEXTS = st.one_of(st.none(), st.sampled_from(["", "a", "b", "it's", "ä", "null", "%"]), st.text(max_size=3))


@pytest.fixture
def connection():
    with engine() as connection:
        yield connection


def fill(connection, table, type, values):
    connection.execute(f"CREATE OR REPLACE TABLE {table} (x {type})")
    connection.executemany(f"INSERT INTO {table} VALUES (?)", [[value] for value in values])


def column_of(connection, type, values):
    fill(connection, "reference", type, values)
    return profile_of(connection, "reference", columns=[("x", type)]).columns[0]


def counted_by_numpy(column, values):
    finite = [value for value in values if value is not None and abs(value) < 1.7976931348623157e308]
    bins = np.bincount(np.searchsorted(column.edges, finite, side="left"), minlength=len(column.edges) + 1)
    return (*bins.tolist(), len(values) - len(finite))


@settings(max_examples=60, deadline=None)
@given(reference=st.lists(NUMBERS, min_size=1, max_size=60), live=st.lists(NUMBERS, min_size=1, max_size=60))
def test_numbers_are_counted_as_numpy_counts_them(reference, live):
    with engine() as connection:
        column = column_of(connection, "DOUBLE", reference)
        fill(connection, "live", "DOUBLE", live)
        (window,) = counts_of(connection, "live", columns=[column])
    assert column.counts == counted_by_numpy(column, reference)
    found = window.columns["x"]
    assert found.counts == counted_by_numpy(column, live)
    finite = [value for value in live if value is not None and abs(value) < 1.7976931348623157e308]
    if column.low is not None:
        assert found.out_of_range == sum(not column.low <= value <= column.high for value in finite)
    assert len(column.edges) <= 9
    assert list(column.edges) == sorted(set(column.edges))


@settings(max_examples=60, deadline=None)
@given(reference=st.lists(TEXTS, min_size=1, max_size=80), live=st.lists(TEXTS, min_size=1, max_size=80))
def test_categories_are_counted_as_python_counts_them(reference, live):
    reference, live = ([None if v is None else v.replace("\0", "") for v in side] for side in (reference, live))
    with engine() as connection:
        column = column_of(connection, "VARCHAR", reference)
        fill(connection, "live", "VARCHAR", live)
        (window,) = counts_of(connection, "live", columns=[column])
    places = {name: place for place, name in enumerate(column.categories)}
    expected = [0] * column.bins
    for value in live:
        expected[column.bins - 1 if value is None else places.get(value, column.bins - 2)] += 1
    assert window.columns["x"].counts == tuple(expected)
    known = {value for value in reference if value is not None}
    if len(known) <= 50:
        assert window.columns["x"].new == sum(value is not None and value not in known for value in live)


def test_few_distinct_numbers_have_a_bin_each(connection):
    column = column_of(connection, "BIGINT", [3, 1, 1, 2, 2, 2])
    assert column.edges == (1.0, 2.0)
    assert column.counts == (2, 3, 1, 0)


def test_many_distinct_numbers_have_their_deciles(connection):
    column = column_of(connection, "BIGINT", list(range(1, 101)))
    assert column.edges == tuple(float(edge) for edge in range(10, 100, 10))
    assert column.counts == (*[10] * 10, 0)
    assert (column.low, column.high) == (1.0, 100.0)


def test_a_column_without_a_value_has_one_bin_for_them(connection):
    column = column_of(connection, "DOUBLE", [None, None, float("nan")])
    assert (column.low, column.edges, column.counts, column.missing) == (None, (), (0, 3), 3)


def test_truth_values_are_categories(connection):
    column = column_of(connection, "BOOLEAN", [True, True, False, None])
    assert (column.kind, column.categories, column.counts) == ("categorical", ("true", "false"), (2, 1, 0, 1))


def test_a_rare_category_and_a_long_text_share_the_rest(connection):
    column = column_of(connection, "VARCHAR", [f"v{i:03}" for i in range(60)] + ["v000"] + ["y" * 201] * 3)
    assert len(column.categories) == 50
    assert column.categories[0] == "v000"
    assert column.counts[-2] == 13
    fill(connection, "live", "VARCHAR", ["v000", "unseen"])
    (window,) = counts_of(connection, "live", columns=[column])
    assert window.columns["x"].new == 0  # nobody knows: the reference had more categories than bins


def test_a_live_text_in_a_column_of_numbers_is_missing(connection):
    column = column_of(connection, "DOUBLE", [1.0, 2.0])
    fill(connection, "live", "VARCHAR", ["1", "2.5", "many", None])
    (window,) = counts_of(connection, "live", columns=[column])
    assert window.columns["x"].counts == (1, 1, 2)
    assert window.columns["x"].out_of_range == 1


def seasonal(connection, *, hours, effect=0.0, size=20):
    """Rows of a moment, a number and a category whose shares follow the hour; a customer for each."""
    draw = np.random.default_rng(0)
    rows = []
    daily = effect * draw.normal(size=hours // 24 + 1)
    for hour in range(hours):
        for _ in range(size + size // 2 * (hour % 24 > 8)):
            at = MONDAY.replace(tzinfo=None) + timedelta(hours=hour, minutes=int(draw.integers(60)))
            rows.append(
                (
                    at,
                    float(draw.normal() + daily[hour // 24] + (hour % 24) / 8),
                    "ab"[hour % 24 > 12],
                    int(draw.integers(9)),
                )
            )
    frame = pd.DataFrame(rows, columns=["moment", "x", "c", "who"])
    connection.register("frame", frame)
    connection.execute(
        "CREATE OR REPLACE TABLE reference AS "
        "SELECT moment::TIMESTAMP AS moment, x::DOUBLE AS x, c::VARCHAR AS c, who::BIGINT AS who FROM frame"
    )
    return rows


COLUMNS = [("x", "DOUBLE"), ("c", "VARCHAR"), ("moment", "TIMESTAMP")]


def test_phases_and_windows_add_up_to_the_rows(connection):
    rows = seasonal(connection, hours=24 * 15)
    profile = profile_of(connection, "reference", columns=COLUMNS, time="moment")
    assert profile.phase == "hour of week"
    assert [column.name for column in profile.columns] == ["x", "c"]
    x, c = profile.columns
    assert tuple(np.sum(x.phases, axis=0)) == x.counts
    noon = sum(at.weekday() == 2 and at.hour == 12 for at, *_ in rows)
    assert sum(x.phases[2 * 24 + 12]) == noon
    windows = counts_of(
        connection, "reference", columns=profile.columns, phase=profile.phase, moment="moment", window_s=6 * HOUR
    )
    assert len(windows) == 15 * 4
    assert windows[0].begin == MONDAY
    assert windows[0].phases == dict.fromkeys(range(6), 20)
    assert tuple(np.sum([window.columns["c"].counts for window in windows], axis=0)) == c.counts
    assert all(sum(window.columns["x"].counts) == window.rows for window in windows)


def test_rows_without_a_moment_do_not_count(connection):
    seasonal(connection, hours=3)
    connection.execute("INSERT INTO reference VALUES (NULL, 5.0, 'a', 1)")
    profile = profile_of(connection, "reference", columns=COLUMNS, time="moment")
    assert profile.rows == profile.columns[0].rows == sum(profile.columns[0].counts) == 60
    (window, *_) = counts_of(connection, "reference", columns=profile.columns, moment="moment", window_s=DAY)
    assert window.rows == 60


def test_equal_rows_give_equal_bytes_and_the_document_comes_back(connection):
    seasonal(connection, hours=24 * 3)
    made = [
        profile_of(connection, "reference", columns=COLUMNS, time="moment", group="who", window_s=HOUR)
        for _ in range(2)
    ]
    first, second = (canonical_json(profile_document(profile)) for profile in made)
    assert first == second
    assert read_profile(json.loads(first)) == made[0]


def test_deciles_of_many_rows_are_the_same_each_time(connection):
    connection.execute("CREATE TABLE big AS SELECT hash(i)::DOUBLE AS x FROM range(450000) t(i)")
    edges = {profile_of(connection, "big", columns=[("x", "DOUBLE")]).columns[0].edges for _ in range(3)}
    assert len(edges) == 1
    shares = np.array(profile_of(connection, "big", columns=[("x", "DOUBLE")]).columns[0].counts[:-1]) / 450000
    assert shares == pytest.approx(0.1, abs=0.006)


def test_independent_hours_show_no_spread_and_moving_ones_do(connection):
    seasonal(connection, hours=24 * 21, size=100)
    calm = profile_of(connection, "reference", columns=COLUMNS, time="moment").columns[0].spread
    assert calm["window"].factor < 1.05
    seasonal(connection, hours=24 * 21, effect=0.3, size=100)
    moving = profile_of(connection, "reference", columns=COLUMNS, time="moment").columns[0].spread
    assert moving["window"].factor > 1.5
    assert moving["window"].blocks == 24 * 21
    assert moving["window"].degrees == pytest.approx(24 * 14, rel=0.01)


def test_too_few_weeks_take_the_days_estimate_and_say_so(connection):
    seasonal(connection, hours=24 * 9)
    spread = profile_of(connection, "reference", columns=COLUMNS, time="moment").columns[0].spread
    assert list(spread) == ["window", "day", "week"]
    assert spread["week"].taken_from == "day"
    assert spread["week"].factor == spread["day"].factor
    assert spread["day"].taken_from == ""


def test_rows_repeated_for_a_customer_have_a_design_effect_of_their_number(connection):
    draw = np.random.default_rng(3)
    rows = [(value, who) for who, value in enumerate(draw.normal(size=400)) for _ in range(5)]
    connection.execute("CREATE TABLE repeated (x DOUBLE, who BIGINT)")
    connection.execute(f"INSERT INTO repeated VALUES {', '.join(map(str, [(float(x), who) for x, who in rows]))}")
    (column,) = profile_of(connection, "repeated", columns=[("x", "DOUBLE")], group="who").columns
    assert column.spread["all"].clustered == pytest.approx(5, rel=0.02)
    (alone,) = profile_of(connection, "repeated", columns=[("x", "DOUBLE")]).columns
    assert alone.spread["all"].clustered == 1


@pytest.mark.parametrize(
    ("days", "phase"),
    [(1, "none"), (2, "hour of day"), (13, "hour of day"), (14, "hour of week"), (60, "hour of week")],
)
def test_the_calendar_is_as_fine_as_the_reference_is_long(days, phase):
    assert phase_for(MONDAY, MONDAY + timedelta(days=days) - timedelta(minutes=30)) == phase


def test_hours_of_the_week_begin_on_monday_and_so_do_weeks():
    second = int(MONDAY.timestamp())
    moments = np.array([second - 1, second, second + 25 * HOUR], dtype=np.int64)
    assert phase_of(moments, "hour of week").tolist() == [167, 0, 25]
    assert phase_of(moments, "hour of day").tolist() == [23, 0, 1]
    assert np.diff(blocks_of(moments, WEEK)).tolist() == [1, 0]


def test_spans_are_the_window_and_what_is_longer():
    assert list(spans_of(HOUR)) == ["window", "day", "week"]
    assert list(spans_of(DAY)) == ["window", "week"]
    assert list(spans_of(WEEK)) == ["window"]
