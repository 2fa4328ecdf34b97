"""Column quality: values that are missing, of a category never seen, or out of the reference's range. Pure.

Each is a share of a window's rows, held against the reference's own share. It is a finding when it is larger by more
than a percentage point, and by so much that chance would show it once in a billion windows.
"""

from __future__ import annotations

from collections.abc import Iterator

from plimsoll.data.entities import ColumnProfile, Profile, WindowCounts
from plimsoll.monitor.alerting import Finding, Judged, Key
from plimsoll.monitor.entities import Concern, Span

LEAST_MORE = 0.01
"""How much larger than in the reference a share may be."""
CHANCE = 1e-9
LEAST_ROWS = 20


def judge_columns(profile: Profile, counts: WindowCounts, *, end: str) -> Judged:
    """What is wrong with a window's input columns."""
    looked_at: set[Key] = set()
    findings: list[Finding] = []
    for column in profile.columns:
        if column.name.startswith("_") or column.name not in counts.columns or counts.rows < LEAST_ROWS:
            continue
        looked_at.add((Concern.COLUMN, column.name))
        problems = list(_problems(column, counts))
        if problems:
            evidence = {"rows": counts.rows, **{name: share for name, share, _ in problems}}
            sentence = f"{column.name}: {'; '.join(text for _, _, text in problems)}."
            findings.append(Finding(concern=Concern.COLUMN, subject=column.name, sentence=sentence, evidence=evidence))
    return Judged(span=Span.WINDOW, end=end, findings=tuple(findings), looked_at=frozenset(looked_at))


def _problems(column: ColumnProfile, counts: WindowCounts) -> Iterator[tuple[str, float, str]]:
    """Name, share and words of each."""
    found = counts.columns[column.name]
    for name, rows, usual, words in (
        ("missing", found.counts[-1], column.missing / max(column.rows, 1), "missing"),
        ("new", found.new, 0.0, "of a category that the reference never had"),
        ("out_of_range", found.out_of_range, 0.0, f"out of the reference's range {_range(column)}"),
    ):
        if _is_more(rows, counts.rows, usual):
            share = rows / counts.rows
            before = f", {usual:.1%} in the reference" if usual else ""
            yield name, share, f"{share:.1%} of {counts.rows:,} rows are {words}{before}"


def _is_more(rows: int, of: int, usual: float) -> bool:
    if rows / of <= usual + LEAST_MORE:
        return False
    from scipy.stats import binom

    return bool(binom.sf(rows - 1, of, usual + LEAST_MORE) < CHANCE)


def _range(column: ColumnProfile) -> str:
    return f"{column.low:g} to {column.high:g}" if column.low is not None and column.high is not None else ""
