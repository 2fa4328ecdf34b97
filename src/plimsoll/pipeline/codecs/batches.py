"""What a step yields, frame by frame, as one table: in bounded memory.

The bytes are those of one frame; in pandas' tables of more than one row group, where the frames were cut counts too.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import GeneratorType
from typing import Any

from plimsoll.pipeline.codecs.codec import VALUE_TABLE, Codec, Header, Unfit, type_name
from plimsoll.pipeline.errors import OutputUnsupported

Join = Callable[[Sequence[Path], Sequence[Header], Path], Header]
"""Makes one file of the parts; returns the header of the whole. Raises Unfit when the parts differ."""


def is_yielded(value: Any) -> bool:
    """Whether a value is a generator: the one iterator that a step makes by itself."""
    return type(value) is GeneratorType


def write_batches(
    value: Iterator[Any], folder: Path, *, codecs: Mapping[str, Codec], joins: Mapping[str, Join]
) -> Header:
    """Write each frame to a file of its own as it comes, then all of them to one. Raises OutputUnsupported.

    What the generator itself raises goes on to the caller.
    """
    parts = folder / "parts"
    headers: list[Header] = []
    files: list[Path] = []
    kind: type | None = None
    try:
        for number, batch in enumerate(value):
            codec = next((codecs[name] for name in joins if codecs[name].applies(batch)), None)
            kind = kind or type(batch)
            if codec is None or type(batch) is not kind:
                raise _refused(
                    value, f"it yields {type_name(batch)} as number {number + 1}; only frames of one kind join"
                )
            part = parts / f"{number:09}"
            part.mkdir(parents=True)
            headers.append({"codec": codec.name, **codec.write(batch, part)})
            files.append(part / VALUE_TABLE)
        if not headers:
            raise _refused(value, "it yields nothing; a table without rows needs one frame without rows")
        return {"codec": headers[0]["codec"], **joins[headers[0]["codec"]](files, headers, folder / VALUE_TABLE)}
    except Unfit as problem:
        raise _refused(value, f"its frames do not join to one table: {problem}") from problem
    finally:
        shutil.rmtree(parts, ignore_errors=True)


def _refused(value: Any, problem: str) -> OutputUnsupported:
    return OutputUnsupported(output="", type=type_name(value), problem=problem)
