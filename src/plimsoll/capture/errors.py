"""Why something is not captured or counted, and why counts cannot be told."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class CaptureRefused(PlimsollError):
    """The disk does not take the predictions of an environment; callers are answered all the same."""

    code = "capture.refused"
    kind = Kind.UNAVAILABLE
    text = "predictions cannot be captured: {problem}"
    hint = "Make room on the disk that holds .plimsoll/capture; what is answered then is captured again by itself."


class CountsRefused(PlimsollError):
    """The disk does not take what a rollout counts: it learns nothing, and goes on answering."""

    code = "capture.counts_refused"
    kind = Kind.UNAVAILABLE
    text = "outcomes cannot be counted: {problem}"
    hint = (
        "Make room on the disk that holds .plimsoll/environments; what is answered then is counted again by itself. Until "
        "then the rollout has no evidence to go on; `plimsoll rollout abort` ends it."
    )


class LabelsRefused(PlimsollError):
    """The disk does not take labels."""

    code = "capture.labels_refused"
    kind = Kind.UNAVAILABLE
    text = "Labels cannot be written: {problem}. Of {total} that came together {kept} are kept for certain."
    hint = "Make room on the disk that holds .plimsoll/labels, then send them all again: none counts twice."


class CountsDamaged(PlimsollError):
    """The disk gave back something else than what was written there: the counts are lost, and nothing is guessed."""

    code = "capture.counts_damaged"
    kind = Kind.INTERNAL
    text = "The counts in {file} are not as they were written."
    hint = "Check the disk, then start the rollout anew; its counts begin at zero."
