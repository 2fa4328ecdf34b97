"""What can go wrong with a sweep, told to the person who began it."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.project.problems import ProblemsFound


class SweepInvalid(ProblemsFound):
    """Settings of a sweep that cannot be carried out; found before anything runs."""

    code = "sweep.invalid"
    headline = "The sweep cannot be made: {count} to put right"
    hint = "docs/sweeps.md explains the settings; they stand under `sweep:` in plimsoll.yaml or in options."


class SweepMissing(PlimsollError):
    """No sweep of that id."""

    code = "sweep.missing"
    kind = Kind.MISSING
    text = "There is no sweep {sweep!r} in project {project}."
    hint = "`plimsoll sweep list` lists them; `plimsoll sweep` begins one."


class SweepUnderWay(PlimsollError):
    """A sweep shall be carried on that another process carries out."""

    code = "sweep.under_way"
    kind = Kind.CONFLICT
    text = "{sweep} is under way."
    hint = "`plimsoll sweep show {sweep}` shows how far it is; `plimsoll sweep cancel {sweep}` ends it."


class SweepEnded(PlimsollError):
    """A sweep shall be cancelled or carried on that has come to its end."""

    code = "sweep.ended"
    kind = Kind.CONFLICT
    text = "{sweep} has ended: it is {state}."
    hint = "`plimsoll sweep show {sweep}` shows its trials; `plimsoll sweep` begins another."


class SweepCancelled(PlimsollError):
    """A sweep that somebody ended while it was under way."""

    code = "sweep.cancelled"
    kind = Kind.CONFLICT
    text = "{sweep} was cancelled by {person}."
    hint = "Trials that are done are kept; `plimsoll sweep resume {sweep}` goes on with the others."


class GroundChanged(PlimsollError):
    """Code, data or packages are no longer those of the trials that are done."""

    code = "sweep.ground_changed"
    kind = Kind.CONFLICT
    text = "{sweep} cannot go on: {changed} changed since it began, so its trials could not be compared."
    hint = "Begin a new one with `plimsoll sweep`, or put back what changed; steps that are unchanged stay cached."


class MetricMissing(PlimsollError):
    """Trials do not log the metric by which they are to be ranked."""

    code = "sweep.metric_missing"
    kind = Kind.INVALID
    text = "{run} logged no metric {metric!r}{where}; it logged {known}.{advice_text}"
    hint = 'Log it in a step, as `plimsoll.log({{"{metric}": value}})`: of rows that are not the holdout.'


class MetricUnclear(PlimsollError):
    """Several steps log a metric of the same name."""

    code = "sweep.metric_unclear"
    kind = Kind.INVALID
    text = "{run} logged {metric} in several steps: {steps}."
    hint = "Name the one that counts: `step:` under `sweep:`, or `--step {first}`."


class MetricUnusable(PlimsollError):
    """A metric whose value ranks nowhere."""

    code = "sweep.metric_unusable"
    kind = Kind.PROJECT_CODE
    text = "{run} logged {metric} as {value}."
    hint = "Trials are ranked by numbers; look at what the step divides by."


class TooManyFailures(PlimsollError):
    """More trials failed than the sweep allows."""

    code = "sweep.too_many_failures"
    kind = Kind.PROJECT_CODE
    text = "{sweep} ended: {failures} trials failed, the last with: {last}"
    hint = (
        "`plimsoll sweep show {sweep}` names each. `--max-failures` allows more; `plimsoll sweep resume {sweep}` goes on "
        "with the trials that have not been tried."
    )


class NoBestTrial(PlimsollError):
    """Parameters of a sweep's best trial are wanted, and no trial of it is done."""

    code = "sweep.no_best_trial"
    kind = Kind.CONFLICT
    text = "No trial of {sweep} is done."
    hint = "`plimsoll sweep show {sweep}` shows what became of them."


class ParamsNotWritable(PlimsollError):
    """Parameters cannot be written into the project file without touching what else stands there."""

    code = "sweep.params_not_writable"
    kind = Kind.CONFLICT
    text = "{file} was not changed: {problem}. To use the trial's parameters, write under `pipeline:`\n{params}"
    hint = "Only values that stand under `pipeline.params` as plain values are replaced; all else is left to you."
