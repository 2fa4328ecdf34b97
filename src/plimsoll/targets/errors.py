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


class Stale(PlimsollError):
    """Somebody who knew more has told the target something newer meanwhile."""

    code = "serving.stale"
    kind = Kind.CONFLICT
    text = "{environment} was told something newer than revision {revision}: {problem}."
    hint = "Nothing was changed. Look at what is wanted now: plimsoll status."
