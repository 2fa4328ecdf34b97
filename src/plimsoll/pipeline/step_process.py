"""What happens inside a step's process: read the arguments, call the function, put what it returns into the artifacts.

Runs in a process that has the project's code imported already. Nothing is recorded here: the engine does that once it
has read the result, so a process that dies on the way leaves nothing but unreferenced artifacts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.pipeline.codecs import read_artifact, write_value
from plimsoll.pipeline.codecs.codec import type_name
from plimsoll.pipeline.errors import OutputUnsupported
from plimsoll.pipeline.fresh_imports import is_own
from plimsoll.pipeline.jobs import (
    BuildScorer,
    CallStep,
    Given,
    Job,
    Result,
    Rows,
    Source,
    Stored,
    Surroundings,
    Trouble,
)
from plimsoll.pipeline.logbook import Logbook
from plimsoll.pipeline.native import determinism_switches, loaded_libraries
from plimsoll.pipeline.tracebacks import trouble_of
from plimsoll.pipeline.tracking import logging_to
from plimsoll.project.find import PROJECT_FILE

_RESULT = "result.json"


class WrongOutputs(PlimsollError):
    """A step that does not return what the project file says."""

    code = "pipeline.wrong_outputs"
    kind = Kind.PROJECT_CODE
    text = "it returned {found}, and its outputs are named {names}"
    hint = "Return a tuple of {count} values, or name what it returns under `pipeline.steps.{step}.outputs`."


def run_job(job: Job, surroundings: Surroundings, module: ModuleType) -> None:
    """Run one step and write its result; an exception of the step becomes part of the result."""
    artifacts = FolderStore(job.artifacts or surroundings.artifacts)
    warnings: list[str] = []
    try:
        match job.work:
            case CallStep():
                outputs = _call(job, job.work, surroundings, module, artifacts, warnings)
            case BuildScorer():
                outputs = _build_scorer(job, job.work, artifacts)
        result = Result(
            outputs=outputs, warnings=tuple(warnings), libraries=loaded_libraries(), switches=determinism_switches()
        )
    except BaseException as error:  # noqa: BLE001 - whatever the project's code raises is reported, SystemExit too
        result = Result(trouble=trouble_of(error, root=surroundings.root))
    sys.stdout.flush()
    sys.stderr.flush()
    (job.scratch / _RESULT).write_text(json.dumps(asdict(result)))


def read_result(scratch: Path) -> Result | None:
    """What the step's process wrote down in its folder; None when it died before."""
    try:
        page = json.loads((scratch / _RESULT).read_text())
    except (FileNotFoundError, ValueError):
        return None
    trouble = page["trouble"]
    return Result(
        outputs=page["outputs"],
        trouble=Trouble(**trouble) if trouble else None,
        warnings=tuple(page["warnings"]),
        libraries=page["libraries"],
        switches=page["switches"],
    )


def _call(
    job: Job,
    work: CallStep,
    surroundings: Surroundings,
    module: ModuleType,
    artifacts: FolderStore,
    warnings: list[str],
) -> Mapping[str, str]:
    function: Callable[..., Any] = getattr(module, work.function)
    arguments = {
        name: _read(source, artifacts, into=job.scratch / "inputs" / name) for name, source in work.arguments.items()
    }
    own = own_modules(surroundings.import_roots)
    with Logbook(job.scratch) as book, logging_to(book, artifacts):
        with _around(job, surroundings):
            returned = function(**arguments)
        values = _named(returned, work.outputs, step=job.step)
        return {name: _keep(name, value, job, artifacts, own=own, warnings=warnings) for name, value in values.items()}


def _around(job: Job, surroundings: Surroundings) -> AbstractContextManager[None]:
    """What the run wants to hold while the project's function is called."""
    if not surroundings.around:
        return nullcontext()
    module, _, name = surroundings.around.partition(":")
    context: AbstractContextManager[None] = getattr(import_module(module), name)(job)
    return context


def _build_scorer(job: Job, work: BuildScorer, artifacts: FolderStore) -> Mapping[str, str]:
    from plimsoll.bundle.build import build_scorer

    holdout = _read(work.holdout, artifacts)
    code_tree = artifacts.unpack(work.code_tree, job.scratch / "code")
    (code_tree / PROJECT_FILE).unlink()
    folder = job.scratch / "scorer"
    build_scorer(folder, model=_read(work.model, artifacts), holdout=holdout, code_tree=code_tree, **work.settings)
    outputs = {work.output: artifacts.take_tree(folder)}
    if work.holdout_output is not None:
        outputs[work.holdout_output] = _keep(work.holdout_output, holdout, job, artifacts, own=(), warnings=[])
    return outputs


def _read(source: Source, artifacts: FolderStore, *, into: Path | None = None) -> Any:
    match source:
        case Given(value=value):
            return value
        case Stored(digest=digest):
            return read_artifact(artifacts, digest, into=into)
        case Rows(version=version):
            from plimsoll.data.frames import read_frame

            return read_frame(version, artifacts)


def _named(returned: Any, names: tuple[str, ...], *, step: str) -> dict[str, Any]:
    """The returned value under its name, or the parts of the returned tuple under theirs. Raises WrongOutputs."""
    if len(names) == 1:
        return {names[0]: returned}
    found = f"a {type(returned).__name__}" if not isinstance(returned, tuple) else f"a tuple of {len(returned)}"
    if not isinstance(returned, tuple) or len(returned) != len(names):
        raise WrongOutputs(found=found, names=", ".join(names), count=len(names), step=step)
    return dict(zip(names, returned, strict=True))


def _keep(name: str, value: Any, job: Job, artifacts: FolderStore, *, own: tuple[str, ...], warnings: list[str]) -> str:
    folder = job.scratch / "outputs" / name
    folder.mkdir(parents=True)
    try:
        codec = write_value(value, folder, own_modules=own, maker=job.key)
    except OutputUnsupported as error:
        raise OutputUnsupported(**{**error.facts, "output": f"the output {name}, "}) from error
    if codec == "cloudpickle":
        warnings.append(
            f"the output {name}, of type {type_name(value)}, is kept by cloudpickle: equal values may get different digests"
        )
    return artifacts.take_tree(folder)


_OWN: dict[str, bool] = {}
"""Module -> whether its source is the project's. A step's process has what was looked at before it was forked."""


def own_modules(roots: tuple[Path, ...]) -> tuple[str, ...]:
    """Names of the imported modules whose source is the project's; each is looked at once."""
    below = tuple(str(root) for root in roots)  # of a thousand modules a few are made paths of
    for name in sys.modules.keys() - _OWN.keys():
        file = str(getattr(sys.modules[name], "__file__", None) or "")
        _OWN[name] = file.startswith(below) and is_own(Path(file), roots)
    return tuple(sorted(name for name, own in _OWN.items() if own and name in sys.modules))
