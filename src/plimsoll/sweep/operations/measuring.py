"""The value by which a trial is ranked: a metric that its steps logged, and never the gates' own figure.

The gates judge on the holdout. The best of many trials on the holdout looks better there than it is, and the gate that
would have to notice has only that holdout; so trials are not judged, and rank by what they log of other rows.
"""

from __future__ import annotations

import math

from plimsoll.edge.context import Context
from plimsoll.kernel.nearest import nearest
from plimsoll.pipeline.entities import Run
from plimsoll.pipeline.operations.metrics import Curve, metrics_of
from plimsoll.sweep.entities import Plan
from plimsoll.sweep.errors import MetricMissing, MetricUnclear, MetricUnusable


def measured(context: Context, run: Run, plan: Plan) -> float:
    """The value of a finished trial. Raises MetricMissing, MetricUnclear, MetricUnusable."""
    curves = metrics_of(context, run, most=2).curves
    of_step = [curve for curve in curves if plan.step in ("", curve.source)]
    found = [curve for curve in of_step if curve.metric == plan.metric]
    if not found:
        names = list(dict.fromkeys(curve.metric for curve in of_step))
        near = nearest(plan.metric, names)
        raise MetricMissing(
            run=run.id,
            metric=plan.metric,
            where=f" in step {plan.step}" if plan.step else "",
            known=", ".join(names) or "none",
            advice_text=f" Did you mean {near}?" if near else "",
        )
    if len(found) > 1:
        steps = [curve.source for curve in found]
        raise MetricUnclear(run=run.id, metric=plan.metric, steps=", ".join(steps), first=steps[0])
    value = _counting(found[0], plan)
    if value is None or not math.isfinite(float(value)):
        raise MetricUnusable(run=run.id, metric=plan.metric, value="no number" if value is None else value)
    return float(value)


def _counting(curve: Curve, plan: Plan) -> float | str | None:
    if plan.take == "last":
        return curve.last
    return curve.most if plan.direction == "maximize" else curve.least
