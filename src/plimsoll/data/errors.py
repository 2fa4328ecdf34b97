"""What can be wrong with data files, each by name, and the broken column rules of a dataset as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from plimsoll.data.entities import BrokenRule, ExampleRow
from plimsoll.kernel.errors import Kind, PlimsollError

_SHOWN_FIELDS = 6
_PLAIN = re.compile(r"[^\s,='\"()]+")


class NoFile(PlimsollError):
    """A dataset's path that matches nothing."""

    code = "data.no_file"
    kind = Kind.MISSING
    text = "Dataset {dataset}: no file matches {path}{nearest}."
    hint = "Correct `data.{dataset}.path` in plimsoll.yaml; it is a file, glob or folder relative to that file."


class NoObject(PlimsollError):
    """A dataset's path in a cloud that matches nothing."""

    code = "data.no_object"
    kind = Kind.MISSING
    text = "Dataset {dataset}: no object matches {path}."
    hint = (
        "Correct `data.{dataset}.path` in plimsoll.yaml. A folder stands for the .csv, .tsv, .parquet and .pq objects "
        "below it; `*` stays within a folder, `**` does not."
    )


class BucketMissing(PlimsollError):
    """A bucket (Azure: container) that does not exist where the endpoint leads."""

    code = "data.bucket_missing"
    kind = Kind.MISSING
    text = "Dataset {dataset}: there is no bucket {bucket}."
    hint = "Correct `data.{dataset}.path`, or the account, region or endpoint that the environment variables name."


class AccessDenied(PlimsollError):
    """A cloud that refuses, or credentials that are not there."""

    code = "data.access_denied"
    kind = Kind.DENIED
    text = "Dataset {dataset}: {place} may not be read: {problem}."
    hint = "Set {variables} for an account that may list and read there (docs/sources.md)."


class CloudUnreachable(PlimsollError):
    """A cloud that does not answer, or not in time."""

    code = "data.cloud_unreachable"
    kind = Kind.UNAVAILABLE
    text = "Dataset {dataset}: {place} cannot be reached: {problem}."
    hint = (
        "Nothing was recorded. Check the network and the endpoint's environment variable, then run the command again."
    )


class ObjectGone(PlimsollError):
    """An object that was listed, and was deleted before it was read."""

    code = "data.object_gone"
    kind = Kind.CONFLICT
    text = "Dataset {dataset}: {place} was deleted before it could be read."
    hint = "Nothing was recorded. Run the command again when what writes there has finished."


class ObjectChanged(PlimsollError):
    """An object that was replaced while it was read."""

    code = "data.object_changed"
    kind = Kind.CONFLICT
    text = "Dataset {dataset}: {place} changed while it was read."
    hint = "Nothing was recorded. Run the command again when what writes there has finished."


class DatabaseUnreachable(PlimsollError):
    """A database that cannot be opened or connected to."""

    code = "data.database_unreachable"
    kind = Kind.UNAVAILABLE
    text = "Dataset {dataset}: {url} cannot be reached: {problem}."
    hint = "Nothing was recorded. Check `data.{dataset}.url` and that the database is up, then run the command again."


class QueryRefused(PlimsollError):
    """A query that the database refuses, or whose result cannot be kept."""

    code = "data.query_refused"
    kind = Kind.INVALID
    text = "Dataset {dataset}: its query fails: {problem}."
    hint = "Correct `data.{dataset}.query` in plimsoll.yaml. It must select rows, and may change nothing."


class UnknownFormat(PlimsollError):
    """A file whose extension names no format that can be read."""

    code = "data.unknown_format"
    kind = Kind.INVALID
    text = "Dataset {dataset}: {file} has an extension that says nothing about its format."
    hint = (
        "Known are .csv, .tsv, .txt, .data (CSV) and .parquet, .pq (Parquet). "
        "Say `format: csv` or `format: parquet` in `data.{dataset}`, or choose the files with a glob such as *.csv."
    )


class MixedFormats(PlimsollError):
    """CSV and Parquet files in one dataset."""

    code = "data.mixed_formats"
    kind = Kind.INVALID
    text = "Dataset {dataset}: {path} matches CSV files (such as {csv}) and Parquet files (such as {parquet})."
    hint = "Choose one kind with a glob, such as *.parquet, in `data.{dataset}.path`."


class Unreadable(PlimsollError):
    """A file that cannot be opened or read as what it claims to be."""

    code = "data.unreadable"
    kind = Kind.INVALID
    text = "Dataset {dataset}: {file} cannot be read: {problem}."
    hint = "Correct the file, or leave it out of `data.{dataset}.path`."


class WrongEncoding(PlimsollError):
    """A CSV file that is not UTF-8."""

    code = "data.wrong_encoding"
    kind = Kind.INVALID
    text = "Dataset {dataset}: {file} is not UTF-8 text: {problem}."
    hint = "Write it as UTF-8, for instance with `iconv -f {guess} -t UTF-8`."


class TruncatedParquet(PlimsollError):
    """A Parquet file that is cut off, or no Parquet file at all."""

    code = "data.truncated_parquet"
    kind = Kind.INVALID
    text = "Dataset {dataset}: {file} ({size} bytes) is not a whole Parquet file: {problem}."
    hint = "Write or copy it again; a download or a job may have stopped half-way."


