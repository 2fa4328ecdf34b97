"""Tails of the noncentral chi-square distribution, for arrays and at any noncentrality."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chndtr, chndtrix, ndtr, ndtri

_LARGE = 1e5
"""Above, the exact series is slow and Sankaran's normal approximation is as good."""
LEAST_P = 1e-15
"""Smaller chances are not told apart."""

Array = NDArray[np.float64]


def tail(x: Array, degrees: Array, noncentrality: Array) -> Array:
    """The chance to exceed x, at least 1e-15."""
    large = noncentrality > _LARGE
    chance = np.empty(np.shape(x))
    chance[~large] = 1 - chndtr(x[~large], degrees[~large], noncentrality[~large])
    if large.any():
        power, centre, scale = _sankaran(degrees[large], noncentrality[large])
        ratio = np.maximum(x[large], 0.0) / (degrees[large] + noncentrality[large])
        chance[large] = ndtr(-(ratio**power - centre) / scale)
    return np.clip(chance, LEAST_P, 1.0)


def tail_inverse(chance: Array, degrees: Array, noncentrality: Array) -> Array:
    """What is exceeded with this chance, between 1e-15 and 1."""
    kept = np.maximum(chance, LEAST_P)
    large = noncentrality > _LARGE
    x = np.empty(np.shape(kept))
    x[~large] = chndtrix(1 - kept[~large], degrees[~large], noncentrality[~large])
    if large.any():
        power, centre, scale = _sankaran(degrees[large], noncentrality[large])
        ratio = np.maximum(centre + scale * ndtri(1 - kept[large]), 0.0) ** (1 / power)
        x[large] = ratio * (degrees[large] + noncentrality[large])
    return x


def _sankaran(degrees: Array, noncentrality: Array) -> tuple[Array, Array, Array]:
    """Power, mean and standard deviation of (x / mean)**power, which is near normal. Source: Sankaran 1963."""
    first, second, third = (degrees + times * noncentrality for times in (1, 2, 3))
    power = 1 - 2 * first * third / (3 * second**2)
    p = second / first**2
    m = (power - 1) * (1 - 3 * power)
    centre = 1 + power * p * (power - 1 - 0.5 * (2 - power) * m * p)
    return power, centre, power * np.sqrt(2 * p) * (1 + 0.5 * m * p)
