"""Drift judged with error rates that hold: tolerance, calibrated critical value, spread, false discoveries, budget.

A span's counts are held against the reference reweighted to the span's own phases, like with like. A column has
drifted when both PSI and the likelihood ratio, in one unit, exceed the critical value; docs/monitoring.md explains
the formulas. Everything here is a pure function of counts, over many spans and columns at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from plimsoll.data.entities import ColumnCounts, ColumnProfile, Spread, WindowCounts
from plimsoll.data.phases import DAY, spans_of
from plimsoll.monitor.entities import ColumnJudgement, DriftRule, Move
from plimsoll.monitor.tails import tail, tail_inverse

RARE = 5
"""A bin that expects fewer rows than this, on either side, is judged together with the other rare ones."""
LEAST_ROWS = 30
"""Independent rows that a span, and the reference, must be worth."""
MOST_ALPHA = 0.05
_SHOWN_MOVES = 3
_CONFIDENCE = 0.95
_DEVIATIONS = 1.645
"""Standard deviations to the same confidence."""
_LEAST_DEGREES = 2.0

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The columns' profiles as arrays of one shape: (columns, phases, bins), unused bins zero."""

    columns: tuple[ColumnProfile, ...]
    shares: Array
    """What each phase expects, shape (columns, phases, bins): its own rows, drawn towards all rows where they are few."""
    worth: Array
    """How many rows those shares are worth, shape (columns, phases)."""
    rows: Array
    """All rows, shape (columns,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Figures of many judgements, each of shape (spans, columns)."""

    rows: Array
    worth: Array
    """Rows that what was expected is worth."""
    psi: Array
    likelihood: Array
    p: Array
    """NaN where there are too few rows."""
    spread: Array
    unit: Array
    """What one chi-square is worth in PSI; infinite without rows."""
    degrees: Array
    noncentrality: Array
    expected: Array
    """Shares that were expected, shape (spans, columns, bins)."""


def alphas(window_s: float, false_alarms_per_day: float) -> dict[str, float]:
    """How likely one judgement of a span may be wrong: the budget in equal parts for the spans, spread over each part's
    judgements. `window` is judged after every window, `day` and `week` at their ends; at most 5 % each.
    """
    spans = spans_of(window_s)
    return {name: min(false_alarms_per_day / len(spans) * seconds / DAY, MOST_ALPHA) for name, seconds in spans.items()}


def merged(windows: Sequence[WindowCounts]) -> WindowCounts:
    """Several windows as one span. Columns that are not in all of them are left out. Raises ValueError for none."""
    if not windows:
        raise ValueError("there are no windows to merge")
    phases: Counter[int] = Counter()
    for window in windows:
        phases.update(window.phases)
    names = [name for name in windows[0].columns if all(name in window.columns for window in windows)]
    begins = [window.begin for window in windows if window.begin is not None]
    return WindowCounts(
        begin=min(begins, default=None),
        rows=sum(window.rows for window in windows),
        phases=dict(phases),
        columns={name: _added([window.columns[name] for window in windows]) for name in names},
    )


def judge(
    columns: Sequence[ColumnProfile] | Reference, span: WindowCounts, rule: DriftRule
) -> tuple[ColumnJudgement, ...]:
    """Whether each column has drifted over a span, in the order of the profile. A column without counts is not judged."""
    reference = columns if isinstance(columns, Reference) else reference_of(columns)
    if not reference.columns:
        return ()
    phases = reference.worth.shape[1]
    counts = np.zeros((1, len(reference.columns), reference.shares.shape[2]))
    for place, column in enumerate(reference.columns):
        if column.name in span.columns:
            counts[0, place, : column.bins] = span.columns[column.name].counts
    rows = np.zeros((1, phases))
    for phase, count in span.phases.items():
        rows[0, phase if phases > 1 else 0] += count
    found, drifted, threshold = judge_spans(reference, counts, rows, rule)
    critical = critical_psi(found, threshold[:, None])
    return tuple(
        _judgement(reference.columns[place], found, place, bool(drifted[0, place]), critical, threshold, counts)
        for place in range(len(reference.columns))
    )


