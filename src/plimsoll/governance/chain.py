"""The audit chain as mathematics: the hash of an event, and what is wrong with a chain that was tampered with.

Each event's hash covers its own content and the hash before it, so no event can change without all later hashes
changing. Whoever can write the ledger can recompute those too; the signed heads, kept outside of it, cannot follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from plimsoll.governance.entities import AuditFinding, AuditReport, Head, Tampering
from plimsoll.kernel.hashing import digest_json

GENESIS = "0" * 64
"""What the first event has in place of the hash before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One stored event, byte for byte: `detail` is its JSON text, so that not even white space can change unseen."""

    number: int
    at: str
    actor: str
    action: str
    subject: str
    detail: str
    previous: str
    hash: str


def seal(*, after: Head, at: str, actor: str, action: str, subject: str, detail: str) -> Line:
    """The event that follows the chain's end, with its number and its hash."""
    line = Line(
        number=after.number + 1,
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        detail=detail,
        previous=after.hash,
        hash="",
    )
    return replace(line, hash=hash_of(line))


def hash_of(line: Line) -> str:
    """The hash that an event should have: SHA-256 of the canonical JSON of its other fields, the previous hash included."""
    return digest_json({name: value for name, value in asdict(line).items() if name != "hash"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHeads:
    """What the heads' file holds: the heads whose signature is good, and a sentence for each line that is not."""

    heads: tuple[Head, ...]
    bad: tuple[tuple[int, str], ...] = ()
    """Line number and what is wrong with it."""


def verify(lines: Sequence[Line], *, tail: Head, signed: SignedHeads) -> AuditReport:
    """Check every event, every link and every head; each kind of tampering becomes a finding.

    lines: the stored events by number. tail: the ledger's own note of the chain's end. signed: the heads' file.
    """
    end = max((head.number for head in signed.heads), default=0)
    last = Head(number=lines[-1].number, hash=lines[-1].hash) if lines else None
    findings = [
        *_bad_heads(signed),
        *_missing_heads(lines, signed),
        *(inside := [*_gaps(lines), *_changes(lines, signed.heads)]),
        *_recomputations(lines, signed.heads, named={finding.number for finding in inside}),
        *_end(last, tail, signed_end=end),
    ]
    unsigned = sum(1 for line in lines if line.number > end)
    return AuditReport(
        ok=not findings,
        events=len(lines),
        heads=len(signed.heads),
        last=last,
        unsigned=unsigned,
        findings=tuple(findings),
    )


def _bad_heads(signed: SignedHeads) -> Iterator[AuditFinding]:
    for number, problem in signed.bad:
        because = f"line {number} of the signed heads is not to be trusted: {problem}"
        yield AuditFinding(kind=Tampering.BAD_HEAD, number=number, because=because)


def _missing_heads(lines: Sequence[Line], signed: SignedHeads) -> Iterator[AuditFinding]:
    if lines and not signed.heads and not signed.bad:
        because = (
            f"the ledger holds {len(lines)} events, but there is no signed head: their file was emptied or removed"
        )
        yield AuditFinding(kind=Tampering.HEADS_MISSING, number=0, because=because)


def _gaps(lines: Sequence[Line]) -> Iterator[AuditFinding]:
    expected = 1
    for line in lines:
        for number in range(expected, line.number):
            yield AuditFinding(kind=Tampering.MISSING_ROW, number=number, because=f"event {number} was deleted")
        expected = line.number + 1


def _changes(lines: Sequence[Line], heads: Iterable[Head]) -> Iterator[AuditFinding]:
    """Rows whose content does not give their hash, and rows that the next row does not follow."""
    signed = {(head.number, head.hash) for head in heads}
    before: Line | None = None
    for line in lines:
        if hash_of(line) != line.hash:
            because = f"the content of event {line.number} does not give its hash: it was changed after it was written"
            yield AuditFinding(kind=Tampering.CHANGED_ROW, number=line.number, because=because)
        elif not _follows(line, before):
            yield _broken_link(line, before, signed)
        before = line


def _follows(line: Line, before: Line | None) -> bool:
    if before is None:
        return line.number != 1 or line.previous == GENESIS
    deleted_between = line.number != before.number + 1
    # A row that does not even match itself was named already; its neighbour is not to blame.
    return deleted_between or line.previous == before.hash or hash_of(before) != before.hash


def _broken_link(line: Line, before: Line | None, signed: set[tuple[int, str]]) -> AuditFinding:
    """Two rows that are sound alone but do not join: one was rewritten. A signed head tells which."""
    if before is None or (before.number, before.hash) in signed:
        because = (
            f"event {line.number} was rewritten: it does not follow event {line.number - 1}, which is as it was signed"
        )
        return AuditFinding(kind=Tampering.CHANGED_ROW, number=line.number, because=because)
    because = f"event {before.number} was rewritten together with its hash: event {line.number} follows another hash"
    return AuditFinding(kind=Tampering.CHANGED_ROW, number=before.number, because=because)


def _recomputations(lines: Sequence[Line], heads: Iterable[Head], *, named: set[int]) -> Iterator[AuditFinding]:
    """The first event whose hash is not the one that was signed, though the chain around it is sound."""
    by_number = {line.number: line for line in lines}
    sound = 0
    for head in sorted(heads, key=lambda head: head.number):
        line = by_number.get(head.number)
        if line is None:
            continue
        if line.hash == head.hash:
            sound = head.number
        elif head.number not in named:
            changed = (
                f"event {head.number}" if sound == head.number - 1 else f"one of events {sound + 1} to {head.number}"
            )
            because = (
                f"{changed} was changed and the chain recomputed from there: the signed head {head.number} is another"
            )
            yield AuditFinding(kind=Tampering.RECOMPUTED, number=head.number, because=because)
            return


def _end(last: Head | None, tail: Head, *, signed_end: int) -> Iterator[AuditFinding]:
    """Events that existed once, by a signed head or by the ledger's own note, and lie after the last one there is."""
    number = last.number if last else 0
    reached = max(signed_end, tail.number)
    if reached > number:
        witness = "a signed head" if signed_end > number else "the ledger's own position"
        because = f"the chain ends at event {number}, but {witness} says that it reached {reached}: the end was cut off"
        yield AuditFinding(kind=Tampering.TRUNCATED_TAIL, number=number + 1, because=because)
    elif tail != (last or Head(number=0, hash=GENESIS)):
        because = f"the ledger's own position ({tail.number}) is not the last event ({number}) and its hash"
        yield AuditFinding(kind=Tampering.CHANGED_POSITION, number=tail.number, because=because)
