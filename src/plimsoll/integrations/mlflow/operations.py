"""What can be asked of MLflow's registry by people: to show releases as they are, now."""

from __future__ import annotations

from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import Everything, operation
from plimsoll.integrations.mlflow.errors import MlflowNotUsed
from plimsoll.integrations.mlflow.publishing import Published, publish
from plimsoll.project.load import load_project


@operation("mlflow.publish", "POST", "/mlflow", role=Role.DEVELOPER, request=Everything, response=Published)
def publish_releases(context: Context, _request: Everything) -> Published:
    """Show the project's releases and its champion in MLflow's registry, as the ledger has them."""
    if load_project(context.workspace.project_file).mlflow is None:
        raise MlflowNotUsed(project=context.project)
    return publish(context)
