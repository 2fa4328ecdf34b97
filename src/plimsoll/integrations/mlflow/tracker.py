"""Tells MLflow of runs: one MLflow run for each, which names commit, code and data, and says what became of each step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from plimsoll.integrations.mlflow.address import client_environ, experiment_of, impatient, tracking_uri
from plimsoll.integrations.mlflow.hand import Hand, MlflowTrouble
from plimsoll.kernel.extras import require
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database
from plimsoll.pipeline.entities import Run, RunState, StepOutcome, StepState
from plimsoll.project.entities import Project

_STATUS = {RunState.DONE: "FINISHED", RunState.FAILED: "FAILED"}
"""All other ends are MLflow's KILLED."""


class MlflowTracker:
    """Implements pipeline.ports.Tracker."""

    def __init__(self, workspace: Workspace, _database: Database) -> None:
        self._workspace = workspace

    def begin(self, project: Project, run: Run) -> MlflowRun:
        require("mlflow")
        uri = tracking_uri(project, self._workspace)
        return MlflowRun(run, environ=client_environ(uri), experiment=experiment_of(project))


class MlflowRun:
    """Implements pipeline.ports.Tracked."""

    around = "plimsoll.integrations.mlflow.step:around"

    def __init__(self, run: Run, *, environ: Mapping[str, str], experiment: str) -> None:
        self._begun: dict[str, Any] = {
            "experiment": experiment,
            "name": run.id,
            "tags": tags_of(run),
            "params": {name: _text(value) for name, value in run.params.items()},
        }
        self._hand = Hand(impatient(environ))
        self._run: str | None = None
        self.problem = ""
        tags = shared_tags(run)
        environ = {**environ, "MLFLOW_EXPERIMENT_NAME": experiment}
        try:
            answer = self._hand.ask("begin", **self._begun)
        except MlflowTrouble as error:
            self.problem = f"{error}; this is tried once more when the run has ended"
        else:
            self._run = answer["run"]
            environ["MLFLOW_EXPERIMENT_ID"] = answer["experiment"]
            tags["mlflow.parentRunId"] = answer["run"]
        self.environ = {**environ, "MLFLOW_RUN_CONTEXT": json.dumps(tags)}

    def end(self, run: Run | None) -> str:
        status = _STATUS.get(run.state, "KILLED") if run is not None else "KILLED"
        tags = end_tags(run) if run is not None else {}
        with self._hand:
            try:
                self._hand.ask("end", begun=self._begun, mlflow_run=self._run, status=status, tags=tags)
            except MlflowTrouble as error:
                return str(error)
        return ""


def shared_tags(run: Run) -> dict[str, str]:
    """What every MLflow run of a run is told by: enough to find code, data and run again."""
    tags = {
        "plimsoll.run": run.id,
        "plimsoll.project": run.project,
        "plimsoll.code": run.code_digest,
        "mlflow.user": run.created_by,
        "mlflow.source.name": "plimsoll run",
    }
    if run.commit:
        tags |= {"plimsoll.commit": run.commit, "mlflow.source.git.commit": run.commit}
    return tags | {f"plimsoll.data.{name}": version for name, version in run.data.items()}


def tags_of(run: Run) -> dict[str, str]:
    """What the MLflow run itself is told of its beginning."""
    tags = {**shared_tags(run), "plimsoll.lock": run.lock_digest}
    if run.dirty:
        tags["plimsoll.dirty"] = ", ".join(run.dirty)
    if run.because:
        tags["plimsoll.because"] = run.because
    return tags


def end_tags(run: Run) -> dict[str, str]:
    """What became of the run and of each step; a cached one says so."""
    tags = {f"plimsoll.step.{step.step}": _became(step) for step in run.steps}
    return tags | {"plimsoll.state": str(run.state)} | ({"plimsoll.error": run.error} if run.error else {})


def _became(step: StepOutcome) -> str:
    match step.state:
        case StepState.DONE:
            return f"done in {step.seconds:.1f} s"
        case StepState.FAILED:
            return f"failed: {step.error}"
        case StepState.CACHED | StepState.SKIPPED:
            return str(step.state)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
