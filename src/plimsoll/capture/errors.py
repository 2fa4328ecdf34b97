"""Why counts cannot be told."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class CountsDamaged(PlimsollError):
    """The disk gave back something else than what was written there: the counts are lost, and nothing is guessed."""

    code = "capture.counts_damaged"
    kind = Kind.INTERNAL
    text = "The counts in {file} are not as they were written."
    hint = "Check the disk, then start the rollout anew; its counts begin at zero."
