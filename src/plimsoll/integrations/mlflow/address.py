"""Where a project's MLflow is, and the variables that lead MLflow's client there."""

from __future__ import annotations

import os
from collections.abc import Mapping

from plimsoll.kernel.workspace import Workspace
from plimsoll.project.entities import Project


def tracking_uri(project: Project, workspace: Workspace) -> str:
    """The project file's, else that of the environment, else a folder of files in the state."""
    settings = project.mlflow
    named = settings.tracking_uri if settings is not None else None
    return named or os.environ.get("MLFLOW_TRACKING_URI") or workspace.mlflow.as_uri()


def experiment_of(project: Project) -> str:
    """The project file's, else that of the environment, else the one with the project's name."""
    named = project.mlflow.experiment if project.mlflow is not None else None
    return named or os.environ.get("MLFLOW_EXPERIMENT_NAME") or project.project


def client_environ(uri: str) -> dict[str, str]:
    """Variables for whoever uses MLflow's client."""
    found = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    if uri.startswith("file:"):
        # MLflow keeps this store, and wants to be told that it was chosen; its others need a server or SQLAlchemy.
        found["MLFLOW_ALLOW_FILE_STORE"] = "true"
    return found


def impatient(environ: Mapping[str, str]) -> dict[str, str]:
    """For our own requests: a server that is away is found so in seconds, where MLflow would try for minutes."""
    hurry = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    }
    return {**environ, **hurry}
