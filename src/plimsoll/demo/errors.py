"""What can keep the demo from being played, and what can go wrong while it is."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class PartMissing(PlimsollError):
    code = "demo.part_missing"
    kind = Kind.UNAVAILABLE
    text = "The demo needs {parts}, which this machine does not have."
    hint = "{advice}"


class FolderNotEmpty(PlimsollError):
    code = "demo.folder_not_empty"
    kind = Kind.CONFLICT
    text = "The demo plays in a new or empty folder; {folder} holds {example}."
    hint = "Name another with --dir, or leave --dir out to use a temporary folder."


class CommandSurprised(PlimsollError):
    """A command of the story that ended otherwise than the story tells."""

    code = "demo.command_surprised"
    kind = Kind.INTERNAL
    text = "`{command}` ended with {found}, not {expected}: {said}"
    hint = "The workspace with its logs is kept in {folder}."


class ProcessEnded(PlimsollError):
    """A process that should have gone on to the end of the story."""

    code = "demo.process_ended"
    kind = Kind.INTERNAL
    text = "{what} ended with {code}: {said}"
    hint = "The workspace with its logs is kept in {folder}."


class TookTooLong(PlimsollError):
    code = "demo.took_too_long"
    kind = Kind.UNAVAILABLE
    text = "{what} did not happen within {seconds:g} s."
    hint = "The workspace with its logs is kept in {folder}."
