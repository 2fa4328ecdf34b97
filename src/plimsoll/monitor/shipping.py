"""Turns captured segments into Parquet, one row a row of a request, each record once: what monitors measure.

A part is a folder with a file for each release in it, named after its segment, the offsets that it holds, and from when
to when they are, so that a reader opens only what it needs. It comes to be by one rename: a shipper killed anywhere
leaves whole parts, and scraps that the next one removes. Two that ship the same records leave parts that overlap;
whoever reads takes those that follow one another without a gap.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from plimsoll.bundle.entities import Field, FieldType
from plimsoll.capture.segment import SUFFIX, read_from
from plimsoll.data.engine import engine, name_literal, text_literal
from plimsoll.kernel.clock import from_microseconds, in_microseconds
from plimsoll.kernel.files import new_file, sync_file
from plimsoll.monitor.errors import CannotShip

if TYPE_CHECKING:
    import duckdb

MOST_RECORDS = 200_000
"""Records of one part; a long backlog becomes several."""
_UNFINISHED = ".new"
_PART = re.compile(r"(.+)\.(\d+)-(\d+)\.(\d+)-(\d+)")

Fields = Callable[[str], Sequence[Field]]
"""The columns of a request to the release of that digest, inputs and context."""

_SQL_TYPES: Mapping[FieldType, str] = {
    "int": "BIGINT",
    "float": "DOUBLE",
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "date": "TIMESTAMP",
}
_RECORD = {
    "id": "VARCHAR",
    "at_us": "BIGINT",
    "rows": "BIGINT",
    "role": "VARCHAR",
    "rollout": "VARCHAR",
    "stage": "INTEGER",
    "propensity": "DOUBLE",
    "fallback_for": "VARCHAR",
    "copy_of": "VARCHAR",
    "pinned": "BOOLEAN",
    "status": "INTEGER",
    "latency_s": "DOUBLE",
}
LABELS = "labels.parquet"
_LABEL = {
    "prediction": "VARCHAR",
    "row": "BIGINT",
    "label": "VARCHAR",
    "outcomes": "MAP(VARCHAR, DOUBLE)",
    "at_us": "BIGINT",
    "received_us": "BIGINT",
    "by": "VARCHAR",
}
_OUTPUTS = {
    "decision": "VARCHAR[]",
    "score": "DOUBLE[]",
    "prediction": "DOUBLE[]",
    "probabilities": "DOUBLE[][]",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The records of a segment between two offsets, shipped."""

    segment: str
    begin: int
    end: int
    first_us: int
    """The earliest of their moments, in microseconds since 1970."""
    last_us: int

    @property
    def name(self) -> str:
        return f"{self.segment}.{self.begin}-{self.end}.{self.first_us}-{self.last_us}"

    def touches(self, since: datetime | None, until: datetime | None) -> bool:
        """Whether any of its records may lie from `since` to before `until`."""
        late_enough = since is None or self.last_us >= in_microseconds(since)
        return late_enough and (until is None or self.first_us < in_microseconds(until))


Write = Callable[[Path, Sequence[dict[str, Any]]], None]
"""Writes records as Parquet files into a folder."""


def ship(segments: Path, shipped: Path, fields: Fields) -> int:
    """Ship what was captured since the last time; returns how many records that were. Safe beside doors at work.

    segments: the folder that doors write to. shipped: the folder of parts. Raises CannotShip when the disk refuses.
    """
    return _ship(segments, shipped, lambda folder, records: _write_releases(folder, records, fields), moment="at_us")


def ship_labels(segments: Path, shipped: Path) -> int:
    """Ship the labels that came since the last time, one row each; returns how many."""
    return _ship(segments, shipped, _write_labels, moment="received_us")


