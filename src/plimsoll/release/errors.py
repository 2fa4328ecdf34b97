"""Why a release is refused; every refusal names its rule."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class NothingToRelease(PlimsollError):
    code = "release.no_model"
    kind = Kind.INVALID
    text = "{run} made no model: the project file of {project} has no `model` section."
    hint = "Add a `model` section (docs/project-file.md), run the pipeline again, then release."


class NoFinishedRun(PlimsollError):
    code = "release.no_finished_run"
    kind = Kind.MISSING
    text = "{project} has no finished run to release."
    hint = "Run the pipeline with `plimsoll run` first."


class RunNotDone(PlimsollError):
    code = "release.run_not_done"
    kind = Kind.CONFLICT
    text = "{run} is {state}; only a run that is done can be released."
    hint = "Run the pipeline again with `plimsoll run`."


class DirtyTree(PlimsollError):
    code = "release.dirty_tree"
    kind = Kind.CONFLICT
    text = "{run} was made where files differ from the commit: {files}."
    hint = (
        "Commit them, or name them in .gitignore, and run again; or use --allow-dirty: the release then records which "
        "files differed."
    )


class NoVerdict(PlimsollError):
    code = "release.no_verdict"
    kind = Kind.CONFLICT
    text = "{run} has no verdict: its gates were not judged to the end, or the project file has none."
    hint = "Run the pipeline again, with at least one rule under `gates`, then release."


class VerdictFailed(PlimsollError):
    code = "release.failed_verdict"
    kind = Kind.CHECK_FAILED
    text = "The verdict on {run} is fail: {because}"
    hint = (
        "`plimsoll verdict {run}` shows the evidence. Improve the model, or change the gates in a commit of their own."
    )


class VerdictInconclusive(PlimsollError):
    code = "release.inconclusive_verdict"
    kind = Kind.INCONCLUSIVE
    text = "The verdict on {run} is inconclusive: {because}"
    hint = (
        "A larger holdout or a wider margin gives the gate the power it lacks; `plimsoll verdict {run}` says how much."
    )


class VerdictStale(PlimsollError):
    code = "release.stale_verdict"
    kind = Kind.CONFLICT
    text = "The verdict on {subject} compares with {judged} in {environment}, where {live} is live now."
    hint = "Run `plimsoll run` again to judge it against today's champion."


class ReleaseMissing(PlimsollError):
    code = "release.missing"
    kind = Kind.MISSING
    text = "There is no release {release}."
    hint = "`plimsoll releases` lists what there is; a release is named like fraud@1."


class UntraceableId(PlimsollError):
    code = "release.nothing_to_trace"
    kind = Kind.MISSING
    text = "{subject!r} is no prediction, release or run of this workspace."
    hint = "Trace a prediction id (header Plimsoll-Prediction-Id), a release such as fraud@1, or a run id."


class InputLost(PlimsollError):
    """Something that a run was made of, and that the workspace does not hold any more as it was."""

    code = "release.input_lost"
    kind = Kind.MISSING
    text = "{release} cannot be made again: {listing}."
    hint = "{cure}"


class NotRepeatable(PlimsollError):
    """A run that cannot be made again here, for a reason that says nothing about its model."""

    code = "release.not_repeatable"
    kind = Kind.UNAVAILABLE
    text = "{release} cannot be run again here: {problem}"
    hint = "{cure}"
