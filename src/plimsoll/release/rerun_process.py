"""A run made again, in the interpreter that it needs: `python -m plimsoll.release.rerun_process REQUEST.json ANSWER.json`.

Works in a scratch folder with a ledger of its own, so nothing is cached and nothing of it is recorded as a run. Prints
its progress as lines of JSON and ends with whoever started it. Every expected end is an answer, not an exit code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.data.entities import DataVersion, FileEntry
from plimsoll.edge.context import Caller, Context, Progress
from plimsoll.gates.errors import UndefinedMetric
from plimsoll.gates.operations import candidate_on_holdout
from plimsoll.kernel.clock import SystemClock
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.kernel.lifeline import end_with_starter
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import connect
from plimsoll.ledger.migrate import migrate
from plimsoll.pipeline.entities import Run, RunState, StepOutcome, StepState
from plimsoll.pipeline.operations import Origin, execute, get_run, ingredients_of
from plimsoll.pipeline.snapshot import project_of
from plimsoll.project.entities import Project
from plimsoll.project.git import Commit

INTERRUPTED = 130
_TELLING = (Kind.PROJECT_CODE, Kind.INVALID, Kind.MISSING)
"""Kinds of trouble that say something about the model; any other says something about this machine."""


def main(arguments: list[str]) -> int:
    """Do what the request says; the answer is written whole."""
    end_with_starter(code=INTERRUPTED)
    asked, place = (Path(argument) for argument in arguments)
    request = json.loads(asked.read_text())
    context = _context(request)
    try:
        answer = _run(context, request) if request["do"] == "run" else _measure(context, request)
    except KeyboardInterrupt:
        return INTERRUPTED
    except PlimsollError as error:
        told = _TELLING if request["do"] == "measure" else _TELLING[:1]
        answer = {"error": error.as_dict(), "expected": error.kind in told}
    finally:
        context.database.close()
    new = place.with_suffix(".new")
    new.write_text(json.dumps(answer))
    new.replace(place)
    return 0


def _context(request: Mapping[str, Any]) -> Context:
    state = Path(request["state"])
    state.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(root=Path(request["code"]), state=state, ledger_url=f"sqlite:///{state}/ledger.sqlite")
    database = connect(workspace.ledger_url)
    migrate(database, clock=SystemClock())
    return Context(
        caller=Caller(name=request["caller"]),
        clock=SystemClock(),
        database=database,
        artifacts=FolderStore(Path(request["artifacts"])),
        workspace=workspace,
        project=request["project"],
        plugin=_no_plugin,
        progress=_tell,
    )


def _no_plugin(group: str, name: str) -> Any:
    raise LookupError(group, name)


def _tell(progress: Progress) -> None:
    said = {"message": progress.message, "done": progress.done, "total": progress.total, "stays": progress.stays}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _run(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    project = project_of(context.workspace.root)
    commit = request["commit"]
    origin = Origin(
        run=request["run"],
        commit=Commit(**{**commit, "dirty": tuple(commit["dirty"])}),
        because=request["because"],
        owners=(),
    )
    problem = ""
    try:
        versions = {name: _version(page) for name, page in request["versions"].items()}
        execute(context, project, versions=versions, params=request["params"], origin=origin)
    except PlimsollError as error:
        if error.kind is not Kind.PROJECT_CODE:
            raise
        problem = f"{error.code}: {str(error).partition(chr(10))[0]}"
    run = get_run(context, request["run"])
    parts = ingredients_of(context, run)
    return {
        "steps": [
            {
                "step": outcome.step,
                "parts": asdict(parts[outcome.step]),
                "outputs": dict(outcome.outputs),
                "failed": outcome.state is StepState.FAILED,
            }
            for outcome in run.steps
            if outcome.step in parts
        ],
        "scorer": run.scorer,
        "runtime": run.runtime,
        "problem": problem,
        "metrics": _metrics(context, project, run) if request["metrics"] and not problem else {},
    }


def _measure(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """What a scorer answers to a holdout, kept beside the answer, and its metrics."""
    from plimsoll.bundle.scores import save_scores

    project = project_of(context.workspace.root)
    run = _run_with(request)
    found = candidate_on_holdout(context, project, run)
    save_scores(Path(request["scores"]), found.scores)
    return {"metrics": _metrics(context, project, run)}


def _metrics(context: Context, project: Project, run: Run) -> dict[str, float]:
    """The figures of the gates' metrics on a run's own holdout; one that has no value there is left out."""
    from plimsoll.gates.metrics import find_metric

    found = candidate_on_holdout(context, project, run)
    metrics = {}
    for name in dict.fromkeys(gate.metric for gate in project.gates):
        try:
            metrics[name] = float(find_metric(name, found.spec.task).value(found.cases))
        except UndefinedMetric:
            continue
    return metrics


def _run_with(request: Mapping[str, Any]) -> Run:
    """A run that made this scorer and this holdout."""
    outputs = {request["holdout_name"]: request["holdout"]}
    made = StepOutcome(step="reproduced", state=StepState.DONE, key="", because="", outputs=outputs)
    return Run(
        id=request["run"],
        project=request["project"],
        state=RunState.DONE,
        created_by=request["caller"],
        started_at="",
        steps=(made,),
        scorer=request["scorer"],
    )


def _version(page: Mapping[str, Any]) -> DataVersion:
    return DataVersion(
        **{
            **page,
            "files": tuple(FileEntry(**entry) for entry in page["files"]),
            "columns": tuple((name, type) for name, type in page["columns"]),
            "missing": tuple(page["missing"]),
        }
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
