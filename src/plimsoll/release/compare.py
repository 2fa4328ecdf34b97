"""Runs beside each other, all against the first: what went in, what came out, and the code between. Reads only.

Unless everything is asked for, only rows that differ are told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Annotated, Any

from annotated_types import MaxLen, MinLen

from plimsoll.bundle.runtime import lock_changes
from plimsoll.edge.context import Context
from plimsoll.gates.entities import Verdict
from plimsoll.gates.operations import get_verdict
from plimsoll.pipeline.entities import Run
from plimsoll.pipeline.operations.metrics import Curve, metrics_of
from plimsoll.pipeline.points import Number

MOST_RUNS = 10
_MOST_POINTS = 200
_MOST_LINES = 400
"""Of one file's difference."""
_MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """Run ids, `latest`, or releases' names such as `fraud@3`; everything: also what does not differ."""

    runs: Annotated[tuple[str, ...], MinLen(2), MaxLen(MOST_RUNS)]
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One of the things compared, found."""

    name: str
    run: Run
    release: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One of the things compared, in a line."""

    name: str
    run: str
    release: str | None
    state: str
    finding: str | None
    started_at: str
    seconds: float
    commit: str
    dirty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One named fact of every run; None where a run has none."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One metric of every run, with the change of its last value against the first run's; None where it has none."""

    metric: str
    source: str
    last: tuple[Number | None, ...]
    least: tuple[Number | None, ...]
    most: tuple[Number | None, ...]
    change: tuple[float | None, ...]
    curves: tuple[tuple[tuple[int, Number], ...], ...]
    """Of each run its (step, value), thinned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A check of the verdicts: the candidate's figure and the finding of every run."""

    name: str
    values: tuple[float | None, ...]
    findings: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """How a file of the code differs between the first run and another: a unified diff."""

    run: str
    path: str
    added: int
    removed: int
    diff: str
    cut: bool
    """Whether the diff goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """A package whose version differs; empty where it is not installed."""

    run: str
    package: str
    was: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All of it; the first run is what the others are held against."""

    runs: tuple[Compared, ...]
    params: tuple[Difference, ...]
    metrics: tuple[Measured, ...]
    gates: tuple[Checked, ...]
    data: tuple[Difference, ...]
    outputs: tuple[Difference, ...]
    """Outputs of steps, by digest: which of them are the same bytes."""
    code: tuple[FileChange, ...]
    runtime: tuple[PackageChange, ...]
    notes: tuple[str, ...]
    """What could not be compared."""


def compare(context: Context, subjects: Sequence[Subject], *, everything: bool) -> Comparison:
    """The comparison of two or more runs that were found."""
    runs = [one.run for one in subjects]
    verdicts = [get_verdict(context, run.verdict) if run.verdict else None for run in runs]
    logged = [metrics_of(context, run, most=_MOST_POINTS) for run in runs]
    params = [
        {**run.params, **{param.name: param.value for param in one.params}}
        for run, one in zip(runs, logged, strict=True)
    ]
    notes: list[str] = []
    return Comparison(
        runs=tuple(_compared(one, verdict) for one, verdict in zip(subjects, verdicts, strict=True)),
        params=tuple(_differences(params, everything)),
        metrics=tuple(_measured([one.curves for one in logged], everything)),
        gates=tuple(_checked(verdicts, everything)),
        data=tuple(_differences([run.data for run in runs], everything)),
        outputs=tuple(_differences([run.outputs for run in runs], everything)),
        code=tuple(change for run in runs[1:] for change in _code_changes(context, runs[0], run, notes)),
        runtime=tuple(change for run in runs[1:] for change in _lock_changes(context, runs[0], run, notes)),
        notes=tuple(dict.fromkeys(notes)),
    )


def _compared(one: Subject, verdict: Verdict | None) -> Compared:
    run = one.run
    return Compared(
        name=one.name,
        run=run.id,
        release=one.release,
        state=str(run.state),
        finding=str(verdict.finding) if verdict else None,
        started_at=run.started_at,
        seconds=round(sum(step.seconds for step in run.steps), 3),
        commit=run.commit,
        dirty=bool(run.dirty),
    )


