"""By how much more than chance a column's shares vary within its own reference: the design effect, per span.

Rows of one hour or day move together (a campaign, an outage, one large customer), so that a block of rows says less
than as many independent ones. The blocks of the reference say how much less. Pure arithmetic on integer counts, in
one fixed order, so that equal rows give equal figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from plimsoll.data.entities import Spread
from plimsoll.data.phases import blocks_of

RARE = 5
"""A bin that expects fewer rows than this is taken together with the other rare ones."""
_LEAST_BLOCKS = 3
_DIGITS = 9

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]


def spreads(
    cells: Counts,
    moments_s: NDArray[np.int64],
    phases: NDArray[np.int64],
    *,
    spans: Mapping[str, int],
    clustered: Mapping[str, float],
) -> dict[str, Spread]:
    """The spread of each span, shortest first.

    cells: rows per cell of time and bin, shape (cells, bins). moments_s, phases: when each cell began, and its phase.
    spans: name -> seconds, rising. clustered: the design effect of groups, by span.
    """
    found: dict[str, Spread] = {}
    before = ""
    for span, seconds in spans.items():
        own = _spread(cells, phases, blocks_of(moments_s, seconds), clustered=clustered.get(span, 1.0))
        if own.degrees == 0 and before:
            shorter = found[before]
            own = Spread(
                blocks=own.blocks,
                factor=shorter.factor,
                degrees=shorter.degrees,
                cells=shorter.cells,
                rows=own.rows,
                clustered=max(own.clustered, shorter.clustered),
                taken_from=shorter.taken_from or before,
            )
        found[span] = own
        before = span
    return found


def unknown_spread(rows: int, *, clustered: float = 1.0) -> Spread:
    """For rows without a time: they are one block."""
    return Spread(blocks=1, factor=1.0, degrees=0.0, cells=0, rows=float(rows), clustered=clustered)


def clustered_effect(
    shares: Shares, *, squares: Sequence[int], products: Sequence[int], sizes_squared: int, rows: int
) -> float:
    """The design effect of clusters of rows: the mean over bins of the clusters' variance to that of single rows.

    With c rows of a cluster in a bin and n rows of it in all, summed over clusters: squares: c2 per bin; products:
    c*n per bin; sizes_squared: n2. shares: of each bin, over all rows. At least 1. Source: Kish 1965, Rao & Scott 1981.
    """
    present = shares > 0
    if rows == 0 or present.sum() < 2:
        return 1.0
    variance = np.array(squares) - 2 * shares * np.array(products) + shares**2 * sizes_squared
    effect = float((variance[present] / (rows * shares[present])).sum() / (present.sum() - 1))
    return round(max(effect, 1.0), _DIGITS)


def _spread(cells: Counts, phases: NDArray[np.int64], blocks: NDArray[np.int64], *, clustered: float) -> Spread:
    """Pearson's X2 of the blocks' counts against their phases' shares, per degree of freedom."""
    names, block = np.unique(blocks, return_inverse=True)
    counts = _summed(cells, block, len(names)).astype(np.float64)
    rows = counts.sum(axis=1)
    mean_rows = float(rows.mean()) if len(rows) else 0.0
    expected, freedom = _expected(cells, phases, block, len(names))
    whole = _whole(rows)
    degrees = float(freedom[whole].sum())
    pooled, wanted = _pooled(counts[whole], expected[whole])
    used = (wanted > 0).any(axis=0)
    df = int(used.sum()) - 1
    if whole.sum() < _LEAST_BLOCKS or degrees < 1 or df < 1:
        known = int(whole.sum())
        return Spread(blocks=known, factor=1.0, degrees=0.0, cells=0, rows=mean_rows, clustered=clustered)
    squares = np.divide((pooled - wanted) ** 2, wanted, out=np.zeros_like(wanted), where=wanted > 0)
    return Spread(
        blocks=int(whole.sum()),
        factor=round(max(float(squares.sum()) / (degrees * df), 1.0), _DIGITS),
        degrees=round(degrees, _DIGITS),
        cells=df + 1,
        rows=round(float(rows[whole].mean()), _DIGITS),
        clustered=clustered,
    )


def _expected(
    cells: Counts, phases: NDArray[np.int64], block: NDArray[np.intp], blocks: int
) -> tuple[Shares, NDArray[np.float64]]:
    """The rows that each block's phases expect per bin, and the share of a block that the fit has left free.

    A phase's shares are fitted to all its rows: a cell of n among its N rows is free by 1 - n/N.
    """
    _, phase = np.unique(phases, return_inverse=True)
    by_phase = _summed(cells, phase, int(phase.max()) + 1).astype(np.float64)
    totals = by_phase.sum(axis=1)
    sizes = cells.sum(axis=1).astype(np.float64)
    shares = np.divide(by_phase, totals[:, None], out=np.zeros_like(by_phase), where=totals[:, None] > 0)
    expected = np.zeros((blocks, cells.shape[1]))
    np.add.at(expected, block, sizes[:, None] * shares[phase])
    left = np.zeros(blocks)
    # cells of one phase in one block (a window's halves) are fitted together
    pairs, pair = np.unique(np.stack([block, phase]), axis=1, return_inverse=True)
    together = np.bincount(pair.ravel(), weights=sizes)
    np.add.at(left, pairs[0], together * (1 - together / np.maximum(totals[pairs[1]], 1)))
    rows = np.bincount(block, weights=sizes, minlength=blocks)
    return expected, np.divide(left, rows, out=np.zeros_like(left), where=rows > 0)


def _whole(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """All blocks but a first or last one that is only the rest of a day or a week."""
    whole = np.ones(len(rows), dtype=bool)
    if len(rows):
        for end in (0, -1):
            whole[end] = rows[end] >= np.median(rows) / 2
    return whole


def _pooled(counts: Shares, expected: Shares) -> tuple[Shares, Shares]:
    """Both with the bins that are rare in a block of usual size as one bin, the last."""
    rare = expected.mean(axis=0) < RARE if len(expected) else np.ones(expected.shape[1], dtype=bool)
    return _with_rest(counts, rare), _with_rest(expected, rare)


def _with_rest(values: Shares, rare: NDArray[np.bool_]) -> Shares:
    return np.concatenate([values[:, ~rare], values[:, rare].sum(axis=1, keepdims=True)], axis=1)


def _summed(cells: Counts, group: NDArray[np.intp], groups: int) -> Counts:
    summed = np.zeros((groups, cells.shape[1]), dtype=np.int64)
    np.add.at(summed, group, cells)
    return summed