def judge_spans(
    reference: Reference, counts: Array, phase_rows: Array, rule: DriftRule
) -> tuple[Measured, NDArray[np.bool_], Array]:
    """The judgement of many spans of one kind: the figures, what drifted (spans, columns), each span's threshold of p.

    counts: shape (spans, columns, bins). phase_rows: the spans' rows by phase, shape (spans, phases).
    """
    found = measure(reference, counts, phase_rows, span=rule.span, tolerance=rule.tolerance)
    return found, *discoveries(found.p, rule.alpha)


def ranked(judgements: Sequence[ColumnJudgement]) -> tuple[ColumnJudgement, ...]:
    """Drifted columns first, then the others, then those that were not judged; each by the size of the effect."""
    return tuple(sorted(judgements, key=lambda one: (not one.drifted, not one.judged, -one.effect, one.column)))


def reference_of(columns: Sequence[ColumnProfile]) -> Reference:
    """Profiles as arrays, each phase's shares drawn towards the whole by as much as the phases differ little."""
    bins = max((column.bins for column in columns), default=1)
    phases = max((len(column.phases) for column in columns), default=0) or 1
    counts = np.zeros((len(columns), phases, bins))
    for place, column in enumerate(columns):
        counts[place, :, : column.bins] = column.phases or (column.counts,)
    whole = counts.sum(axis=1)
    rows = whole.sum(axis=1)
    overall = whole / np.maximum(rows, 1)[:, None]
    by_phase = counts.sum(axis=2)
    weight = _credibility(counts, overall)
    worth = by_phase + weight[:, None]
    shares = (counts + weight[:, None, None] * overall[:, None, :]) / np.maximum(worth, 1e-9)[:, :, None]
    return Reference(columns=tuple(columns), shares=shares, worth=worth, rows=rows)


def expected_shares(reference: Reference, phase_rows: Array) -> tuple[Array, Array]:
    """What spans should look like, (spans, columns, bins), and how many rows that is worth, (spans, columns).

    phase_rows: each span's rows by phase, shape (spans, phases). The shares are the phases', weighted by the span's
    own rows; with n rows in phases worth m each they are worth (sum n)2 / sum(n2/m), at most all rows.
    """
    rows = np.maximum(phase_rows.sum(axis=1), 1e-9)
    columns, phases, bins = reference.shares.shape
    flat = reference.shares.transpose(1, 0, 2).reshape(phases, columns * bins)
    shares = (phase_rows @ flat / rows[:, None]).reshape(len(phase_rows), columns, bins)
    variance = phase_rows**2 @ (1 / np.maximum(reference.worth, 1e-9)).T
    worth = np.divide(rows[:, None] ** 2, variance, out=np.zeros_like(variance), where=variance > 0)
    return shares, np.minimum(worth, reference.rows)


def measure(reference: Reference, counts: Array, phase_rows: Array, *, span: str, tolerance: float) -> Measured:
    """The statistics of many spans of one kind. counts: shape (spans, columns, bins); phase_rows: (spans, phases)."""
    expected, worth = expected_shares(reference, phase_rows)
    rows = counts.sum(axis=2)
    spread, clustered = _spread(reference, span, rows)
    known = (rows > 0) & (worth > 0)
    actual = counts / np.where(known, rows, 1)[:, :, None]
    rare = np.minimum(rows, worth)[:, :, None] / spread[:, :, None] * expected < RARE
    one, other = _with_rest(expected, rare), _with_rest(actual, rare)
    n, m = np.where(known, rows, 1.0), np.where(known, worth, 1.0)
    likelihood = likelihood_psi(one, other, m=m, n=n)
    index = psi(one, other, m=m, n=n)
    freedom = (~rare).sum(axis=2).astype(np.float64)  # and the rare ones' bin, less one
    enough = known & (freedom >= 1) & (np.minimum(rows, worth) / spread >= LEAST_ROWS)
    # What the blocks vary beyond the clusters is taken to lie in one direction: no other has so heavy a tail.
    beyond = np.maximum(spread / clustered, 1.0)
    worst = 1 + freedom * (beyond - 1)
    unit = (1 / n + 1 / m) * clustered * worst
    degrees = np.maximum(freedom * beyond / worst, 1e-9)
    noncentrality = tolerance / unit
    p = np.full(rows.shape, np.nan)
    statistic = np.minimum(index, likelihood) / unit
    p[enough] = tail(statistic[enough], degrees[enough], noncentrality[enough])
    return Measured(
        rows=rows,
        worth=worth,
        psi=index,
        likelihood=likelihood,
        p=p,
        spread=spread,
        unit=unit,
        degrees=degrees,
        noncentrality=noncentrality,
        expected=expected,
    )


