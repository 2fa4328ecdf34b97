"""Seeded resampling of holdout rows, fast where the metric depends on counts or sums only.

The seed comes from the holdout's digest and rows are put in a canonical order first, so the same rows give the same
draws whatever the machine's load, the order of the rows or the number of runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from plimsoll.gates.errors import UndefinedMetric
from plimsoll.gates.ranks import Floats, Whole

DRAWS = 2000
_LEAST_DRAWS = 400
_MOST_WORK = 200_000_000
_MOST_UNDEFINED = 0.05


def seed_of(digest: str) -> int:
    """The seed for a holdout: the first 64 bits of its digest."""
    return int(digest[:16], 16)


def draws_for(rows: int) -> int:
    """2,000 draws up to 100,000 rows; above, as many as keep the work constant, at least 400."""
    return max(_LEAST_DRAWS, min(DRAWS, _MOST_WORK // max(rows, 1)))


def resampled(rows: int, seed: int, figure: Callable[[Floats], Floats | float]) -> Floats:
    """What a figure comes to under resampled row weights.

    figure: from weights, shape (rows,), that sum to rows, to one figure or an array of figures.
    """
    generator = np.random.default_rng(seed)
    found = [
        figure(np.bincount(generator.integers(rows, size=rows), minlength=rows).astype(np.float64))
        for _ in range(draws_for(rows))
    ]
    return np.asarray(found)


def resampled_means(columns: Floats, seed: int) -> Floats:
    """Means of columns, shape (rows, columns), in resampled holdouts: shape (draws, columns).

    By einsum and not by a matrix product, for the reason given in ranks.PrecisionLadder.
    """
    rows = len(columns)
    return resampled(rows, seed, lambda weights: np.einsum("i,ij->j", weights, columns)) / rows


def canonical_order(*keys: NDArray[np.generic]) -> Whole:
    """An order of the rows that depends on their values only."""
    return np.lexsort(keys)


def resampled_tallies(
    truth: Whole, decisions: Sequence[Whole], *, classes: int, seed: int
) -> list[tuple[Floats, Floats, Floats]]:
    """For each decider, hits, rows by truth and rows by decision in 2,000 resampled holdouts, shapes (draws, classes).

    Rows are drawn as one multinomial over the cells of equal (truth, decisions), jointly for all deciders, which is the
    bootstrap of row indices at a cost that does not depend on the number of rows. Each class adds, for each decider,
    one row that this decider alone gets wrong: a mistake seen in no row is thus held possible up to the rule of three
    (about 3 / n), where the plain bootstrap would call it impossible.
    """
    cells, counts = np.unique(np.column_stack([truth, *decisions]), axis=0, return_counts=True)
    every = np.arange(classes)
    wrong = (every + 1) % classes
    imagined = [
        np.column_stack([every, *(wrong if other == turn else every for other in range(len(decisions)))])
        for turn in range(len(decisions))
    ]
    cells = np.concatenate([cells, *imagined])
    weights = np.concatenate([counts, np.ones(classes * len(decisions))])
    drawn = np.random.default_rng(seed).multinomial(len(truth), weights / weights.sum(), size=DRAWS).astype(np.float64)
    by_truth = drawn @ _indicator(cells[:, 0], classes)
    tallies = []
    for decision in cells[:, 1:].T:
        hits = drawn @ (_indicator(cells[:, 0], classes) * (cells[:, 0] == decision)[:, None])
        tallies.append((hits, by_truth, drawn @ _indicator(decision, classes)))
    return tallies


def sorted_defined(name: str, draws: Floats) -> Floats:
    """The draws in order, without undefined ones. Raises UndefinedMetric when more than 5 % are undefined."""
    known = np.sort(draws[~np.isnan(draws)])
    if len(known) < (1 - _MOST_UNDEFINED) * len(draws):
        share = 1 - len(known) / len(draws)
        raise UndefinedMetric(
            metric=name, reason=f"it has no value in {share:.0%} of the resampled holdouts; there are too few rows."
        )
    return known


def _indicator(codes: Whole, classes: int) -> Floats:
    """One column a class; a code of -1 is in none."""
    columns: Floats = (codes[:, None] == np.arange(classes)).astype(np.float64)
    return columns