def _differences(facts: Sequence[Mapping[str, Any]], everything: bool) -> Iterator[Difference]:
    for name in sorted({name for one in facts for name in one}):
        values = tuple(one.get(name) for one in facts)
        if everything or any(value != values[0] for value in values):
            yield Difference(name=name, values=values)


def _measured(curves: Sequence[Sequence[Curve]], everything: bool) -> Iterator[Measured]:
    by_name = [{(curve.metric, curve.source): curve for curve in some} for some in curves]
    for metric, source in sorted({key for one in by_name for key in one}):
        found = [one.get((metric, source)) for one in by_name]
        drawn = tuple(() if one is None else tuple(zip(one.steps, one.values, strict=True)) for one in found)
        if not everything and all(points == drawn[0] for points in drawn):
            continue
        last = tuple(None if one is None else one.last for one in found)
        yield Measured(
            metric=metric,
            source=source,
            last=last,
            least=tuple(None if one is None else one.least for one in found),
            most=tuple(None if one is None else one.most for one in found),
            change=tuple(_change(last[0], value) for value in last),
            curves=drawn,
        )


def _change(first: Number | None, value: Number | None) -> float | None:
    if first is None or value is None:
        return None
    change = float(value) - float(first)
    return change if math.isfinite(change) else None


def _checked(verdicts: Sequence[Verdict | None], everything: bool) -> Iterator[Checked]:
    tables: list[dict[str, tuple[float | None, str]]] = [
        {}
        if verdict is None
        else {
            f"{check.rule}{f' in {check.slice}' if check.slice else ''}": (
                check.candidate.value if check.candidate else None,
                str(check.finding),
            )
            for check in verdict.checks
        }
        for verdict in verdicts
    ]
    for name in dict.fromkeys(name for table in tables for name in table):
        found = [table.get(name, (None, None)) for table in tables]
        if everything or any(one != found[0] for one in found):
            yield Checked(
                name=name, values=tuple(value for value, _ in found), findings=tuple(finding for _, finding in found)
            )


def _code_changes(context: Context, first: Run, other: Run, notes: list[str]) -> Iterator[FileChange]:
    if first.code_digest == other.code_digest:
        return
    trees = [_tree(context, run, notes) for run in (first, other)]
    if None in trees:
        return
    before, after = (tree or {} for tree in trees)
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            was, now = (_lines(context, tree.get(path)) for tree in (before, after))
            lines = list(unified_diff(was, now, f"{first.id}/{path}", f"{other.id}/{path}", lineterm=""))
            yield FileChange(
                run=other.id,
                path=path,
                added=sum(line.startswith("+") for line in lines[2:]),
                removed=sum(line.startswith("-") for line in lines[2:]),
                diff="\n".join(lines[:_MOST_LINES]),
                cut=len(lines) > _MOST_LINES,
            )


def _tree(context: Context, run: Run, notes: list[str]) -> dict[str, str] | None:
    if context.artifacts.has(run.code_digest):
        return context.artifacts.tree(run.code_digest)
    notes.append(f"the code of {run.id} is not kept here")
    return None


def _lines(context: Context, digest: str | None) -> list[str]:
    if digest is None:
        return []
    if not context.artifacts.has(digest) or context.artifacts.path(digest).stat().st_size > _MOST_BYTES:
        return [f"({digest}: not kept here, or too large to show)"]
    return context.artifacts.read_bytes(digest).decode(errors="replace").splitlines()


def _lock_changes(context: Context, first: Run, other: Run, notes: list[str]) -> Iterator[PackageChange]:
    if first.lock_digest == other.lock_digest:
        return
    texts = []
    for run in (first, other):
        if not context.artifacts.has(run.lock_digest):
            notes.append(f"the runtime's lock of {run.id} is not kept here")
            return
        texts.append(context.artifacts.read_bytes(run.lock_digest).decode())
    for package, was, now in lock_changes(*texts):
        yield PackageChange(run=other.id, package=package, was=was, now=now)
