"""What the settings of a project file must say about themselves and each other, beyond their names and types.

The rules read plain values, and pass over whatever has the wrong type, so that they can speak in the same breath
as the shape's own problems. None needs the project's code or data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from plimsoll.project.breach import (
    Breach,
    Values,
    above_zero,
    duration,
    identifier,
    mapping,
    mappings,
    plain_name,
    size,
    texts,
    unique,
)
from plimsoll.project.dataset_rules import dataset_breaches
from plimsoll.project.environment_rules import environment_breaches
from plimsoll.project.mlflow_rules import mlflow_breaches
from plimsoll.project.model_rules import gate_breaches, model_breaches
from plimsoll.project.monitor_rules import monitor_breaches
from plimsoll.project.problems import Path, describe
from plimsoll.project.retrain_rules import retrain_breaches
from plimsoll.project.sweep_rules import sweep_breaches


def breaches(project: Values) -> Iterator[Breach]:
    """Every broken rule of a project's plain values."""
    return chain(
        _project(project),
        dataset_breaches(project),
        _pipeline(project),
        model_breaches(project),
        gate_breaches(project),
        environment_breaches(project),
        monitor_breaches(project),
        retrain_breaches(project),
        sweep_breaches(project),
        mlflow_breaches(project),
    )


def _project(project: Values) -> Iterator[Breach]:
    name = project.get("project")
    if isinstance(name, str):
        yield from plain_name(name, ("project",))
    code = project.get("code")
    if isinstance(code, str) and (not code or code.startswith(("/", "~")) or ".." in re.split(r"[/\\]", code)):
        yield Breach(
            path=("code",), found=describe(code), expected="a file or folder inside the project, such as steps.py"
        )


def _pipeline(project: Values) -> Iterator[Breach]:
    pipeline = mapping(project, "pipeline")
    datasets = mapping(project, "data")
    for name in mapping(pipeline, "params"):
        path: Path = ("pipeline", "params", name)
        yield from identifier(name, path, "steps receive it by this name")
        if name in datasets:
            yield Breach(path=path, found=f"{name!r}, which is a dataset too", expected="a name of its own")
    for name, options in mappings(pipeline, "steps"):
        path = ("pipeline", "steps", name)
        yield from identifier(name, path, "a step is a function")
        yield from duration(options.get("timeout"), (*path, "timeout"))
        yield from duration(options.get("backoff"), (*path, "backoff"), zero=True)
        yield from above_zero(options.get("retries"), (*path, "retries"), zero=True)
        resources = mapping(options, "resources")
        yield from above_zero(resources.get("cpu"), (*path, "resources", "cpu"))
        yield from size(resources.get("memory"), (*path, "resources", "memory"))
        yield from above_zero(resources.get("gpu"), (*path, "resources", "gpu"), zero=True)
        yield from unique(texts(options.get("env")), (*path, "env"))
        each = mapping(options, "each")
        if len(each) > 1:
            found = f"{len(each)} parameters: {', '.join(map(str, each))}"
            yield Breach(
                path=(*path, "each"), found=found, expected="one parameter and its list, such as {region: regions}"
            )
        outputs = texts(options.get("outputs"))
        for position, output in outputs:
            yield from identifier(output, (*path, "outputs", position), "other steps receive it by this name")
        yield from unique(outputs, (*path, "outputs"))
