"""The nouns of data: a file's digest, a data version, and what a column check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
    """Name and DuckDB type of each column, in file order."""
    format: str
    """`csv` or `parquet`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """A column rule that rows of a dataset break."""

    dataset: str
    column: str
    rule: str
    """The rule as written in the project file, such as `min: 0`."""
    count: int
    examples: tuple[dict[str, Any], ...]
    """Up to three whole rows that break it."""
