"""Turns rows of Parquet files into the request bodies that a door takes: Open Inference Protocol v2, a row each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from plimsoll.data.engine import name_literal

SEED = 7
"""The same rows every time."""


def write_requests(model_url: str, rows: Path, into: Path, *, count: int) -> int:
    """Write `count` rows of a Parquet file, drawn from all over it, as request bodies, one a line; returns how many.

    model_url: where the door describes its model, `http://…/v2/models/NAME`; what it takes decides the columns, their
    order and their datatypes. A missing value becomes null.
    """
    import duckdb

    with urlopen(model_url, timeout=10) as answer:  # noqa: S310 - a door on loopback
        description = json.load(answer)
    tensors = [*description["inputs"], *description["parameters"].get("context", [])]
    columns = ", ".join(name_literal(tensor["name"]) for tensor in tensors)
    with duckdb.connect(config={"threads": 1}) as connection:
        # Columns come from the model's description, quoted; the values are parameters.
        sample = f"reservoir({count} ROWS) REPEATABLE ({SEED})"
        query = f"SELECT {columns} FROM read_parquet(?) USING SAMPLE {sample}"
        found = connection.execute(query, [str(rows)]).fetchall()
    into.write_text("".join(json.dumps({"inputs": _inputs(tensors, row)}) + "\n" for row in found))
    return len(found)


def _inputs(tensors: list[dict[str, Any]], row: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [
        {"name": tensor["name"], "datatype": tensor["datatype"], "shape": [1], "data": [_known(value)]}
        for tensor, value in zip(tensors, row, strict=True)
    ]


def _known(value: Any) -> Any:
    """The value; None for NaN, which JSON cannot say."""
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN is not itself
