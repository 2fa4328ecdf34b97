"""The nouns of batch scoring: what is wanted, what one batch was answered, and what came of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One call of `plimsoll score`, beside the release."""

    files: str
    """A file, glob or folder of rows."""
    out: Path
    keep: tuple[str, ...] | None
    """Columns of the rows that are written beside their predictions; None for all."""
    prefix: str
    """Before the names of the columns that hold predictions."""
    keep_bad: bool
    """Whether a row that the release refuses is kept, with the reason in place of a prediction."""
    batch_rows: int
    workers: int
    executor: str = "local"
    """`local`, or `ray` for the nodes of a cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows that are asked about together: columns as lists of equal length, as a request's body carries them."""

    first: int
    """The number of its first row, from 0."""
    rows: int
    tensors: tuple[dict[str, Any], ...]

    def part(self, begin: int, end: int) -> Batch:
        """The rows from begin up to end, both counted from this batch's first."""
        cut = tuple({**one, "shape": [end - begin], "data": one["data"][begin:end]} for one in self.tensors)
        return Batch(first=self.first + begin, rows=end - begin, tensors=cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Predictions of a batch, by the output's name; one value a row, None where the row was refused."""

    rows: int
    columns: Mapping[str, list[Any]]
    errors: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of a call."""

    release: str
    digest: str
    rows: int
    refused: int
    """Rows that the release refused, kept with their reasons."""
    out: str
    columns: tuple[str, ...]
    """The columns that hold predictions."""
    form: str
    """`compiled`, `workers`, or `ray`; for the latter two their number is in `workers`."""
    workers: int
    seconds: float