class SchemaDiffers(PlimsollError):
    """Files of one dataset whose columns are not the same."""

    code = "data.schema_differs"
    kind = Kind.INVALID
    text = "Dataset {dataset}: {file} has other columns than {first}: {problem}."
    hint = "Give every file of the dataset the same columns, or make two datasets of them."


class UnsupportedType(PlimsollError):
    """A Parquet column of a type that no frame column can hold."""

    code = "data.unsupported_type"
    kind = Kind.INVALID
    text = "Dataset {dataset}: column {column} of {file} has the type {type}, which cannot be used."
    hint = "Use numbers, text, truth values, dates and timestamps; split nested values into columns of their own."


class NoRoom(PlimsollError):
    """A disk without room for what reading or checking rows must put aside."""

    code = "data.no_room"
    kind = Kind.UNAVAILABLE
    text = "Dataset {dataset} cannot be read to its end: {problem}."
    hint = (
        "Nothing was recorded, and the data may be good. What does not fit in memory is put into {folder}: free space "
        "there, or set TMPDIR to a folder that has some."
    )


class NoRows(PlimsollError):
    """A dataset without a single row."""

    code = "data.no_rows"
    kind = Kind.INVALID
    text = "Dataset {dataset}: {files} without a single row of data."
    hint = "A pipeline cannot learn from nothing: check what writes {path}."


class SeveralDatasets(PlimsollError):
    """More than one dataset cannot be used; every problem is told."""

    code = "data.invalid"
    kind = Kind.INVALID
    text = "{count} datasets cannot be used:\n{told}"

    @classmethod
    def of(cls, problems: Sequence[PlimsollError]) -> SeveralDatasets:
        """One error that tells all of them, each with its own hint."""
        told = "\n".join(f"  {error.code}: {error}".replace("\n", "\n  ") + _own_hint(error) for error in problems)
        return cls(count=len(problems), told=told, problems=[error.as_dict() for error in problems])


class CheckFailed(PlimsollError):
    """Data that breaks the rules of the project file."""

    code = "data.check_failed"
    kind = Kind.CHECK_FAILED
    text = "{told}"
    hint = "Nothing was recorded and no step ran. Correct the data, or the rules under `data` in plimsoll.yaml."

    @classmethod
    def of(cls, broken: Sequence[BrokenRule]) -> CheckFailed:
        """The error that tells every broken rule with its count and example rows."""
        return cls(told=broken_text(broken), broken=[asdict(rule) for rule in broken])

    @property
    def broken(self) -> tuple[BrokenRule, ...]:
        """The broken rules as they were found."""
        return tuple(_rule(item) for item in self.facts["broken"])


class VersionMissing(PlimsollError):
    """A data version that the ledger does not know."""

    code = "data.version_missing"
    kind = Kind.MISSING
    text = "There is no data version {version}: {told}."
    hint = "`plimsoll data` lists them; name one as dataset@digest, where the first digits are enough."


class VersionAmbiguous(PlimsollError):
    """The beginning of a digest that several versions of a dataset share."""

    code = "data.version_ambiguous"
    kind = Kind.INVALID
    text = "{version} is the beginning of {count} versions: {versions}."
    hint = "Give more digits of the one that you mean."


def broken_text(broken: Sequence[BrokenRule]) -> str:
    """Broken rules for people: dataset, column, rule, how many rows, and the example rows."""
    lines = []
    for dataset, group in groupby(broken, key=lambda rule: rule.dataset):
        rules = list(group)
        lines.append(f"Dataset {dataset} breaks {len(rules)} {'rule' if len(rules) == 1 else 'rules'}:")
        for rule in rules:
            lines.append(f"  {rule.column}, {_finding(rule)}" if rule.column else f"  {_finding(rule)}")
            first = (rule.column,) if rule.column else rule.about
            lines += [f"    {example.file} row {example.row}: {_row(first, example)}" for example in rule.examples]
    return "\n".join(lines)


def _finding(rule: BrokenRule) -> str:
    if rule.rule == "exists":
        nearest = f"; the most similar one is {rule.nearest}" if rule.nearest else ""
        return f"exists: there is no such column{nearest}"
    if not rule.count:
        return f"{rule.rule}: {rule.found}"
    allowed = f", {rule.found}" if rule.found else ""
    return f"{rule.rule}: {rule.count:,} of {rule.rows:,} rows ({100 * rule.count / rule.rows:.3g}%){allowed}"


def _row(first: tuple[str, ...], example: ExampleRow) -> str:
    """The values that break the rule first, then the row's other values as far as one line allows."""
    others = [name for name in example.values if name not in first]
    names = [*first, *others][: max(_SHOWN_FIELDS, len(first))]
    shown = ", ".join(f"{name}={_value(example.values.get(name))}" for name in names)
    return shown + (", …" if len(names) < len(first) + len(others) else "")


def _value(value: Any) -> str:
    if value is None:
        return "(missing)"
    text = repr(value) if isinstance(value, str) and not _PLAIN.fullmatch(value) else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _own_hint(error: PlimsollError) -> str:
    return f"\n    {error.advice}" if error.advice else ""


def _rule(item: dict[str, Any]) -> BrokenRule:
    examples = tuple(ExampleRow(**example) for example in item["examples"])
    return BrokenRule(**{**item, "examples": examples, "about": tuple(item["about"])})
