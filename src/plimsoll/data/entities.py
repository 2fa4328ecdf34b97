"""The nouns of data: a file's digest, a data version, and what a column check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Format = Literal["csv", "parquet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of a data version: its path relative to the project, its content's digest, its size in bytes."""

    path: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVersion:
    """An immutable state of a dataset: the digest of its manifest identifies it. Its bytes lie in the artifacts."""

    dataset: str
    digest: str
    files: tuple[FileEntry, ...]
    rows: int
    columns: tuple[tuple[str, str], ...]
    """Name and type of each column as it is read (BIGINT, DOUBLE, VARCHAR, BOOLEAN, DATE, TIMESTAMP), in file order."""
    format: Format
    delimiter: str = ""
    """What separates the fields of a CSV file; empty for Parquet."""
    missing: tuple[str, ...] = ()
    """Texts that stand for a missing value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesNow:
    """A dataset's files as they lie there now, neither kept nor checked."""

    entries: tuple[FileEntry, ...]
    changed_ns: int
    """When the latest of them changed, as Unix time in nanoseconds."""

    def differ_from(self, version: DataVersion) -> bool:
        """Whether another version would come of them."""
        return [entry.digest for entry in self.entries] != [entry.digest for entry in version.files]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """A column rule that rows of a dataset break."""

    dataset: str
    column: str
    rule: str
    """The rule as written in the project file, such as `min: 0`; `exists` for a column that is not there."""
    count: int
    """How many rows break it."""
    rows: int
    """How many rows the dataset has."""
    examples: tuple[ExampleRow, ...] = ()
    """Up to three rows that break it."""
    nearest: str = ""
    """For a column that is not there: the most similar name that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleRow:
    """A row that breaks a rule, as it stands in its file."""

    file: str
    row: int
    """Its number in that file; the first row of data is 1."""
    values: dict[str, Any]
    """JSON-ready values by column name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVersion:
    """A data version as the ledger remembers it."""

    version: DataVersion
    recorded_by: str
    recorded_at: str
