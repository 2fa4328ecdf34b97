"""What can go wrong between a request and its answer, and when a release is to be loaded."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class BadRequest(PlimsollError):
    """A request that does not fit the model; every problem is named at once."""

    code = "serving.bad_request"
    kind = Kind.INVALID
    text = "{listing}"
    hint = "GET /v2/models/{model} describes every input."


class Overloaded(PlimsollError):
    """More requests wait than the queue may hold."""

    code = "serving.overloaded"
    kind = Kind.UNAVAILABLE
    text = "{waiting} requests are waiting for {release} already."
    hint = "Try again after the seconds that Retry-After says."


class TooLate(PlimsollError):
    """No answer within the request's deadline."""

    code = "serving.too_late"
    kind = Kind.UNAVAILABLE
    text = "{release} did not answer within {seconds:g} s."
    hint = "Send fewer rows at once, or try again."


class ModelFailed(PlimsollError):
    """The model or a transform raised an exception on these rows."""

    code = "serving.model_failed"
    kind = Kind.PROJECT_CODE
    text = "{release} failed on these rows: {problem}"
    hint = "The traceback is in the log of the environment's worker."


class WorkerDied(PlimsollError):
    """The worker died each time it was given this request."""

    code = "serving.worker_died"
    kind = Kind.PROJECT_CODE
    text = "The worker of {release} died {times} times on these rows."
    hint = "Look for the cause in the log of the environment's worker; out of memory is the usual one."


class RuntimeDiffers(PlimsollError):
    """A release that was made with other packages than this interpreter has."""

    code = "serving.runtime_differs"
    kind = Kind.CONFLICT
    text = "{release} was made with other packages than this interpreter has: {differences}."
    hint = "Install the release's lock (lock.txt in its bundle) here, or run and release again with today's packages."


class WrongBundle(PlimsollError):
    """A verified bundle, yet not of the release that was asked for."""

    code = "serving.wrong_bundle"
    kind = Kind.CONFLICT
    text = "The bundle in {folder} is {found}, not {release}."
    hint = "Deploy the release again, so that its bundle is unpacked anew."


class DoesNotStart(PlimsollError):
    """A release whose worker or model cannot be brought to answer."""

    code = "serving.does_not_start"
    kind = Kind.UNAVAILABLE
    text = "{release} cannot be made to answer: {problem}"
    hint = "Read the log of the environment's worker; score a few rows with the bundle's scorer in a notebook."
