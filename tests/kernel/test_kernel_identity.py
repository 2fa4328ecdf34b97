"""Canonical JSON, digests, ids, time: what makes two things the same, and in which order they came."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.clock import ManualClock, SystemClock, from_text, to_text
from plimsoll.kernel.hashing import digest_bytes, digest_file, digest_json
from plimsoll.kernel.ids import millisecond_of, new_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
text = st.text(st.characters(codec="utf-8"), max_size=6)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)
moments = st.integers(0, 250_000_000_000_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))


@given(documents)
def test_canonical_json_says_the_value(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(text, documents, max_size=6), st.randoms())
def test_the_order_of_keys_does_not_count(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(value)
    assert digest_json(dict(items)) == digest_json(value)


@given(documents, documents)
def test_one_byte_string_means_one_json_value(one: Any, other: Any) -> None:
    same_text = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonical_json(one) == canonical_json(other)) == same_text


def test_canonical_json_has_no_white_space_and_keeps_unicode() -> None:
    assert canonical_json({"b": (1, 2.5), "a": "é\n"}) == '{"a":"é\\n","b":[1,2.5]}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")], "\ud800"])
def test_what_is_no_json_value_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


@pytest.mark.parametrize("value", [{1: "a"}, [{"a": {None: 1}}], {"a": {1, 2}}, b"bytes", object()])
def test_what_would_come_back_as_something_else_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


def test_digests_are_sha256(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "file").write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    assert digest_bytes(content) == digest_file(tmp_path / "file") == expected
    assert digest_json({}) == hashlib.sha256(b"{}").hexdigest()


@given(moments)
def test_an_id_tells_the_millisecond_it_was_made_in(moment: datetime) -> None:
    assert millisecond_of(new_id("run", at=moment)) == (moment - EPOCH) // timedelta(milliseconds=1)


@given(st.lists(moments, min_size=2, max_size=5))
def test_ids_sort_by_time(times: list[datetime]) -> None:
    times = sorted({moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in times})
    ids = [new_id("run", at=moment) for moment in times]
    assert sorted(ids) == ids


def test_ids_of_one_millisecond_differ() -> None:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    assert len({new_id("run", at=now) for _ in range(1000)}) == 1000
    assert new_id("a-b", at=now).startswith("a-b-01m6crwh00")
    assert len(new_id("run", at=now)) == len("run-") + 26


@pytest.mark.parametrize("wrong", ["", "run", "run-123", "run-" + "!" * 26])
def test_what_is_no_id_has_no_time(wrong: str) -> None:
    with pytest.raises(ValueError):
        millisecond_of(wrong)


@given(moments)
def test_time_as_text_comes_back(moment: datetime) -> None:
    assert from_text(to_text(moment)) == moment


@given(moments, moments)
def test_time_as_text_sorts_as_time(one: datetime, other: datetime) -> None:
    assert (to_text(one) < to_text(other)) == (one < other)


def test_time_as_text_is_utc() -> None:
    paris = timezone(timedelta(hours=1))
    assert to_text(datetime(2026, 11, 2, 0, 30, tzinfo=paris)) == "2026-11-01T23:30:00.000000Z"


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(datetime(2026, 11, 2, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.advance(timedelta(days=1))
    assert clock.now() == datetime(2026, 11, 3, tzinfo=UTC)
    assert SystemClock().now().tzinfo is UTC
