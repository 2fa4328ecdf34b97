"""What can be wrong with rows, with a model, or with a project's own code when a scorer is built or used."""

from __future__ import annotations

import traceback
from pathlib import Path

from plimsoll.kernel.errors import Kind, PlimsollError

_OURS = str(Path(__file__).parent)
_TRACEBACK_LINES = 12


class BadRows(PlimsollError):
    """Rows that lack columns or hold values of another type; every problem is named at once."""

    code = "bundle.bad_rows"
    kind = Kind.INVALID
    text = "The rows do not fit the scorer: {listing}."
    hint = "Send every column with values of its type: {expected}."


class BadHoldout(PlimsollError):
    """A holdout frame from which no scorer can be made; every problem is named at once."""

    code = "bundle.bad_holdout"
    kind = Kind.PROJECT_CODE
    text = "The holdout does not describe the model's requests: {listing}."
    hint = "The step that returns the holdout must keep raw rows plus label; `model.inputs` can leave columns out."


class BadModel(PlimsollError):
    """A model that cannot do the task, or does not fit the columns that it is given."""

    code = "bundle.bad_model"
    kind = Kind.PROJECT_CODE
    text = "The model ({model}) cannot be used for {task}: {problem}."
    hint = "{cure}"


class BadTransform(PlimsollError):
    """A transform step that is missing, misses an argument, or returns something other than rows."""

    code = "bundle.bad_transform"
    kind = Kind.PROJECT_CODE
    text = "The transform step {step} cannot be used on requests: {problem}."
    hint = "A transform takes a DataFrame of raw rows, then values of `pipeline.params`, and returns a DataFrame of the same rows."


class TransformNotRowWise(PlimsollError):
    """A transform step whose result for one row depends on the other rows, their number or their order."""

    code = "bundle.transform_not_row_wise"
    kind = Kind.PROJECT_CODE
    text = "The transform step {step} is not row-wise: {problem}."
    hint = (
        "A request may hold one row, so each row must be transformed by itself: no dropping, sorting, grouping or "
        "pd.get_dummies. Move what is learned from many rows into the model, for example into a scikit-learn Pipeline."
    )


class ScoringFailed(PlimsollError):
    """The project's own code, or its model, raised while rows were scored."""

    code = "bundle.scoring_failed"
    kind = Kind.PROJECT_CODE
    text = "{where} failed: {problem}\n{traceback}"
    hint = "Mend the step or the model so that it answers for every row of the holdout, then run the pipeline again."


def bad_holdout(problem: str) -> BadHoldout:
    """The error for one problem."""
    return BadHoldout(problems=[problem], listing=problem)


def failed(error: Exception, *, where: str, rows: int) -> ScoringFailed:
    """The error for people: what was raised and the end of its traceback, without our own frames."""
    return ScoringFailed(where=where, rows=rows, problem=summary(error), traceback=traceback_end(error))


def summary(error: BaseException) -> str:
    """`ValueError: the message`, on one line."""
    return " ".join(traceback.format_exception_only(error)[-1].split())


def traceback_end(error: BaseException) -> str:
    """The last lines of the traceback; frames of this package, which tell the reader nothing, are left out."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_OURS)]
    lines = "".join(traceback.format_list(frames)).splitlines()
    return "\n".join(lines[-_TRACEBACK_LINES:])
