"""A verdict as text for people: one line a check, aligned, and under it what decided; as wide as it is told to be."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby

from plimsoll.gates.entities import Champion, CheckResult, Estimate, Finding, Verdict
from plimsoll.gates.wording import figure

WIDTH = 100
NARROWEST = 80
_FINDING, _FIGURE, _DIFFERENCE = 14, 9, 28
_OTHERS = _FINDING + 2 * _FIGURE + _DIFFERENCE + 4


def verdict_text(verdict: Verdict, *, width: int = WIDTH) -> str:
    """The whole verdict: finding, who was compared with whom, every check, notes. Ends without a line break.

    width: columns of the terminal; more than WIDTH are left empty, fewer than NARROWEST are not enough.
    """
    width = max(min(width, WIDTH), NARROWEST)
    against = f" against {', '.join(_champion(item) for item in verdict.champions)}" if verdict.champions else ""
    head = f"Verdict {str(verdict.finding).upper()} on {verdict.run}: {verdict.rows:,} holdout rows{against}"
    lines = [
        *_wrap(head, indent="", width=width),
        "",
        _line("rule", "finding", "candidate", "reference", "difference [95 %]", width=width),
    ]
    for rule, checks in groupby(verdict.checks, key=lambda check: check.rule):
        lines += _rule(rule, list(checks), width=width)
    if any(not check.blocking for check in verdict.checks):
        remark = "Findings in brackets are reported only: the slice is smaller than min_rows."
        lines += ["", *_wrap(remark, indent="", width=width)]
    if verdict.notes:
        lines += ["", *(line for note in verdict.notes for line in _wrap(note, indent="", width=width))]
    return "\n".join([*lines, "", f"verdict {verdict.id}"])


def _rule(rule: str, checks: list[CheckResult], *, width: int) -> Iterator[str]:
    room = width - _OTHERS
    together = len(checks) == 1 and checks[0].slice is None and len(rule) <= room
    if not together:
        yield rule
    for check in checks:
        name = rule if together else f"  {check.slice or 'overall'}"
        if len(name) > room:
            yield name
            name = ""
        yield _line(
            name,
            _finding(check),
            _value(check.candidate),
            _value(check.reference),
            _interval(check.difference),
            width=width,
        )
        if check.slice is None or check.finding is not Finding.PASS:
            yield from _wrap(check.because, indent="    ", width=width)


def _finding(check: CheckResult) -> str:
    if not check.blocking:
        return f"({check.finding})"
    return "FAIL" if check.finding is Finding.FAIL else str(check.finding)


def _value(estimate: Estimate | None) -> str:
    return "" if estimate is None else figure(estimate.value)


def _interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{_signed(estimate.value)} [{_signed(estimate.low)}, {_signed(estimate.high)}]"


def _signed(value: float) -> str:
    return f"+{figure(value)}" if value > 0 else figure(value)


def _champion(champion: Champion) -> str:
    return f"{champion.release or f'the baseline {champion.baseline}'} in {champion.environment}"


def _line(rule: str, finding: str, candidate: str, reference: str, difference: str, *, width: int) -> str:
    cells = (
        rule.ljust(width - _OTHERS),
        finding.ljust(_FINDING),
        candidate.rjust(_FIGURE),
        reference.rjust(_FIGURE),
        difference.rjust(_DIFFERENCE),
    )
    return " ".join(cells).rstrip()


def _wrap(text: str, *, indent: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width=width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
