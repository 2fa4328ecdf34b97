"""The reference that a release is watched against: how its holdout is distributed, and how it did there.

Rows and predictions together, on frozen bins, in `reference.json` of the bundle. Whoever watches the release needs
neither the holdout nor the model for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.bundle.entities import Field, ScorerSpec
from plimsoll.data.entities import ColumnProfile, Profile
from plimsoll.data.profile_json import profile_document, read_profile
from plimsoll.edge.context import Context, Progress
from plimsoll.gates.operations import OnHoldout, candidate_on_holdout
from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.durations import parse_duration
from plimsoll.pipeline.entities import Run
from plimsoll.project.entities import Monitor, Project

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

REFERENCE = "reference.json"
_TYPES: Mapping[str, str] = {"int": "BIGINT", "float": "DOUBLE", "string": "VARCHAR", "bool": "BOOLEAN"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a release is held against once it is live."""

    profile: Profile
    """The columns of a request, without what identifies its row, its customer or its day, and what was predicted:
    `_score`, `_decision`, `_confidence`, `_prediction`."""
    metrics: Mapping[str, float]
    """How it did on its holdout, by every metric of its task that the holdout defines."""


def write_reference(context: Context, project: Project, run: Run, folder: Path) -> None:
    """Measure a run's holdout and what its model makes of it; write that into a bundle's folder."""
    context.progress(Progress(task="release", message="measuring the holdout"))
    found = candidate_on_holdout(context, project, run)
    reference = Reference(profile=_profile(found, project.monitor), metrics=_metrics(found))
    page = {"profile": profile_document(reference.profile), "metrics": reference.metrics}
    (folder / REFERENCE).write_bytes(canonical_json(page))


def read_reference(page: Mapping[str, Any]) -> Reference:
    """The inverse: from the JSON of a bundle's page."""
    return Reference(profile=read_profile(page["profile"]), metrics=page["metrics"])


def _profile(found: OnHoldout, monitor: Monitor) -> Profile:
    """The holdout's columns and the predictions as one table, profiled."""
    from plimsoll.data.engine import engine, name_literal, path_list
    from plimsoll.data.profiles import profile_of

    predicted = _predictions(found)
    with engine() as connection:
        source = f"read_parquet({path_list([found.rows])})"
        known = {str(name) for name, *_ in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        fields = [field for field in _fields(found.spec) if field.name in known and not field.name.startswith("_")]
        by_hour = monitor.drift is None or monitor.drift.calendar == "auto"
        time = _time_of(connection, source, found.time) if by_hour else None
        kept = [
            *(
                f"CAST({name_literal(field.name)} AS {_TYPES[field.type]}) AS {name_literal(field.name)}"
                for field in fields
            ),
            *([f"CAST({name_literal(time)} AS TIMESTAMP) AS _at"] if time else []),
        ]
        connection.register("predicted", {name: values for name, (_, values) in predicted.items()})
        connection.execute(
            f"CREATE TEMP TABLE holdout AS SELECT {', '.join([*kept, *predicted])} "
            f"FROM {source} POSITIONAL JOIN predicted"
        )
        group = monitor.drift.group if monitor.drift else None
        profile = profile_of(
            connection,
            "holdout",
            columns=[
                *((field.name, _TYPES[field.type]) for field in fields if field.name != group),
                *((name, type) for name, (type, _) in predicted.items()),
            ],
            time="_at" if time else None,
            group=group if group in {field.name for field in fields} else None,
            window_s=parse_duration(monitor.window),
        )
        return replace(profile, columns=tuple(column for column in profile.columns if not _identifies(column)))


def _identifies(column: ColumnProfile) -> bool:
    """Whether most of a column's values are rare ones, as a customer's number is: there is no distribution to watch."""
    return column.kind == "categorical" and column.counts[-2] > column.rows / 2


def _fields(spec: ScorerSpec) -> tuple[Field, ...]:
    """The columns of a request that can be counted; moments have no profile."""
    return tuple(field for field in (*spec.inputs, *spec.context) if field.type in _TYPES)


def _predictions(found: OnHoldout) -> dict[str, tuple[str, NDArray[Any]]]:
    """What was predicted, by the names that captured answers have: type and one value a row."""
    import numpy as np

    scores, spec = found.scores, found.spec
    if scores.probabilities is None:
        return {"_prediction": ("DOUBLE", np.asarray(scores.decision, dtype=np.float64))}
    decision = np.array([_written(value) for value in scores.decision.tolist()])
    if spec.task == "binary_classification":
        return {
            "_decision": ("VARCHAR", decision),
            "_score": ("DOUBLE", np.ascontiguousarray(scores.probabilities[:, 1])),
        }
    return {"_decision": ("VARCHAR", decision), "_confidence": ("DOUBLE", scores.probabilities.max(axis=1))}


def _written(value: Any) -> str:
    """A class as JSON writes it, without quotes: that is what captured decisions are."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _metrics(found: OnHoldout) -> dict[str, float]:
    from plimsoll.gates.errors import UndefinedMetric
    from plimsoll.gates.metrics import METRICS

    values = {}
    for name, metric in METRICS[found.spec.task].items():
        try:
            values[name] = float(metric.value(found.cases))
        except UndefinedMetric:
            continue
    return values


def _time_of(connection: duckdb.DuckDBPyConnection, source: str, time: str | None) -> str | None:
    """The holdout's column of moments; None when it has none that can be read as such."""
    if time is None:
        return None
    from plimsoll.data.engine import name_literal

    ((unread,),) = connection.execute(
        f"SELECT count(*) FROM {source} WHERE TRY_CAST({name_literal(time)} AS TIMESTAMP) IS NULL"
    ).fetchall()
    return None if unread else time
