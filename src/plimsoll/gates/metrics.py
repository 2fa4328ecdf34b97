"""The metrics that gates can measure: what each needs, which direction is better, and when it has no value.

A metric takes Cases (truth and prediction of the same rows) and gives one number, or raises UndefinedMetric with the
reason: never a silent 0. How sure that number is, is the business of `intervals` and `paired`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from plimsoll.bundle.entities import Task
from plimsoll.gates import formulas
from plimsoll.gates.cases import Cases, require_both_classes, require_rows, tally
from plimsoll.gates.errors import MetricNotForTask, UndefinedMetric
from plimsoll.gates.ranks import Floats, Mask, PrecisionLadder, placements
from plimsoll.kernel.nearest import nearest
from plimsoll.project.entities import UNBOUNDED_METRICS

MIN_PER_CLASS = 10
"""Fewest rows of each class (or decided positive) for which a resampled or ranking figure is trusted at all."""


class Family(StrEnum):
    """How a metric is built from rows; decides which interval and which comparison fit it."""

    SHARE = "share"
    """Share of right decisions among rows chosen by their truth."""
    MEAN = "mean"
    """Mean of one number a row."""
    COUNTS = "counts"
    """Function of the counts of truth by decision."""
    MOMENTS = "moments"
    """Function of sums over rows."""
    AUC = "auc"
    LADDER = "ladder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. `value` raises UndefinedMetric; `support` counts the rows that carry its information."""

    name: str
    greater: bool
    """Whether greater is better."""
    family: Family
    value: Callable[[Cases], float]
    support: Callable[[Cases], int]
    unit: str
    """What `support` counts, in words: `rows`, `positive rows`, `rows of the rarest class`."""
    rows: Callable[[Cases], Floats] | None = None
    """MEAN: the number of each row. MOMENTS: columns to be summed, shape (rows, columns)."""
    trials: Callable[[Cases], Mask] | None = None
    """The rows of which the metric is the share decided rightly; for SHARE they depend on the truth alone."""
    of_counts: Callable[[Floats, Floats, Floats], Floats] | None = None
    """COUNTS: from hits, rows by truth, rows by decision, each (..., classes), to (...,); NaN where undefined."""
    of_sums: Callable[[Floats], Floats] | None = None
    """MOMENTS: from mean columns (..., columns) to (...,); NaN where undefined."""

    @property
    def bounded(self) -> bool:
        """Whether its values lie between 0 and 1."""
        return self.name not in UNBOUNDED_METRICS

    @property
    def sign(self) -> int:
        """+1 when greater is better, else -1: turns a difference into an improvement."""
        return 1 if self.greater else -1


def find_metric(name: str, task: Task) -> Metric:
    """The metric of that name for a task. Raises MetricNotForTask with the nearest name."""
    known = METRICS[task]
    if name not in known:
        near = nearest(name, known)
        raise MetricNotForTask(
            metric=name,
            task=task.replace("_", " "),
            known=", ".join(known),
            nearest=f" Did you mean {near}?" if near else "",
        )
    return known[name]


def _share(name: str, chosen: Callable[[Cases], Mask], *, unit: str, what: str) -> Metric:
    def value(cases: Cases) -> float:
        rows = chosen(cases)
        require_rows(name, int(rows.sum()), what)
        return float(cases.hit[rows].mean())

    return Metric(
        name=name,
        greater=True,
        family=Family.SHARE,
        value=value,
        trials=chosen,
        support=lambda cases: int(chosen(cases).sum()),
        unit=unit,
    )


def _mean(name: str, rows: Callable[[Cases], Floats]) -> Metric:
    def value(cases: Cases) -> float:
        require_rows(name, len(cases), "rows")
        return float(rows(cases).mean())

    return Metric(name=name, greater=False, family=Family.MEAN, value=value, rows=rows, support=len, unit="rows")


def _counted(
    name: str,
    of_counts: Callable[[Floats, Floats, Floats], Floats],
    *,
    support: Callable[[Cases], int],
    unit: str,
    both_classes: bool = True,
    reason: str = "there are no rows.",
    trials: Callable[[Cases], Mask] | None = None,
) -> Metric:
    def value(cases: Cases) -> float:
        require_rows(name, len(cases), "rows")
        if both_classes:
            require_both_classes(name, cases)
        found = float(of_counts(*tally(cases)))
        if np.isnan(found):
            raise UndefinedMetric(metric=name, reason=reason)
        return found

    return Metric(
        name=name,
        greater=True,
        family=Family.COUNTS,
        value=value,
        of_counts=of_counts,
        trials=trials,
        support=support,
        unit=unit,
    )


def _summed(name: str, of_sums: Callable[[Floats], Floats], *, greater: bool) -> Metric:
    def value(cases: Cases) -> float:
        require_rows(name, len(cases), "rows")
        found = float(of_sums(formulas.square_columns(cases).mean(axis=0)))
        if not np.isfinite(found):
            raise UndefinedMetric(metric=name, reason="the label has the same value in every row.")
        return found

    return Metric(
        name=name,
        greater=greater,
        family=Family.MOMENTS,
        value=value,
        rows=formulas.square_columns,
        of_sums=of_sums,
        support=len,
        unit="rows",
    )


def _roc_auc(cases: Cases) -> float:
    require_both_classes("roc_auc", cases)
    return placements(cases.positive, cases.score).auc


def _average_precision(cases: Cases) -> float:
    require_rows("average_precision", formulas.positives(cases), "positive rows")
    return PrecisionLadder(cases.positive, cases.score).average_precision(np.ones(len(cases)))


def _ranking(name: str, family: Family, value: Callable[[Cases], float]) -> Metric:
    return Metric(
        name=name, greater=True, family=family, value=value, support=formulas.rarest, unit="rows of the rarer class"
    )


_ACCURACY = _share("accuracy", formulas.everyone, unit="rows", what="rows")
_BALANCED = _counted(
    "balanced_accuracy", formulas.balanced_accuracy, support=formulas.rarest, unit="rows of the rarest class"
)
_LOG_LOSS = _mean("log_loss", formulas.log_loss_rows)


def _by_name(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


METRICS: dict[Task, dict[str, Metric]] = {
    "binary_classification": _by_name(
        _ranking("roc_auc", Family.AUC, _roc_auc),
        _ranking("average_precision", Family.LADDER, _average_precision),
        _ACCURACY,
        _BALANCED,
        _counted(
            "precision",
            formulas.precision,
            support=formulas.decided_positive,
            unit="rows decided positive",
            both_classes=False,
            reason="no row is decided positive.",
            trials=lambda cases: cases.decision == 1,
        ),
        _share("recall", lambda cases: cases.positive, unit="positive rows", what="positive rows"),
        _counted(
            "f1",
            formulas.f1,
            support=formulas.positives,
            unit="positive rows",
            both_classes=False,
            reason="no row is positive, and none is decided positive.",
        ),
        _LOG_LOSS,
        _mean("brier", formulas.brier_rows),
    ),
    "multiclass_classification": _by_name(
        _ACCURACY,
        _BALANCED,
        _counted("macro_f1", formulas.macro_f1, support=formulas.rarest, unit="rows of the rarest class"),
        _LOG_LOSS,
    ),
    "regression": _by_name(
        _summed("rmse", formulas.rmse, greater=False),
        _mean("mae", formulas.absolute_error_rows),
        _summed("r2", formulas.r2, greater=True),
    ),
}
"""By task and name: the same names as `project.entities.METRICS`, which a test holds."""
