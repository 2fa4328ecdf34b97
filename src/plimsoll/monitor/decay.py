"""Has the live release become worse than on its holdout? Judged day by day on matured labels, at any time.

Each day gives one loss between 0 and 1: the metric of that day's rows, turned so that more is worse. While the release
is as good as on its holdout or at most `tolerance` worse, the mean of a day's loss is at most a limit, whatever the days
before were like. A detector multiplies evidence against that: it is a mean over bets of Shiryaev-Roberts statistics.

Source: Shin, Ramdas & Rinaldo, "E-detectors" (2022): M = (M + 1) * e with E[e | past] <= 1 exceeds A not more often
than once in A steps on average. The bets are e = 1 + b * (loss - limit) / limit with 0 < b < 1.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

BETS: NDArray[np.float64] = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95])
"""Small ones find small decay in a long time, large ones large decay soon; all run beside one another."""

BEYOND_DOUBT = 1e12
"""The statistics stop here, far above any limit: months of decay would leave what a number can hold."""


def loss_of(value: float, *, reference: float, greater: bool, bounded: bool) -> float:
    """A metric's value as a loss between 0 and 1.

    reference: the metric on the holdout. An unbounded metric's loss is its distance from perfect against that of the
    holdout, x / (x + x_holdout): one half where nothing changed. r2 is perfect at 1, the others at 0.
    """
    if bounded:
        return min(max(1.0 - value if greater else value, 0.0), 1.0)
    distance = max(1.0 - value if greater else value, 0.0)
    usual = max(1.0 - reference if greater else reference, 1e-12)
    return distance / (distance + usual)


def limit_of(reference: float, *, tolerance: float, greater: bool, bounded: bool) -> float:
    """The largest mean loss that is no decay: that of the holdout, `tolerance` worse. Between 0 and 1, both excluded."""
    worse = reference - tolerance if greater else reference + tolerance
    limit = loss_of(worse, reference=reference, greater=greater, bounded=bounded)
    return min(max(limit, 1e-6), 1.0 - 1e-6)


def detect(losses: Iterable[float], *, limit: float) -> list[float]:
    """The detector's value after each day, oldest first; it alarms where it reaches `alarm_at`."""
    statistics = np.zeros(len(BETS))
    path = []
    for loss in losses:
        statistics = np.minimum((statistics + 1.0) * (1.0 + BETS * (loss - limit) / limit), BEYOND_DOUBT)
        path.append(float(statistics.mean()))
    return path


def alarm_at(*, false_alarms_per_day: float) -> float:
    """The detector's limit: the mean number of days between two false alarms."""
    return 1.0 / false_alarms_per_day
