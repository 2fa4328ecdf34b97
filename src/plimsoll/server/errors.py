"""Why the server refuses a request, or does not start."""

from __future__ import annotations

import logging
import secrets

from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.errors import HTTP_STATUSES, Kind, PlimsollError


class NoToken(PlimsollError):
    code = "server.no_token"
    kind = Kind.DENIED
    text = "The server answers nobody without a token."
    hint = "Make one with `plimsoll tokens create` in the project's folder and set PLIMSOLL_TOKEN to it."


class BodyTooLarge(PlimsollError):
    code = "server.body_too_large"
    kind = Kind.INVALID
    text = "The request's body is larger than {limit} bytes."
    hint = "No operation needs that much: data stays in files, and requests name them."


class HeadersTooLarge(PlimsollError):
    code = "server.headers_too_large"
    kind = Kind.INVALID
    text = "The request's address and headers are larger than {limit} bytes."
    hint = "Requests of Plimsoll need a few hundred; see what the client or a proxy adds."


class BadBody(PlimsollError):
    code = "server.bad_body"
    kind = Kind.INVALID
    text = "The request's body is not a JSON object: {problem}."
    hint = "Send the operation's fields as one JSON object; /docs shows them."


class WrongHost(PlimsollError):
    """A request that names another host or comes from another site's page: how DNS rebinding and forgery look."""

    code = "server.wrong_host"
    kind = Kind.DENIED
    text = "The request is for {host!r}, and this server is {expected}."
    hint = "Use the address that `plimsoll up` printed."


class NoSuchPage(PlimsollError):
    code = "server.no_such_page"
    kind = Kind.MISSING
    text = "There is nothing at {method} {path}."
    hint = "/docs lists every operation with its method and path."


class NoVerdictYet(PlimsollError):
    """The page of a verdict, of a run that has none."""

    code = "server.no_verdict"
    kind = Kind.MISSING
    text = "Nothing has judged {run}."
    hint = "A run is judged when its pipeline is done, if the project has a model and gates."


class TurnNotEnded(PlimsollError):
    """Somebody asked for a turn of the controllers and waited too long for its end."""

    code = "server.turn_not_ended"
    kind = Kind.UNAVAILABLE
    text = "The controllers' turn has not ended within {seconds} s."
    hint = "It goes on. .plimsoll/logs/server.log and `plimsoll status` tell what they are at."


class Incident(PlimsollError):
    """A fault of ours; the log holds its traceback under the same id."""

    code = "server.incident"
    kind = Kind.INTERNAL
    text = "The server failed at this request; incident {incident}."
    hint = "This is a fault of Plimsoll, not yours. The traceback is in the server's log under this id."


class ForgedForm(PlimsollError):
    """A form that no page of this session holds: sent by another site, or by a page from before the login."""

    code = "server.forged_form"
    kind = Kind.DENIED
    text = "The form does not come from a page of this session."
    hint = "Load the page anew and send its form again."


class ReasonMissing(PlimsollError):
    """An order that cannot be taken back, without a reason for the record."""

    code = "server.reason_missing"
    kind = Kind.INVALID
    text = "{what} needs a reason for the record."
    hint = "Write it into the form's field, then send it again."


class FieldMissing(PlimsollError):
    """A form that was sent without a field that its operation needs."""

    code = "server.field_missing"
    kind = Kind.INVALID
    text = "The form was sent without its field {field}."
    hint = "Choose a value for it, then send it again."


class TooManyStreams(PlimsollError):
    """More pages are kept live than the server takes on."""

    code = "server.too_many_streams"
    kind = Kind.UNAVAILABLE
    text = "{limit} pages are kept live already."
    hint = "The page stays as it is; reload it to see what changed, or close others."


class NotRunning(PlimsollError):
    """`plimsoll login` where no server runs."""

    code = "server.not_running"
    kind = Kind.UNAVAILABLE
    text = "No server runs for {place}."
    hint = "Start one with `plimsoll up`; it prints a link of its own."


class NotYourServer(PlimsollError):
    """The note about the running server belongs to another user of this machine."""

    code = "server.not_yours"
    kind = Kind.DENIED
    text = "The server was started by another user of this machine: {note} is theirs."
    hint = "Set PLIMSOLL_URL to its address and PLIMSOLL_TOKEN to a token of your own; an admin can make one."


class NotLoopback(PlimsollError):
    code = "server.not_loopback"
    kind = Kind.DENIED
    text = "{host} is not one of 127.0.0.1, ::1 and localhost: tokens would cross the network unencrypted."
    hint = "Leave --host out and reach it from elsewhere through an SSH tunnel or a proxy that speaks HTTPS."


class AddressTaken(PlimsollError):
    code = "server.address_taken"
    kind = Kind.CONFLICT
    text = "Port {port} on {host} cannot be used: {problem}."
    hint = "Choose another with --port, or --port 0 for any free one."


STATUS_OF_CODE = {
    "server.no_token": 401,
    "governance.bad_token": 401,
    "server.body_too_large": 413,
    "server.headers_too_large": 431,
    "server.wrong_host": 421,
}
"""Where HTTP has a better word than the error's kind."""


def status_of(error: PlimsollError) -> int:
    """The HTTP status that an error is answered with."""
    return STATUS_OF_CODE.get(error.code, HTTP_STATUSES[error.kind])


def error_body(error: PlimsollError) -> bytes:
    """What an error is answered with."""
    return canonical_json({"error": error.as_dict()}) + b"\n"


def note_incident(error: Exception, *, where: str) -> Incident:
    """Log an unexpected exception under a new id, with its traceback."""
    incident = secrets.token_hex(6)
    logging.getLogger("plimsoll.server").error("incident %s at %s", incident, where, exc_info=error)
    return Incident(incident=incident)