def psi(expected: Array, actual: Array, *, m: Array | float, n: Array | float) -> Array:
    """The population stability index of shares over the last axis, in nats; 0 means the same shares. Never negative.

    m, n: the rows behind them. An empty bin counts as half a row, yet an empty `actual` bin never as more than was
    expected of it. Source: Yurdakul & Naranjo 2020; without drift, PSI / (1/n + 1/m) is chi-square with bins - 1 df.
    """
    half_m, half_n = (np.broadcast_to(np.asarray(0.5 / np.asarray(rows))[..., None], actual.shape) for rows in (m, n))
    before = np.where(expected > 0, expected, half_m)
    after = np.where(actual > 0, actual, np.minimum(half_n, before))
    both = (expected > 0) | (actual > 0)
    terms = np.where(both, (after - before) * np.log(after / before), 0.0)
    return np.asarray(terms.sum(axis=-1))


def likelihood_psi(expected: Array, actual: Array, *, m: Array | float, n: Array | float) -> Array:
    """The likelihood ratio statistic of two samples, times (1/n + 1/m): near PSI for small shifts, and chi-square in
    its tail however few rows there are, since the chance of n rows falling so falls with exp(-statistic/2).
    """
    many, few = np.asarray(m)[..., None], np.asarray(n)[..., None]
    pooled = (many * expected + few * actual) / (many + few)
    terms = many * _relative(expected, pooled) + few * _relative(actual, pooled)
    return np.asarray(np.maximum(2 * terms.sum(axis=-1) * (1 / np.asarray(n) + 1 / np.asarray(m)), 0.0))


def discoveries(p: Array, alpha: float) -> tuple[NDArray[np.bool_], Array]:
    """Benjamini-Hochberg over the last axis: what is found at false-discovery rate alpha, and the threshold of p.

    NaN is never found and does not count. Without any true drift the chance to find something is at most alpha.
    """
    judged = np.isfinite(p)
    tests = np.maximum(judged.sum(axis=-1), 1)
    ordered = np.sort(np.where(judged, p, np.inf), axis=-1)
    steps = alpha * np.arange(1, p.shape[-1] + 1) / tests[..., None]
    passed = ordered <= np.minimum(steps, alpha)
    found = np.where(passed.any(axis=-1), p.shape[-1] - np.argmax(passed[..., ::-1], axis=-1), 0)
    threshold = alpha * np.maximum(found, 1) / tests
    return judged & (p <= threshold[..., None]) & (found > 0)[..., None], threshold


def critical_psi(found: Measured, alpha: Array | float) -> Array:
    """The index that is exceeded with chance alpha where the true one is the tolerance."""
    return found.unit * tail_inverse(np.broadcast_to(alpha, found.unit.shape), found.degrees, found.noncentrality)


def _credibility(counts: Array, overall: Array) -> Array:
    """How many rows of all are added to each phase: within-phase over between-phase variance, shape (columns,).

    Phases that differ no more than chance count as one another's rows; phases that differ much stand alone. The
    between-phase variance is taken at two standard errors above its estimate. Source: Buehlmann & Straub 1970.
    """
    rows = counts.sum(axis=2)
    total = rows.sum(axis=1)
    seen = (rows > 0).sum(axis=1)
    wanted = rows[:, :, None] * overall[:, None, :]
    squares = np.divide((counts - wanted) ** 2, wanted, out=np.zeros_like(counts), where=wanted > 0).sum(axis=(1, 2))
    freedom = np.maximum((seen - 1) * np.maximum((overall > 0).sum(axis=1) - 1, 1), 1).astype(np.float64)
    excess = np.maximum(squares / freedom - 1, 0.0) + 2 * np.sqrt(2 / freedom)
    spare = total - np.divide((rows**2).sum(axis=1), total, out=np.zeros_like(total), where=total > 0)
    between = excess * np.maximum(seen - 1, 1) / np.maximum(spare, 1e-9)
    return np.where(counts.shape[1] > 1, np.minimum(1 / between, total), 0.0)


