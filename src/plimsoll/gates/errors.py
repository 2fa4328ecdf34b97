"""What can stop a verdict: a run, holdout, label, slice or prediction that gates cannot use."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class UndefinedMetric(PlimsollError):
    """A metric that has no value, or none that can be trusted, on these rows; it becomes an inconclusive check."""

    code = "gates.undefined_metric"
    kind = Kind.INVALID
    text = "{metric} cannot be judged here: {reason}"
    hint = "Hold out more rows, or use a metric that these rows define."


class NothingToJudge(PlimsollError):
    code = "gates.nothing_to_judge"
    kind = Kind.CONFLICT
    text = "{run} has nothing to judge: {problem}."
    hint = "Add a `model:` section and `gates:` to the project file, then run the pipeline again."


class HoldoutMissing(PlimsollError):
    code = "gates.holdout_missing"
    kind = Kind.INVALID
    text = "{run} has no output or dataset {holdout}, which model.holdout names."
    hint = "It has: {known}."


class HoldoutTooSmall(PlimsollError):
    code = "gates.too_few_rows"
    kind = Kind.CHECK_FAILED
    text = "The holdout {holdout} has {rows} rows; a verdict needs {needed} at the very least."
    hint = "Hold out more rows. To prove an accuracy of 0.85 to within 0.01 of another takes some thousands."


class LabelMissing(PlimsollError):
    code = "gates.label_missing"
    kind = Kind.INVALID
    text = "The holdout {holdout} has no column {label}, which model.label names.{nearest}"
    hint = (
        "The holdout is raw rows with their label: let the step that makes it keep the label column. It has: {columns}."
    )


class GroupMissing(PlimsollError):
    code = "gates.group_missing"
    kind = Kind.INVALID
    text = "The holdout {holdout} has no column {group}, by which a gate groups its rows.{nearest}"
    hint = "Let the step that makes the holdout keep or add the column, such as the day of a row. It has: {columns}."


class LabelNull(PlimsollError):
    code = "gates.label_null"
    kind = Kind.CHECK_FAILED
    text = "{count} of {rows} rows of the holdout {holdout} have no value in the label column {label}."
    hint = "Rows whose label is not known yet cannot be judged: drop them in the step that makes the holdout."


class LabelUnknown(PlimsollError):
    code = "gates.label_unknown_class"
    kind = Kind.CHECK_FAILED
    text = "The label {label} of the holdout {holdout} holds {values} ({count} rows); the model knows {classes}."
    hint = "Train on rows of every class, or write the label the same way in training and holdout."


class LabelNotNumeric(PlimsollError):
    code = "gates.label_not_numeric"
    kind = Kind.INVALID
    text = "The label {label} of the holdout {holdout} is {type}, with values such as {example}; regression needs finite numbers."
    hint = "Set model.task to a classification, or convert the label in the step that makes the holdout."


class BadPredictions(PlimsollError):
    code = "gates.bad_predictions"
    kind = Kind.PROJECT_CODE
    text = "{who} gave predictions that cannot be judged: {problem}."
    hint = "Look at the rows named: a transform that divides by zero, or a missing value the model does not handle, is the usual cause."


class ChampionDiffers(PlimsollError):
    code = "gates.champion_differs"
    kind = Kind.CONFLICT
    text = "{candidate} cannot be compared with {champion} in {environment}: {problem}."
    hint = (
        "A model for another question is another project. Give it a project of its own, or an environment of its own."
    )


class MetricNotForTask(PlimsollError):
    code = "gates.metric_not_for_task"
    kind = Kind.INVALID
    text = "The metric {metric} does not fit {task}.{nearest}"
    hint = "For {task} there are: {known}."


class BadSlices(PlimsollError):
    """Slices that name no column and are no condition; every one is named at once."""

    code = "gates.bad_slice"
    kind = Kind.INVALID
    text = "{listing}"
    hint = 'A slice is a column of the holdout, or an SQL condition over its columns such as "amount > 1000".'


class VerdictMissing(PlimsollError):
    code = "gates.no_such_verdict"
    kind = Kind.MISSING
    text = "There is no verdict {verdict}."
    hint = "`plimsoll verdict RUN` shows the verdict of a run; `plimsoll runs` lists runs."
