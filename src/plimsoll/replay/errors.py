"""Why a replay cannot begin, cannot go on, or was ended."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class NoRows(PlimsollError):
    """FILE names nothing that could be replayed."""

    code = "replay.no_rows"
    kind = Kind.MISSING
    text = "There are no rows to replay in {files}."
    hint = "Name a Parquet or CSV file, or a glob in quotes such as 'data/1997-*.parquet'."


class BadRows(PlimsollError):
    """FILE cannot be read as recorded rows."""

    code = "replay.bad_rows"
    kind = Kind.INVALID
    text = "The rows in {files} cannot be replayed: {problem}."
    hint = "{advice}"


class NoTime(PlimsollError):
    """Nothing says which column holds the rows' time."""

    code = "replay.no_time"
    kind = Kind.INVALID
    text = "Nothing says which column of {files} holds the time; its columns are {columns}."
    hint = "Name it with --time, or as `time:` of a dataset in plimsoll.yaml."


class NoModel(PlimsollError):
    """The project has nothing that could answer."""

    code = "replay.no_model"
    kind = Kind.INVALID
    text = "The project {project} has no `model`, so nothing would answer the replayed rows."
    hint = "Say under `model:` in plimsoll.yaml which step makes the model."


class NotCommitted(PlimsollError):
    """A replay works on a copy of the commit; what is in none would not be replayed."""

    code = "replay.not_committed"
    kind = Kind.CONFLICT
    text = "The project in {folder} is not as a commit holds it: {problem}."
    hint = "Commit it first: what a replay shows is true of a commit."


class CopyFailed(PlimsollError):
    code = "replay.copy_failed"
    kind = Kind.UNAVAILABLE
    text = "The project cannot be copied into {folder}: {problem}."
    hint = "Is there room and permission to write? --into names another folder."


class DataOutside(PlimsollError):
    """A dataset whose files a copy of the project would share with the project."""

    code = "replay.data_outside"
    kind = Kind.INVALID
    text = "The dataset {dataset} lies outside of the project, at {path}: a replay cannot give it a past of its own."
    hint = "Let its `path:` lead into the project's folder; a link to the files there is enough."


class DataInCommit(PlimsollError):
    """A file of the commit that holds rows of the replayed time."""

    code = "replay.data_in_commit"
    kind = Kind.CONFLICT
    text = "{file} of the dataset {dataset} is in the commit and holds rows from {begin} on, which are still to come."
    hint = "Keep data out of git, or replay from a later moment."


class NoPast(PlimsollError):
    """Nothing to train on before the first replayed row."""

    code = "replay.no_past"
    kind = Kind.INVALID
    text = "The dataset {dataset} has no row before {begin}, when the replay begins."
    hint = "Give it the rows before FILE's first one: the first release is trained on them."


class CannotFeed(PlimsollError):
    """A dataset that no further file can be added to."""

    code = "replay.cannot_feed"
    kind = Kind.INVALID
    text = "Rows cannot be appended to the dataset {dataset}: {problem}."
    hint = "Let its `path:` be a folder or a glob such as data/orders-*.parquet."


class OtherReplay(PlimsollError):
    """The folder holds a replay of something else."""

    code = "replay.other"
    kind = Kind.CONFLICT
    text = "{folder} holds a replay with other settings: {differences}."
    hint = "Name another folder with --into, or delete that one; the same settings go on with it, or tell again what came of it."


class Busy(PlimsollError):
    """Another process replays into the same folder."""

    code = "replay.busy"
    kind = Kind.CONFLICT
    text = "Another process is at the replay in {folder}."
    hint = "Wait for it or end it; --into names another folder."


class NotBegun(PlimsollError):
    """The first release did not come to live."""

    code = "replay.not_begun"
    kind = Kind.CHECK_FAILED
    text = "The replay cannot begin: {problem}"
    hint = "{advice}"


class ServerEnded(PlimsollError):
    """The replay's own server is gone."""

    code = "replay.server_ended"
    kind = Kind.UNAVAILABLE
    text = "The server of the replay ended: {problem}"
    hint = "{folder} holds its logs. The same command goes on where the replay stopped."


class DoorGone(PlimsollError):
    """Request after request fails."""

    code = "replay.door_gone"
    kind = Kind.UNAVAILABLE
    text = "The last {count} requests to {environment} failed: {problem}"
    hint = "{folder} holds the logs. The same command goes on where the replay stopped."


class StandsStill(PlimsollError):
    """What is under way does not come to its end."""

    code = "replay.stands_still"
    kind = Kind.UNAVAILABLE
    text = "The replay stands at {at} and waits since {minutes:.0f} minutes: {what}"
    hint = "{folder} holds the logs. The same command goes on where the replay stopped."


class DiskRefused(PlimsollError):
    """The disk does not take what the replay must remember."""

    code = "replay.disk_refused"
    kind = Kind.UNAVAILABLE
    text = "The disk does not take the replay's own record in {folder}: {problem}."
    hint = "Make room; the same command goes on where the replay stopped."


class LacksColumns(PlimsollError):
    """The rows do not hold what the live release asks for."""

    code = "replay.lacks_columns"
    kind = Kind.INVALID
    text = "The rows in {files} lack what {release} is asked with: {columns}."
    hint = "Requests carry the columns under `model.inputs` and `model.context`; FILE must hold all of them."
