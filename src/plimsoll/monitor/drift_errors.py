"""What can be wrong with two tables that are to be compared."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class RowsUnusable(PlimsollError):
    """Files of `plimsoll drift` that are not there, cannot be read, or hold no rows."""

    code = "drift.rows_unusable"
    kind = Kind.INVALID
    text = "{side} {path}: {problem}."
    hint = "Give a CSV or Parquet file, a glob in quotes, or a folder of them, whose files have the same columns."


class UnknownColumn(PlimsollError):
    """An option that names a column which is not there."""

    code = "drift.unknown_column"
    kind = Kind.INVALID
    text = "{option} names {column}, which is no column of {side}{nearest}."
    hint = "Names are case-sensitive; several are separated by commas."


class NotTime(PlimsollError):
    """A time column that holds no moments."""

    code = "drift.not_time"
    kind = Kind.INVALID
    text = "--time names {column}, which holds {kind} in {side}."
    hint = "It must hold dates or timestamps; in CSV files written as 2026-01-31 or 2026-01-31 14:30:00, in every row."


class ColumnsDiffer(PlimsollError):
    """Columns that hold numbers on one side and text on the other."""

    code = "drift.columns_differ"
    kind = Kind.INVALID
    text = "Both sides must hold values of one kind: {listing}."
    hint = "Correct what writes them, or leave them out with `--exclude {columns}`."


class NothingToCompare(PlimsollError):
    """Two tables without a common column to compare."""

    code = "drift.nothing_to_compare"
    kind = Kind.INVALID
    text = "{reference} and {current} have no column in common that could be compared."
    hint = (
        "Columns are matched by name, case-sensitive; moments are not compared, and what --exclude names is left out."
    )


class ReportUnwritable(PlimsollError):
    """A report that cannot be written where it was asked for."""

    code = "drift.report_unwritable"
    kind = Kind.INVALID
    text = "The report cannot be written to {path}: {problem}."
    hint = "Give --html a file in a folder that exists and may be written to."
