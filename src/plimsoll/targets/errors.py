"""Why a deployment cannot be carried out by local processes."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class NotLoopback(PlimsollError):
    """An address that other machines can reach, while nobody is asked who they are."""

    code = "serving.not_loopback"
    kind = Kind.DENIED
    text = (
        "{environment} may not listen on {host}: other machines could reach it, and the door asks nobody who they are."
    )
    hint = "Set host to 127.0.0.1 and put a server that authenticates callers in front of it."


class PortTaken(PlimsollError):
    """Another process listens on the wanted port."""

    code = "serving.port_taken"
    kind = Kind.CONFLICT
    text = "{environment} {problem}."
    hint = "End the process that listens there, or choose another port for {environment}; 0 takes a free one."


class ShimUnavailable(PlimsollError):
    """The environment's shim does not start or does not answer."""

    code = "serving.shim_unavailable"
    kind = Kind.UNAVAILABLE
    text = "The shim of {environment} does not answer: {problem}."
    hint = "Read {log}."


class ReleaseRefused(PlimsollError):
    """The door or its worker will not load the release; whatever was live stays live."""

    code = "serving.release_refused"
    kind = Kind.UNAVAILABLE
    text = "{environment} refuses {release}: {reason}: {problem}"
    hint = "{cure}"


class NotLiveInTime(PlimsollError):
    """The release did not come to answer within the time allowed; the processes go on trying."""

    code = "serving.not_live"
    kind = Kind.UNAVAILABLE
    text = "{release} does not answer in {environment} after {seconds:g} s."
    hint = "Read the logs in {log}."
