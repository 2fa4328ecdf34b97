"""What a run starts from: the graph, and everything that is known before any step runs. Imports no code of the project."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from plimsoll.bundle.runtime import lock_text
from plimsoll.data.entities import DataVersion
from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.hashing import digest_bytes
from plimsoll.kernel.nearest import nearest
from plimsoll.kernel.workspace import Workspace
from plimsoll.pipeline.entities import Graph, Step
from plimsoll.pipeline.errors import ParamUnsupported, UnknownParam
from plimsoll.pipeline.graph import SCORER, build_graph
from plimsoll.pipeline.jobs import BuildScorer, CallStep, Given, Rows, Source, Stored
from plimsoll.pipeline.keys import Basis
from plimsoll.pipeline.tasks import Task
from plimsoll.project.code import Code, reached, read_code
from plimsoll.project.entities import Model, Project
from plimsoll.project.load import read_project
from plimsoll.project.problems import Path as Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The ground that a run or a plan stands on."""

    project: Project
    """With the parameters of this run."""
    code: Code
    graph: Graph
    basis: Basis
    lock: str
    """The runtime's lock text."""
    versions: Mapping[str, DataVersion]

    def work(self, task: Task, outputs: Mapping[str, str], *, code_tree: str) -> CallStep | BuildScorer:
        """What a step's process is to do, with every input known."""
        step = task.step
        if step.built_in:
            return self._scorer(step, outputs, code_tree)
        named = {
            name: self._source(name, outputs)
            for name in step.parameters
            if name in self.basis.params or name in self.graph.inputs[step.name]
        }
        if step.each is not None and task.call is not None:
            named[step.each[0]] = Given(value=task.call.item)
        return CallStep(function=step.name, arguments=named, outputs=step.outputs)

    def _source(self, name: str, outputs: Mapping[str, str]) -> Source:
        if name in self.versions:
            return Rows(version=self.versions[name])
        return Stored(digest=outputs[name]) if name in outputs else Given(value=self.basis.params[name])

    def _scorer(self, step: Step, outputs: Mapping[str, str], code_tree: str) -> BuildScorer:
        model, holdout = self.graph.inputs[step.name]
        params = {name: self.basis.params[name] for name in step.parameters if name in self.basis.params}
        return BuildScorer(
            model=self._source(model, outputs),
            holdout=self._source(holdout, outputs),
            output=SCORER,
            holdout_output=holdout if holdout in self.versions else None,
            code_tree=code_tree,
            settings={**self.basis.scorer, "params": params, "code": self.code.entry},
        )


def survey(
    project: Project, workspace: Workspace, *, versions: Mapping[str, DataVersion], params: Mapping[str, Any]
) -> Survey:
    """Read the code and wire the graph. params: values that replace those of the project file.

    Raises CodeInvalid, GraphInvalid, UnknownParam, ParamUnsupported.
    """
    code = read_code(workspace.root, project.code)
    project = _with_params(project, code, params)
    graph = build_graph(project, code, line_of=_lines_of(workspace.project_file))
    lock = lock_text()
    basis = Basis(
        code=_fingerprints(project, code, graph),
        data={name: version.digest for name, version in versions.items()},
        params=_recordable(project.pipeline.params),
        lock=digest_bytes(lock.encode()),
        env=_env(graph),
        scorer=_scorer_settings(project, project.model) if project.model is not None else {},
    )
    return Survey(project=project, code=code, graph=graph, basis=basis, lock=lock, versions=versions)


def _with_params(project: Project, code: Code, params: Mapping[str, Any]) -> Project:
    """The project with a run's own parameters: ones of the file, or ones that a step has a default for."""
    defaulted = {name for function in code.functions.values() for name in function.defaulted}
    known = dict.fromkeys((*project.pipeline.params, *sorted(defaulted - project.data.keys())))
    for name in params:
        if name not in known:
            near = nearest(name, known)
            advice = f"Did you mean {near}?" if near else "Parameters are under `pipeline.params` in plimsoll.yaml."
            raise UnknownParam(param=name, known=", ".join(known) or "none", advice_text=advice)
    if not params:
        return project
    return replace(project, pipeline=replace(project.pipeline, params={**project.pipeline.params, **params}))


def _recordable(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as JSON keeps them. Raises ParamUnsupported."""
    plain = {}
    for name, value in params.items():
        try:
            plain[name] = json.loads(canonical_json(value))
        except (TypeError, ValueError) as error:
            raise ParamUnsupported(param=name, problem=str(error)) from error
    return plain


def _env(graph: Graph) -> dict[str, str]:
    """Digests of the environment variables that steps declare, as far as they are set."""
    names = {name for step in graph.steps for name in step.env}
    return {name: digest_bytes(os.fsencode(os.environ[name])) for name in sorted(names) if name in os.environ}


def _fingerprints(project: Project, code: Code, graph: Graph) -> dict[str, dict[str, str]]:
    """For each step the digests of the code it reaches; the scorer's are those of the transform steps."""
    own = {step.name: _short(code, reached(code, step.name)) for step in graph.steps if not step.built_in}
    if project.model is None:
        return own
    transforms = {part: digest for name in project.model.transform for part, digest in own[name].items()}
    return {**own, SCORER: transforms}


def _short(code: Code, parts: Mapping[str, str]) -> dict[str, str]:
    """Names of the entry's own functions without the module's name in front."""
    return {name.removeprefix(f"{code.module}."): digest for name, digest in parts.items()}


def _scorer_settings(project: Project, model: Model) -> dict[str, Any]:
    """The keyword arguments of `build_scorer` that the project file decides, JSON-ready."""
    return {
        "task": model.task,
        "label": model.label,
        "inputs": list(model.inputs),
        "context": list(model.context),
        "transform": list(model.transform),
        "threshold": model.threshold,
        "exclude": sorted({dataset.key for dataset in project.data.values() if dataset.key}),
    }


def _lines_of(project_file: Path) -> Any:
    """A function from a setting to its line; the file is read once, and only when a problem needs it."""

    @cache
    def tree() -> Any:
        return read_project(project_file)[1]

    def line_of(place: Place) -> int:
        return int(tree().line(place)) if project_file.is_file() else 0

    return line_of