def _ship(segments: Path, shipped: Path, write: Write, *, moment: str) -> int:
    import duckdb

    try:
        _remove_scraps(shipped)
        return sum(_ship_segment(segment, shipped, write, moment=moment) for segment in _behind(segments, shipped))
    except (OSError, duckdb.IOException) as error:
        problem = str(error).partition("\n")[0].rstrip(".")
        raise CannotShip(folder=str(segments), problem=problem) from error


def _behind(segments: Path, shipped: Path) -> Iterator[tuple[Path, int]]:
    """Each segment with the offset from which on it is not shipped, in the order in which they were begun."""
    ends = {part.segment: part.end for part in read_parts(shipped)}
    return ((segment, ends.get(segment.stem, 0)) for segment in sorted(segments.glob(f"*{SUFFIX}")))


def _ship_segment(behind: tuple[Path, int], shipped: Path, write: Write, *, moment: str) -> int:
    """Ship what a segment holds now; returns how many records. What comes meanwhile is the next turn's."""
    segment, begin = behind
    done, count = 0, MOST_RECORDS
    while count == MOST_RECORDS:
        part, count = _ship_some(segment, shipped, write, begin=begin, moment=moment)
        done += count
        begin = part.end if part else begin
    return done


def read_parts(shipped: Path) -> tuple[Part, ...]:
    """The parts that hold every shipped record exactly once, oldest segment first."""
    names = [path.name for path in shipped.iterdir()] if shipped.is_dir() else []
    found = [part for name in names if (part := _part(name)) is not None]
    chain: list[Part] = []
    for part in sorted(found, key=lambda part: (part.segment, part.begin, -part.end)):
        before = chain[-1].end if chain and chain[-1].segment == part.segment else 0
        if part.begin == before:
            chain.append(part)
    return tuple(chain)


def files_of(shipped: Path, digest: str, *, since: datetime | None = None, until: datetime | None = None) -> list[Path]:
    """The Parquet files that hold a release's rows; with moments, those that may hold rows from then to then."""
    parts = (part for part in read_parts(shipped) if part.touches(since, until))
    return [path for part in parts if (path := shipped / part.name / f"{digest}.parquet").exists()]


def label_files(shipped: Path, *, since: datetime | None = None, until: datetime | None = None) -> list[Path]:
    """The Parquet files that hold labels; with moments, those that may hold labels that came from then to then."""
    return [shipped / part.name / LABELS for part in read_parts(shipped) if part.touches(since, until)]


def first_moment(shipped: Path) -> datetime | None:
    """The moment of the earliest record; None when nothing was shipped."""
    moments = [part.first_us for part in read_parts(shipped)]
    return from_microseconds(min(moments)) if moments else None


def digests_in(shipped: Path) -> frozenset[str]:
    """The releases of which anything was shipped."""
    return frozenset(path.stem for part in read_parts(shipped) for path in (shipped / part.name).glob("*.parquet"))


def _ship_some(segment: Path, shipped: Path, write: Write, *, begin: int, moment: str) -> tuple[Part | None, int]:
    """Make one part of what follows an offset, with how many records it holds; none when nothing follows."""
    found = list(islice(read_from(segment, begin), MOST_RECORDS))
    if not found:
        return None, 0
    records = [orjson.loads(payload) for payload, _ in found]
    moments = [record[moment] for record in records]
    part = Part(segment=segment.stem, begin=begin, end=found[-1][1], first_us=min(moments), last_us=max(moments))
    shipped.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = shipped / f"{part.name}{_UNFINISHED}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    write(scratch, records)
    for file in scratch.iterdir():
        sync_file(file)
    scratch.rename(shipped / part.name)
    return part, len(records)


def _write_releases(folder: Path, records: Sequence[dict[str, Any]], fields: Fields) -> None:
    by_digest: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_digest.setdefault(record["digest"], []).append(record)
    with engine() as connection:
        for digest, found in by_digest.items():
            with _page(folder, (record | {"rows": _rows(record)} for record in found)) as page:
                _to_parquet(connection, page, folder / f"{digest}.parquet", fields(digest))


