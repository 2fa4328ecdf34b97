"""What is told of runs, in the process that has MLflow's client: one MLflow run for each of ours.

The runs in which steps log are its children. MLflow makes them when a step calls it, and steps that do not cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RUN = "plimsoll.run"
PARENT = "mlflow.parentRunId"
_MOST_PARAM = 6_000
_MOST_TAG = 8_000
_MOST_CHILDREN = 1_000


def begin(*, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, str]) -> dict[str, str]:
    """A new MLflow run that is under way: its id and its experiment's."""
    from mlflow import MlflowClient
    from mlflow.entities import Param

    client = MlflowClient()
    where = experiment_id(client, experiment)
    run = client.create_run(where, run_name=name, tags={key: value[:_MOST_TAG] for key, value in tags.items()})
    given = [Param(key, value[:_MOST_PARAM]) for key, value in params.items()]
    for start in range(0, len(given), 100):  # the most that MLflow takes at once
        client.log_batch(run.info.run_id, params=given[start : start + 100])
    return {"run": run.info.run_id, "experiment": where}


def end(
    *, begun: Mapping[str, Any] | None, mlflow_run: str | None, status: str, tags: Mapping[str, str]
) -> dict[str, str]:
    """Say what became of a run. begun: what `begin` takes, for a run whose beginning could not be told.

    Such a run is made now, and what its steps logged meanwhile becomes its children.
    """
    from mlflow import MlflowClient
    from mlflow.entities import RunTag

    client = MlflowClient()
    run = mlflow_run
    if run is None:
        assert begun is not None
        made = begin(**begun)
        run = made["run"]
        _adopt(client, run, made["experiment"], begun["tags"][RUN])
    if tags:
        client.log_batch(run, tags=[RunTag(key, value[:_MOST_TAG]) for key, value in tags.items()])
    client.set_terminated(run, status)
    return {"run": run}


def experiment_id(client: Any, name: str) -> str:
    """The experiment of that name; made when there is none."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:  # another run made it meanwhile
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _adopt(client: Any, parent: str, experiment: str, run: str) -> None:
    for child in client.search_runs([experiment], f"tags.`{RUN}` = '{run}'", max_results=_MOST_CHILDREN):
        if child.info.run_id != parent and PARENT not in child.data.tags:
            client.set_tag(child.info.run_id, PARENT, parent)
