"""The audit chain as mathematics: sound chains verify, every single change to one is found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.governance.chain import GENESIS, Line, SignedHeads, hash_of, seal, verify
from plimsoll.governance.entities import Head, Tampering


def chain(length: int, *, after: Head | None = None, subject: str = "run") -> list[Line]:
    end = after or Head(number=0, hash=GENESIS)
    lines = []
    for _ in range(length):
        lines.append(
            seal(
                after=end,
                at="2026-11-02T09:00:00.000000Z",
                actor="ada",
                action="run_started",
                subject=subject,
                detail="{}",
            )
        )
        end = Head(number=lines[-1].number, hash=lines[-1].hash)
    return lines


def heads_of(lines: list[Line]) -> SignedHeads:
    return SignedHeads(heads=tuple(Head(number=line.number, hash=line.hash) for line in lines))


def tail_of(lines: list[Line]) -> Head:
    return Head(number=lines[-1].number, hash=lines[-1].hash) if lines else Head(number=0, hash=GENESIS)


def kinds(lines: list[Line], *, signed: SignedHeads, tail: Head | None = None) -> list[tuple[Tampering, int]]:
    report = verify(lines, tail=tail or tail_of(lines), signed=signed)
    assert report.ok == (not report.findings)
    return [(finding.kind, finding.number) for finding in report.findings]


def rehashed(line: Line, **changes: str) -> Line:
    changed = replace(line, **changes)
    return replace(changed, hash=hash_of(changed))


def test_an_empty_chain_is_whole():
    assert kinds([], signed=SignedHeads(heads=())) == []


@given(length=st.integers(1, 30))
def test_an_untouched_chain_is_whole(length):
    lines = chain(length)
    report = verify(lines, tail=tail_of(lines), signed=heads_of(lines))
    assert report.ok
    assert (report.events, report.heads, report.unsigned) == (length, length, 0)


@settings(max_examples=60)
@given(
    data=st.data(),
    length=st.integers(1, 12),
    field=st.sampled_from(["at", "actor", "action", "subject", "detail", "previous", "hash"]),
    value=st.text(max_size=8),
)
def test_any_changed_field_is_found_and_its_row_named(data, length, field, value):
    lines = chain(length)
    index = data.draw(st.integers(0, length - 1))
    lines[index] = replace(lines[index], **{field: value})
    found = kinds(lines, signed=heads_of(chain(length)))
    assert found[0] == (Tampering.CHANGED_ROW, index + 1)
    assert {number for _, number in found} == {index + 1}


@given(data=st.data(), length=st.integers(2, 12))
def test_a_row_rewritten_together_with_its_own_hash_is_named(data, length):
    lines = chain(length)
    index = data.draw(st.integers(0, length - 2))
    lines[index] = rehashed(lines[index], actor="eve")
    assert kinds(lines, signed=heads_of(chain(length))) == [(Tampering.CHANGED_ROW, index + 1)]


@given(data=st.data(), length=st.integers(2, 12))
def test_missing_rows_are_named(data, length):
    lines = chain(length)
    gone = data.draw(st.sets(st.integers(1, length - 1), min_size=1))
    left = [line for line in lines if line.number not in gone]
    assert kinds(left, signed=heads_of(lines)) == [(Tampering.MISSING_ROW, number) for number in sorted(gone)]


@given(length=st.integers(1, 12), kept=st.integers(0, 11), tail_follows=st.booleans())
def test_a_truncated_tail_is_found_whether_or_not_the_position_was_set_back(length, kept, tail_follows):
    lines = chain(length)
    left = lines[: min(kept, length - 1)]
    tail = tail_of(left) if tail_follows else tail_of(lines)
    found = kinds(left, signed=heads_of(lines), tail=tail)
    assert found == [(Tampering.TRUNCATED_TAIL, len(left) + 1)]


@given(data=st.data(), length=st.integers(1, 12))
def test_a_recomputed_chain_is_found_at_the_row_that_was_changed(data, length):
    lines = chain(length)
    index = data.draw(st.integers(0, length - 1))
    forged = lines[:index] + chain(length - index, after=tail_of(lines[:index]), subject="forged")
    assert kinds(forged, signed=heads_of(lines)) == [(Tampering.RECOMPUTED, index + 1)]


def test_sparse_heads_say_between_which_rows_the_change_lies():
    lines = chain(10)
    forged = lines[:4] + chain(6, after=tail_of(lines[:4]), subject="forged")
    heads = SignedHeads(heads=(tail_of(lines[:3]), tail_of(lines[:7])))
    report = verify(forged, tail=tail_of(forged), signed=heads)
    assert [finding.kind for finding in report.findings] == [Tampering.RECOMPUTED]
    assert "one of events 4 to 7" in report.findings[0].because


def test_a_chain_recomputed_from_the_middle_up_to_a_broken_link_is_found():
    lines = chain(10)
    forged = [*lines[:3], *chain(3, after=tail_of(lines[:3]), subject="forged"), *lines[6:]]
    found = kinds(forged, signed=heads_of(lines))
    assert found == [(Tampering.CHANGED_ROW, 6), (Tampering.RECOMPUTED, 4)]


def test_events_after_the_last_head_are_counted_and_are_no_failure():
    lines = chain(5)
    report = verify(lines, tail=tail_of(lines), signed=heads_of(lines[:3]))
    assert report.ok
    assert report.unsigned == 2


def test_no_heads_at_all_is_a_failure():
    lines = chain(3)
    assert kinds(lines, signed=SignedHeads(heads=())) == [(Tampering.HEADS_MISSING, 0)]


def test_a_bad_head_is_named_by_its_line():
    lines = chain(3)
    signed = replace(heads_of(lines[:2]), bad=((3, "The signature does not fit."),))
    assert kinds(lines, signed=signed) == [(Tampering.BAD_HEAD, 3)]


def test_a_position_that_is_not_the_last_event_is_found():
    lines = chain(3)
    found = kinds(lines, signed=heads_of(lines), tail=Head(number=3, hash="f" * 64))
    assert found == [(Tampering.CHANGED_POSITION, 3)]


@pytest.mark.parametrize("field", ["actor", "subject", "detail"])
def test_the_hash_depends_on_every_field_and_on_where_one_ends(field):
    (line,) = chain(1)
    assert rehashed(line, **{field: "other"}).hash != line.hash
    assert rehashed(line, actor="ab", subject="c").hash != rehashed(line, actor="a", subject="bc").hash