def _spread(reference: Reference, span: str, rows: Array) -> tuple[Array, Array]:
    """How much more than chance spans of so many rows vary, and how much of it is clusters; (spans, columns) both.

    The blocks' factor by its upper confidence bound; what exceeds 1 grows with a span's rows beyond a block's, since
    rows of one block move together, and is never taken for less.
    """
    bounds, usual, clustered = (
        np.array(figures) for figures in zip(*(_bounds(column, span) for column in reference.columns), strict=True)
    )
    growth = np.maximum(rows / np.maximum(usual, 1.0), 1.0)
    within = np.broadcast_to(clustered, rows.shape)
    return np.maximum(1 + (bounds - 1) * growth, within), within


def _bounds(column: ColumnProfile, span: str) -> tuple[float, float, float]:
    """The factor's upper bound, the rows of a block, the clusters' effect. A longer span is never held for calmer."""
    bound = clustered = 1.0
    usual = float(column.rows)
    days = column.spread["day"].degrees if "day" in column.spread else float("inf")
    for name, spread in column.spread.items():
        usual, clustered = spread.rows, max(clustered, spread.clustered)
        bound = max(bound, upper_bound(spread, days=days))
        if name == span:
            break
    return bound, usual, clustered


def upper_bound(spread: Spread, *, days: float = float("inf")) -> float:
    """The factor at the upper end of its 95 % interval: the chance of the counts, and the few blocks behind an excess.

    days: the degrees of freedom of the days; hours of one day move together, and many of them are no more evidence.
    """
    if spread.degrees <= 0 or spread.cells < 2:
        return 1.0
    independent = max(min(spread.degrees, days), _LEAST_DEGREES)
    excess = (spread.factor - 1) * independent / float(chdtri(independent, _CONFIDENCE))
    return 1 + excess + _DEVIATIONS * float(np.sqrt(2 / (spread.degrees * (spread.cells - 1))))


def _with_rest(values: Array, rare: NDArray[np.bool_]) -> Array:
    """The shares with those of rare bins moved to one more bin, the last."""
    rest = np.where(rare, values, 0.0).sum(axis=-1, keepdims=True)
    return np.concatenate([np.where(rare, 0.0, values), rest], axis=-1)


def _relative(shares: Array, pooled: Array) -> Array:
    """shares * log(shares / pooled), 0 where there are none."""
    present = (shares > 0) & (pooled > 0)
    return np.where(present, shares * np.log(np.where(present, shares, 1.0) / np.where(present, pooled, 1.0)), 0.0)


def _added(parts: Sequence[ColumnCounts]) -> ColumnCounts:
    return ColumnCounts(
        counts=tuple(sum(counts) for counts in zip(*(part.counts for part in parts), strict=True)),
        new=sum(part.new for part in parts),
        out_of_range=sum(part.out_of_range for part in parts),
    )


def _judgement(
    column: ColumnProfile,
    found: Measured,
    place: int,
    drifted: bool,
    critical: Array,
    threshold: Array,
    counts: Array,
) -> ColumnJudgement:
    judged = bool(np.isfinite(found.p[0, place]))
    rows = found.rows[0, place]
    moves = _moves(
        found.expected[0, place, : column.bins], counts[0, place, : column.bins] / max(rows, 1), found, place
    )
    return ColumnJudgement(
        column=column.name,
        drifted=drifted,
        judged=judged,
        rows=int(rows),
        reference_rows=round(float(found.worth[0, place]), 1),
        psi=float(found.psi[0, place]) if judged else 0.0,
        likelihood=float(found.likelihood[0, place]) if judged else 0.0,
        critical=float(critical[0, place]) if judged else 0.0,
        p=float(found.p[0, place]) if judged else 1.0,
        alpha=float(threshold[0]) if judged else 0.0,
        spread=float(found.spread[0, place]),
        moves=moves if judged else (),
    )


def _moves(expected: Array, actual: Array, found: Measured, place: int) -> tuple[Move, ...]:
    """The bins with the largest parts of the index."""
    parts = [
        float(psi(expected[[at]], actual[[at]], m=found.worth[0, place], n=found.rows[0, place]))
        for at in range(len(expected))
        if found.worth[0, place] > 0 and found.rows[0, place] > 0
    ]
    order = sorted(range(len(parts)), key=lambda at: -parts[at])[:_SHOWN_MOVES]
    return tuple(Move(bin=at, expected=float(expected[at]), actual=float(actual[at])) for at in order if parts[at] > 0)
