"""What the project file says, for those who cannot read it: pages and clients of a server."""

from __future__ import annotations

from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import Everything, operation
from plimsoll.project.load import load_project
from plimsoll.project.requests import EnvironmentView


@operation(
    "environments.list", "GET", "/environments", role=Role.VIEWER, request=Everything,
    response=tuple[EnvironmentView, ...],
)  # fmt: skip
def list_environments(context: Context, _request: Everything) -> tuple[EnvironmentView, ...]:
    """Every environment that the project file names, with its policy, in the order of the file."""
    project = load_project(context.workspace.project_file)
    return tuple(
        EnvironmentView(
            name=name,
            target=settings.target,
            after=settings.after or "",
            bake=settings.bake,
            strategy=settings.rollout.strategy,
            stages=tuple(settings.rollout.stages),
            auto_deploy=settings.auto_deploy,
        )
        for name, settings in project.environments.items()
    )
