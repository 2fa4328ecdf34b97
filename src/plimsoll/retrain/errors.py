"""Why a retraining cannot be asked for, called off or shown."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class NothingLive(PlimsollError):
    """An environment without a live release has no code that could run again."""

    code = "retrain.nothing_live"
    kind = Kind.MISSING
    text = "No release was ever live in {environment}, so there is no code to run again."
    hint = "Deploy one with `plimsoll deploy RELEASE --env {environment}`, or name code with --ref."


class NothingToJudge(PlimsollError):
    """A project whose runs can never become a release."""

    code = "retrain.nothing_to_judge"
    kind = Kind.INVALID
    text = "{project} has no {what} in plimsoll.yaml, so nothing that a retraining makes could be released."
    hint = "Add `{what}` to plimsoll.yaml, or run the pipeline without a release by `plimsoll run`."


class RetrainingMissing(PlimsollError):
    """An id that no retraining of the project has."""

    code = "retrain.missing"
    kind = Kind.MISSING
    text = "{project} has no retraining {retraining}."
    hint = "`plimsoll retrain list` shows them; `plimsoll retrain` asks for one."


class AlreadyEnded(PlimsollError):
    """A retraining that is over cannot be called off."""

    code = "retrain.already_ended"
    kind = Kind.CONFLICT
    text = "{retraining} has ended already: {sentence}"
    hint = "What it deployed is taken back with `plimsoll rollback`."
