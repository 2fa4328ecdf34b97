"""What runs logged: people add to a run that is there, and its curves are told. `release` exposes both.

What a step logs itself is committed with its outcome, in journal.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotated_types import Interval, MaxLen, MinLen

from plimsoll.edge.context import Context
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.ledger.engine import Transaction
from plimsoll.pipeline import metric_store
from plimsoll.pipeline.entities import Run, RunState, StepState
from plimsoll.pipeline.errors import BadLogged
from plimsoll.pipeline.logbook import FOLDER, Logged, LoggedFile, read_logged
from plimsoll.pipeline.points import MOST_A_CALL, MOST_NAME, Number, Points, known, ordered, said, thinned

Name = Annotated[str, MinLen(1), MaxLen(MOST_NAME)]
Step = Annotated[int, Interval(ge=0, le=2**53)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """Points (metric, step, value, seconds since 1970) and parameters for a run that is there."""

    run: str
    points: Annotated[tuple[tuple[Name, Step, Number, float], ...], MaxLen(MOST_A_CALL)] = ()
    params: Annotated[Mapping[Name, Any], MaxLen(1_000)] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """How much was kept."""

    run: str
    points: int
    params: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsRequest:
    """Whose curves; of one metric when it is named; at most about so many points each."""

    run: str = "latest"
    metric: str = ""
    most: Annotated[int, Interval(ge=2, le=1_000_000)] = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One metric as one step, or one person, logged it, by step. Numbers that JSON has no word for are text."""

    metric: str
    source: str
    """The step, or `@` and the person who logged it."""
    run: str
    """The run in which it was logged: another one where the step is cached."""
    points: int
    last: Number
    least: Number | None
    """None when every value is NaN."""
    most: Number | None
    steps: tuple[int, ...]
    values: tuple[Number, ...]
    times: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedParam:
    name: str
    source: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOfRun:
    name: str
    source: str
    digest: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """All that was logged in a run, its cached steps' included."""

    run: str
    curves: tuple[Curve, ...]
    params: tuple[LoggedParam, ...]
    files: tuple[FileOfRun, ...]


def log_to(context: Context, run: Run, request: LogRequest) -> Received:
    """Add points and parameters to a run, under the caller's name, apart from what its steps logged.

    Raises BadLogged. The first of a person's leaves an audit event; the rest belongs to it.
    """
    points: dict[str, Points] = {}
    for metric, step, value, at in request.points:
        points.setdefault(_printable(metric), Points()).add(step, float(value), at)
    for name in request.params:
        _printable(name)
    source = f"@{context.caller.name}"
    with context.database.write() as transaction:
        if not metric_store.has_logged(transaction, run=run.id, source=source):
            detail = {"metrics": sorted(points), "params": sorted(request.params)}
            record(context, transaction, action=Action.METRICS_LOGGED, subject=run.id, detail=detail)
        metric_store.append(transaction, run=run.id, source=source, logged=Logged(points=points, params=request.params))
    return Received(run=run.id, points=len(request.points), params=len(request.params))


def metrics_of(context: Context, run: Run, *, metric: str = "", most: int = 1_000) -> Metrics:
    """A run's curves, thinned, with what else it logged; of a run under way here also what its steps logged so far."""
    curves: list[Curve] = []
    params: list[LoggedParam] = []
    files: list[FileOfRun] = []
    for source, made_in, logged in _logged(context, run, metric):
        curves += [_curve(name, source, made_in, points, most) for name, points in logged.points.items()]
        params += [LoggedParam(name=name, source=source, value=value) for name, value in logged.params.items()]
        files += [
            FileOfRun(name=file.name, source=source, digest=file.digest, bytes=file.bytes) for file in logged.files
        ]
    return Metrics(
        run=run.id,
        curves=tuple(sorted(curves, key=lambda curve: (curve.metric, curve.source))),
        params=tuple(sorted(params, key=lambda param: (param.name, param.source))),
        files=tuple(sorted(files, key=lambda file: (file.name, file.source))),
    )


def _logged(context: Context, run: Run, metric: str) -> list[tuple[str, str, Logged]]:
    """(source, run that logged it, what it logged) of everything that belongs to a run."""
    cached = {outcome.step: outcome.key for outcome in run.steps if outcome.state is StepState.CACHED}
    with context.database.read() as transaction:
        found = [(source, run.id, logged) for source, logged in _stored(transaction, run.id, metric).items()]
        made = metric_store.makers(transaction, project=run.project, keys=cached)
        for maker in sorted(set(made.values()) - {run.id}):
            stored = _stored(transaction, maker, metric)
            steps = {step for step, made_in in made.items() if made_in == maker}
            found += [(source, maker, logged) for source, logged in stored.items() if _step(source) in steps]
    if run.state is not RunState.RUNNING:
        return found
    known = {source for source, _, _ in found}
    return found + [growing for growing in _growing(context, run, metric) if growing[0] not in known]


def _step(source: str) -> str:
    """The step of a source: `fit` of `fit[2]`, one of several calls."""
    return source.partition("[")[0]


def _stored(transaction: Transaction, run: str, metric: str) -> dict[str, Logged]:
    points: dict[str, dict[str, Points]] = {}
    params: dict[str, dict[str, Any]] = {}
    files: dict[str, list[LoggedFile]] = {}
    for (source, name), some in metric_store.points_of(transaction, run=run, metric=metric).items():
        points.setdefault(source, {})[name] = some
    for (source, name), value in metric_store.params_of(transaction, run=run).items():
        params.setdefault(source, {})[name] = value
    for (source, _), file in metric_store.files_of(transaction, run=run).items():
        files.setdefault(source, []).append(file)
    return {
        source: Logged(points=points.get(source, {}), params=params.get(source, {}), files=tuple(files.get(source, ())))
        for source in {**points, **params, **files}
    }


def _growing(context: Context, run: Run, metric: str) -> list[tuple[str, str, Logged]]:
    """What the steps under way have written so far, where their folders are on this machine."""
    ended = {outcome.step for outcome in run.steps}
    scratch = context.workspace.cache / "runs" / run.id
    folders = sorted(scratch.rglob(FOLDER), key=lambda folder: folder.parent.name) if scratch.is_dir() else []
    latest = {folder.relative_to(scratch).parts[0]: folder.parent for folder in folders}  # of a step's last attempt
    found = []
    for step, folder in latest.items():
        if step not in ended:
            logged = read_logged(folder, growing=True)
            points = {name: some for name, some in logged.points.items() if metric in ("", name)}
            found.append((step, run.id, Logged(points=points, params=logged.params, files=logged.files)))
    return found


def _curve(metric: str, source: str, run: str, points: Points, most: int) -> Curve:
    whole = ordered(points)
    shown = thinned(whole, most)
    return Curve(
        metric=metric,
        source=source,
        run=run,
        points=len(whole),
        last=said(whole.values[-1]),
        least=_said(min(known(whole), default=None)),
        most=_said(max(known(whole), default=None)),
        steps=tuple(shown.steps),
        values=tuple(said(value) for value in shown.values),
        times=tuple(shown.times),
    )


def _said(value: float | None) -> Number | None:
    return None if value is None else said(value)


def _printable(name: str) -> str:
    if not name.isprintable():
        raise BadLogged(what=f"the name {name[:40]!r}", problem="it holds characters that cannot be printed")
    return name
