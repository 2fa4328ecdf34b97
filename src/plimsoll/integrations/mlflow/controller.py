"""Keeps MLflow's registry at what the ledger says. Called by the loop, and after commands where no server runs."""

from __future__ import annotations

from plimsoll.edge.context import Context
from plimsoll.integrations.mlflow.publishing import is_due, publish
from plimsoll.project.load import load_project

IDLE_S = 2.0
UNUSED_S = 30.0


def reconcile(context: Context) -> float:
    """One turn; returns after how many seconds the next one is due. Raises MlflowBehind, PackageMissing."""
    project = load_project(context.workspace.project_file)
    if project.mlflow is None:
        return UNUSED_S
    if is_due(context, project):
        publish(context)
    return IDLE_S
