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


class CountsUnreadable(PlimsollError):
    """The disk does not give the doors' counts now. Nothing is lost: they are read once it does."""

    code = "serving.counts_unreadable"
    kind = Kind.UNAVAILABLE
    text = "What the doors of {environment} counted cannot be read: {problem}."
    hint = "Mend the disk. Until then nothing is concluded from counts; orders are followed and deadlines hold."


class RuntimeNotMade(PlimsollError):
    """The interpreter and packages that a release needs cannot be put together here."""

    code = "runtime.not_made"
    kind = Kind.UNAVAILABLE
    text = "The runtime of {release} (lock {lock}) cannot be made: {problem}"
    hint = "Mend that and deploy {release} again; nothing half-made is left."


class BadLock(RuntimeNotMade):
    """A lock that names something else than an interpreter and exact versions."""

    code = "runtime.bad_lock"
    kind = Kind.INVALID
    text = "The lock {lock} of {release} has a line that is no exact version: {line}"
    hint = "Make a new release; its lock is written from what is installed."


class InterpreterMissing(RuntimeNotMade):
    """The release was made with a Python that this machine does not have."""

    code = "runtime.interpreter_missing"
    text = "{release} (lock {lock}) needs Python {python}, which this machine does not have: {problem}"
    hint = "Install it, for example with `uv python install {request}`, and deploy {release} again."


class PackagesNotFound(RuntimeNotMade):
    """Versions that no index known to uv has."""

    code = "runtime.packages_not_found"
    text = "{release} (lock {lock}) needs {packages}, which uv does not find: {problem}"
    hint = (
        "uv looks where its own configuration says (UV_INDEX, UV_FIND_LINKS, uv.toml), not where pip's does. A version "
        "with a + in it comes from its maker's index alone, a package of your own from yours: name that index to uv."
    )


class RuntimeNotAsLocked(RuntimeNotMade):
    """What was installed is not what the lock says."""

    code = "runtime.not_as_locked"
    text = "The runtime of {release} came out unlike its lock {lock}: {differences}"
    hint = "Make a new release from a run in a runtime that can be had here."


class RuntimeCannotServe(RuntimeNotMade):
    """The runtime is as the lock says, and yet Plimsoll's worker does not start in it."""

    code = "runtime.cannot_serve"
    text = "In the runtime of {release} (lock {lock}) Plimsoll's worker cannot be loaded: {problem}"
    hint = "Make a new release from a run in a runtime that has all that this version of Plimsoll needs."


class NoRoomForRuntime(RuntimeNotMade):
    """The disk is full."""

    code = "runtime.no_room"
    text = "The disk has no room for the runtime of {release} (lock {lock}) in {folder}: {problem}"
    hint = "Free some space and deploy {release} again; nothing half-made is left."
