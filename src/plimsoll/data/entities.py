"""The nouns of data: a file's digest, a data version, what a column check found, and how columns are distributed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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
    """A rule that a dataset breaks: of a column, of its rows, or of the whole."""

    dataset: str
    column: str
    """Empty for a rule that belongs to no column."""
    rule: str
    """The rule as written in the project file, such as `min: 0`; `exists` for a column that is not there."""
    count: int
    """How many rows break it; 0 for a rule of the whole, such as how many rows there are."""
    rows: int
    """How many rows the dataset has."""
    found: str = ""
    """What was found instead, for a rule of the whole; what was allowed, for one that some rows may break."""
    about: tuple[str, ...] = ()
    """The columns that a rule of several looks at."""
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


Kind = Literal["numeric", "categorical"]
Phase = Literal["none", "hour of day", "hour of week"]
"""Which hours are alike; hours are UTC and a week begins on Monday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """By how much more than chance the shares of a column vary between spans of one length, within the reference."""

    blocks: int
    """How many spans of that length the reference holds; with fewer than three there is no estimate of its own."""
    factor: float
    """Mean of Pearson's X2 per degree of freedom of the blocks' counts against what their phases expect; at least 1."""
    degrees: float
    """How many blocks' worth of freedom the estimate rests on, after the phases were fitted; 0: nothing is known."""
    cells: int
    """How many bins the estimate rests on; rare ones count as one."""
    rows: float
    """Rows of a block, on average."""
    clustered: float = 1.0
    """The design effect of rows that belong together, such as a customer's, within a span; 1 without a group."""
    taken_from: str = ""
    """The shorter span whose estimate this is for want of blocks; empty: its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """How a column's values are distributed over frozen bins; missing values are the last bin."""

    name: str
    kind: Kind
    rows: int
    missing: int
    """Rows without a value; for numbers also NaN and infinities."""
    low: float | None
    high: float | None
    """The smallest and the largest number; None for categories and where there is none."""
    edges: tuple[float, ...] = ()
    """Inner edges of the bins of numbers, rising; an edge belongs to the bin below it."""
    categories: tuple[str, ...] = ()
    """The categories with a bin of their own, the most frequent first; all others share the bin behind them."""
    counts: tuple[int, ...]
    """Rows per bin."""
    phases: tuple[tuple[int, ...], ...] = ()
    """Rows per bin, for each phase; empty without phases."""
    spread: Mapping[str, Spread]
    """By span: `window`, `day`, `week`, or `all` for rows without a time."""

    @property
    def bins(self) -> int:
        """How many bins there are, with that of the missing values."""
        return len(self.edges) + 2 if self.kind == "numeric" else len(self.categories) + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How the columns of a table are distributed: the reference that later rows are held against."""

    rows: int
    time_column: str | None
    """The column that says when a row happened."""
    begin: datetime | None
    end: datetime | None
    """The first and the last moment; None without a time column."""
    phase: Phase
    columns: tuple[ColumnProfile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCounts:
    """A column's rows in one window, on the bins of its profile."""

    counts: tuple[int, ...]
    new: int
    """Rows of a category that the profile never saw; 0 where it had more categories than bins, and for numbers."""
    out_of_range: int
    """Rows with a number below the profile's smallest or above its largest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCounts:
    """The rows of a window, or of several together, per column and bin."""

    begin: datetime | None
    """UTC; None where rows have no time."""
    rows: int
    phases: Mapping[int, int]
    """Rows by phase, where there were any; everything is phase 0 without phases."""
    columns: Mapping[str, ColumnCounts]
