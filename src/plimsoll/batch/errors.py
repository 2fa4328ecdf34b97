"""Why rows cannot be scored, and where the first that is in the way lies."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class NoRows(PlimsollError):
    """IN names nothing that could be scored."""

    code = "batch.no_rows"
    kind = Kind.MISSING
    text = "There are no rows to score in {files}."
    hint = "Name a Parquet or CSV file, a folder of them, or a glob in quotes such as 'data/2026-*.parquet'."


class ColumnsDiffer(PlimsollError):
    """Rows without the columns that the release needs, or with other types."""

    code = "batch.columns_differ"
    kind = Kind.INVALID
    text = "{release} cannot score {files}: {listing}."
    hint = "It needs these columns: {expected}."


class RowRefused(PlimsollError):
    """A row that the release refuses to score."""

    code = "batch.row_refused"
    kind = Kind.INVALID
    text = "{release} refuses row {row} of {files}: {problem}."
    hint = "Mend the row, or keep such rows with their reasons by --bad-rows keep. Nothing was written."


class NamesTaken(PlimsollError):
    """Columns of the rows that are named as predictions are."""

    code = "batch.names_taken"
    kind = Kind.CONFLICT
    text = "{files} has columns named as the predictions would be: {names}."
    hint = "Give the predictions' names a prefix, such as --prefix predicted_, or choose other columns with --keep."


class UnknownColumn(PlimsollError):
    """A column to keep that the rows do not have."""

    code = "batch.unknown_column"
    kind = Kind.INVALID
    text = "{files} has no column {column}, so it cannot be kept."
    hint = "{nearest}Its columns are {columns}."


class UnknownOutput(PlimsollError):
    """An output whose name does not tell its format."""

    code = "batch.unknown_output"
    kind = Kind.INVALID
    text = "The format of {out} is not known."
    hint = "Let its name end with .parquet, .csv, .jsonl or .ndjson."


class OutputExists(PlimsollError):
    """A file that is there already."""

    code = "batch.output_exists"
    kind = Kind.CONFLICT
    text = "{out} is there already."
    hint = "Choose another name, or replace it with --force."


class OutputFailed(PlimsollError):
    """The disk refused the output."""

    code = "batch.output_failed"
    kind = Kind.UNAVAILABLE
    text = "{out} cannot be written: {problem}."
    hint = "Free some space or choose another folder, then run the same command again. Nothing was half-written."


class BundleElsewhere(PlimsollError):
    """A release whose bytes lie on another machine."""

    code = "batch.bundle_elsewhere"
    kind = Kind.MISSING
    text = "The bundle of {release} is not in this workspace's artifacts."
    hint = "Run the command where the release was made, or copy its bundle here and name the folder instead."