def _write_labels(folder: Path, records: Sequence[dict[str, Any]]) -> None:
    columns = ", ".join(f"{text_literal(name)}: {text_literal(kind)}" for name, kind in _LABEL.items())
    with engine() as connection, _page(folder, records) as page:
        connection.execute(
            f"""
            COPY (
                SELECT prediction, "row", label, outcomes, make_timestamp(at_us) AS "at",
                    make_timestamp(received_us) AS received, "by"
                FROM read_json({text_literal(str(page))}, format = 'newline_delimited', columns = {{{columns}}})
            ) TO {text_literal(str(folder / LABELS))} (FORMAT parquet, COMPRESSION zstd)
            """
        )


@contextmanager
def _page(folder: Path, records: Iterable[dict[str, Any]]) -> Iterator[Path]:
    """Records as a file of JSON lines, for as long as it is read."""
    with new_file(folder) as page:
        with page.open("wb") as stream:
            stream.writelines(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)
        yield page


def _rows(record: dict[str, Any]) -> int:
    return max((len(values) for values in record["inputs"].values()), default=0)


def _to_parquet(connection: duckdb.DuckDBPyConnection, page: Path, to: Path, fields: Sequence[Field]) -> None:
    """One row a row of a request. What we say of it begins with an underscore, its own columns have their names."""
    inputs = ", ".join(f"{name_literal(field.name)} VARCHAR[]" for field in fields)
    outputs = ", ".join(f"{name} {kind}" for name, kind in _OUTPUTS.items())
    columns = {**_RECORD, "inputs": f"STRUCT({inputs})" if inputs else "JSON", "outputs": f"STRUCT({outputs})"}
    described = ", ".join(f"{text_literal(name)}: {text_literal(kind)}" for name, kind in columns.items())
    values = [f"{_value(field)} AS {name_literal(field.name)}" for field in fields if not field.name.startswith("_")]
    connection.execute(
        f"""
        COPY (
            SELECT id AS _id, "row" AS _row, make_timestamp(at_us) AS _at, coalesce(role, 'champion') AS _role,
                coalesce(rollout, '') AS _rollout, stage AS _stage, coalesce(propensity, 1.0) AS _propensity,
                coalesce(fallback_for, '') AS _fallback_for, coalesce(copy_of, '') AS _copy_of,
                coalesce(pinned, false) AS _pinned, status AS _status, latency_s AS _latency_s,
                outputs.decision["row" + 1] AS _decision, outputs.score["row" + 1] AS _score,
                outputs.prediction["row" + 1] AS _prediction,
                outputs.probabilities["row" + 1] AS _probabilities,
                list_max(outputs.probabilities["row" + 1]) AS _confidence,
                {", ".join(values) or "NULL AS _nothing"}
            FROM (
                SELECT *, unnest(range("rows")) AS "row"
                FROM read_json({text_literal(str(page))}, format = 'newline_delimited', columns = {{{described}}},
                    maximum_object_size = 268435456)
            )
        ) TO {text_literal(str(to))} (FORMAT parquet, COMPRESSION zstd)
        """
    )


def _value(field: Field) -> str:
    """A column's value in a row. Read as text first: one value that does not fit is a missing one, and stops nothing."""
    value = f'inputs.{name_literal(field.name)}["row" + 1]'
    kind = _SQL_TYPES[field.type]
    return value if kind == "VARCHAR" else f"TRY_CAST({value} AS {kind})"


def _part(name: str) -> Part | None:
    match = _PART.fullmatch(name)
    if match is None:
        return None
    begin, end, first_us, last_us = map(int, match.groups()[1:])
    return Part(segment=match[1], begin=begin, end=end, first_us=first_us, last_us=last_us)


def _remove_scraps(shipped: Path) -> None:
    """What a killed shipper left half-done."""
    for scrap in shipped.glob(f"*{_UNFINISHED}"):
        shutil.rmtree(scrap, ignore_errors=True)
