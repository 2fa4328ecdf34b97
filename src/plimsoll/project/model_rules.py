"""What a project file must say about its model and its gates, beyond names and types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from plimsoll.project.breach import Breach, Values, among, identifier, is_number, mapping, ordered, texts, unique
from plimsoll.project.entities import METRICS, UNBOUNDED_METRICS
from plimsoll.project.problems import Path, describe, one_of


def model_breaches(project: Values) -> Iterator[Breach]:
    model = mapping(project, "model")
    for setting in ("from", "holdout"):
        value = model.get(setting)
        if isinstance(value, str):
            yield from identifier(value, ("model", setting), "the name of a step or of its output")
    transform = texts(model.get("transform"))
    yield from unique(transform, ("model", "transform"))
    for position, step in transform:
        if step == model.get("from"):
            yield Breach(
                path=("model", "transform", position),
                found=f"{step!r}, which is the step that makes the model",
                expected="steps that turn raw rows into the model's input",
            )
    if model.get("holdout") is not None and model.get("holdout") == model.get("from"):
        yield Breach(
            path=("model", "holdout"),
            found=f"{model['holdout']!r}, which makes the model",
            expected="the output that holds rows never used in training",
        )
    inputs, context = texts(model.get("inputs")), texts(model.get("context"))
    for setting, columns in (("inputs", inputs), ("context", context)):
        yield from unique(columns, ("model", setting))
        for position, column in columns:
            if column == model.get("label"):
                yield Breach(
                    path=("model", setting, position),
                    found=f"{column!r}, which is the label",
                    expected="columns that are known when a prediction is asked for",
                )
    for position, column in context:
        if column in {name for _, name in inputs}:
            yield Breach(
                path=("model", "context", position),
                found=f"{column!r}, which is under inputs too",
                expected="each column under inputs (the model sees it) or under context (it does not)",
            )
    yield from unique(texts(model.get("slices")), ("model", "slices"))
    threshold = model.get("threshold")
    if is_number(threshold) and not 0 < threshold < 1:
        yield Breach(
            path=("model", "threshold"), found=describe(threshold), expected="a number between 0 and 1, both excluded"
        )


def gate_breaches(project: Values) -> Iterator[Breach]:
    gates = project.get("gates")
    if not isinstance(gates, list | tuple):
        return
    for position, gate in enumerate(gates):
        path: Path = ("gates", position)
        if not isinstance(gate, Mapping):
            continue
        yield from _gate(gate, path, project)
        yield from ordered(gate, path)
    if gates and project.get("model") is None:
        yield Breach(
            path=("gates",), found="gates without a model", expected="a `model:` section that they can measure"
        )


def _gate(gate: Values, path: Path, project: Values) -> Iterator[Breach]:
    yield from _metric(gate, path, mapping(project, "model").get("task"))
    against = gate.get("against")
    if all(gate.get(limit) is None for limit in ("min", "max", "against")):
        yield Breach(path=path, found="no limit", expected="at least one of min, max, against")
    if gate.get("margin") is not None and against is None:
        yield Breach(
            path=(*path, "margin"),
            found="a margin with nothing to compare with",
            expected="`against:` and an environment beside it",
        )
    yield from _opponent(against, (*path, "against"), project.get("environments", {}))
    yield from _slices(gate.get("slices"), (*path, "slices"), project.get("model"))
    min_rows = gate.get("min_rows")
    if is_number(min_rows) and min_rows < 1:
        yield Breach(path=(*path, "min_rows"), found=describe(min_rows), expected="a whole number from 1")


def _metric(gate: Values, path: Path, task: object) -> Iterator[Breach]:
    metric = gate.get("metric")
    if not isinstance(metric, str):
        return
    known = METRICS.get(task) if isinstance(task, str) else None  # type: ignore[call-overload] # any text may stand there
    every = tuple(dict.fromkeys(chain.from_iterable(METRICS.values())))
    if metric not in (known or every):
        of_task = f" for {task}" if known else ""
        yield Breach(
            path=(*path, "metric"),
            found=repr(metric),
            expected=f"{one_of(known or every)}{of_task}",
            word=metric,
            options=known or every,
        )
    for limit in ("min", "max", "margin"):
        value = gate.get(limit)
        if not is_number(value):
            continue
        if metric in every and metric not in UNBOUNDED_METRICS and not 0 <= value <= 1:
            yield Breach(path=(*path, limit), found=describe(value), expected=f"a number from 0 to 1, as {metric} has")
        elif limit == "margin" and value < 0:
            yield Breach(path=(*path, limit), found=describe(value), expected="0 or more")


def _opponent(against: object, path: Path, environments: object) -> Iterator[Breach]:
    """The environment that a gate compares with; passed over when `environments` itself cannot be read."""
    if isinstance(environments, Mapping):
        none = "an environment; none is defined under `environments:`"
        yield from among(against, path, environments, otherwise=none)


def _slices(slices: object, path: Path, model: object) -> Iterator[Breach]:
    """The slices that a gate names; passed over when `model` itself is missing or cannot be read."""
    if not isinstance(model, Mapping):
        return
    known = [name for _, name in texts(model.get("slices"))]
    if slices == "all" and not known:
        yield Breach(path=path, found="'all'", expected="slices under `model.slices`; none is defined there")
    for position, name in texts(slices):
        yield from among(name, (*path, position), known, otherwise="slices that are defined under `model.slices`")
