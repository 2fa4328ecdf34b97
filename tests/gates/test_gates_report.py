"""The verdict as text: what failed is named with its slice, difference and interval, within 100 columns."""

from __future__ import annotations

import pytest
from gate_cases import evidence
from test_gates_checks import groups, mistakes

from plimsoll.gates.checks import check_gate
from plimsoll.gates.decide import verdict_finding
from plimsoll.gates.entities import Champion, Verdict
from plimsoll.gates.report import NARROWEST, WIDTH, verdict_text
from plimsoll.project.entities import Gate

GATES = (
    Gate(metric="accuracy", min=0.9),
    Gate(metric="accuracy", against="production", margin=0.02),
    Gate(metric="accuracy", against="production", margin=0.02, slices="all"),
)


def a_verdict() -> Verdict:
    parts = groups(3)
    parts["country = Liechtenstein and its neighbours"] = parts["country = A"] & (parts["country = A"].cumsum() < 40)
    seen = evidence(mistakes(40, 40, 150), mistakes(90, 90, 50), slices=parts)
    checks = tuple(check for gate in GATES for check in check_gate(gate, seen))
    return Verdict(
        id="ab" * 32,
        run="run-1",
        finding=verdict_finding(checks),
        checks=checks,
        champions=(Champion(environment="production", release="fraud@1", digest="d1", baseline=None),),
        holdout="h",
        rows=3000,
        decided_at="2026-01-01T00:00:00.000000Z",
        notes=("Slice shop: its 20 most frequent values are looked at; 20 others with 50.0% of the rows are not.",),
    )


def test_the_text_names_the_failed_slice_its_difference_and_interval():
    assert verdict_text(a_verdict()).splitlines() == EXPECTED.splitlines()


@pytest.mark.parametrize(("columns", "widest"), [(200, WIDTH), (91, 91), (40, NARROWEST)])
def test_no_line_is_wider_than_the_terminal_within_reason(columns, widest):
    widths = [len(line) for line in verdict_text(a_verdict(), width=columns).splitlines()]
    assert max(widths) <= widest


EXPECTED = """\
Verdict FAIL on run-1: 3,000 holdout rows against fraud@1 in production

rule                                 finding        candidate reference            difference [95 %]
accuracy >= 0.9 (lower 95 % bound)   pass              0.9233
    The lower 95 % bound 0.9149 clears 0.9.
accuracy against fraud@1 (production), margin 0.02
  overall                            pass              0.9233    0.9233         0 [-0.0093, +0.0093]
    Worse by at most 0.0078 (95 % bound), within the margin 0.02. 100 rows lost, 100 gained (exact
    McNemar p 1).
  country = A                        pass              0.9600    0.9100   +0.0500 [+0.0381, +0.0653]
  country = B                        pass              0.9600    0.9100   +0.0500 [+0.0381, +0.0653]
  country = C                        FAIL              0.8500    0.9500   -0.1000 [-0.1202, -0.0829]
    Worse by 0.1000, at the very least by 0.0855 (95 % bound): more than the margin 0.02.
    Holm-adjusted p below 0.0001 among 3 slices. 100 rows lost, 0 gained (exact McNemar p below
    0.0001).
  country = Liechtenstein and its neighbours
                                     (inconclusive)         0         0         0 [-0.0897, +0.0897]
    Reported only: 39 rows, fewer than min_rows 100. Could be worse by 0.0649 (95 % bound), margin
    0.02: not proven harmless. 39 rows show shortfalls from 0.0981 up with 80 % power; about 420
    would settle it. 0 rows lost, 0 gained (exact McNemar p 1).

Findings in brackets are reported only: the slice is smaller than min_rows.

Slice shop: its 20 most frequent values are looked at; 20 others with 50.0% of the rows are not.

verdict abababababababababababababababababababababababababababababababab
"""
