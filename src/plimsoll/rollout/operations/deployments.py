"""What people ask of an environment: run this release, go back, stop, show."""

from __future__ import annotations

from dataclasses import replace

from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import Everything, operation
from plimsoll.gates.operations import get_verdict
from plimsoll.kernel.clock import to_text
from plimsoll.project.entities import Environment
from plimsoll.project.environments import find_environment
from plimsoll.project.load import load_project
from plimsoll.release.entities import Release
from plimsoll.release.operations.releases import get_release
from plimsoll.rollout import store
from plimsoll.rollout.admission import has_lived_there, is_settling, previous_of
from plimsoll.rollout.entities import DeploymentChange, Told
from plimsoll.rollout.errors import NeverLived, NothingBefore, NothingDeployed, WrongProject
from plimsoll.rollout.operations.champions import prepare_release
from plimsoll.rollout.operations.changes import begin_rollout, change_live, end_rollout, tell
from plimsoll.rollout.operations.place import Admission, Place, find_place, require_known
from plimsoll.rollout.operations.rollouts import order
from plimsoll.rollout.operations.showing import view_of
from plimsoll.rollout.requests import (
    DeploymentView,
    DeployRequest,
    EnvironmentName,
    OrderRequest,
    RollbackRequest,
    StopRequest,
)
from plimsoll.rollout.rollouts import Strategy


@operation(
    "deployments.create", "POST", "/deployments", role=Role.OPERATOR, request=DeployRequest, response=DeploymentView
)
def deploy(context: Context, request: DeployRequest) -> DeploymentView:
    """Begin to roll a release out in an environment, if its policy allows; returns at once, the controller goes on."""
    release = _release(context, request.release)
    settings = _settings(context, request.environment)
    _roll_out(context, release, request.environment, settings, strategy=request.strategy, why=request.why)
    return view_of(context, request.environment)


@operation(
    "deployments.rollback", "POST", "/deployments/{environment}/rollback", role=Role.OPERATOR,
    request=RollbackRequest, response=DeploymentView,
)  # fmt: skip
def rollback(context: Context, request: RollbackRequest) -> DeploymentView:
    """Take an environment back: the rollout's candidate, else to the release before, else to an earlier one by name.

    Going back while the way back is under way is no way forward: the same is on its way, or it goes further back.
    """
    settings = _settings(context, request.environment)
    with context.database.read() as transaction:
        place = find_place(context, transaction, request.environment, settings)
    why = request.why or "no reason given"
    if _is_going_back(place, request.release):
        return view_of(context, request.environment)
    if _takes_the_candidate_back(place, request.release):
        order(context, OrderRequest(environment=request.environment, order="abort", why=why))
        return view_of(context, request.environment)
    release = _earlier(context, place, request.release)
    _roll_out(context, release, request.environment, settings, strategy=Strategy.ALL_AT_ONCE, why=why, way_back=True)
    return view_of(context, request.environment)


@operation(
    "deployments.stop", "POST", "/deployments/{environment}/stop", role=Role.OPERATOR, request=StopRequest,
    response=DeploymentView,
)  # fmt: skip
def stop(context: Context, request: StopRequest) -> DeploymentView:
    """Tell an environment to run nothing; its doors and workers end, a rollout with them, its history stays."""
    with context.database.write() as transaction:
        rollout = store.rollout_under_way(transaction, project=context.project, environment=request.environment)
        if rollout is not None:
            reason = f": {request.why}" if request.why else "."
            ended = f"{context.caller.name} stopped {request.environment}{reason}"
            end_rollout(context, transaction, rollout, why=ended)
        found = store.find(transaction, project=context.project, environment=request.environment)
        if found is None:
            require_known(context, request.environment)
            raise NothingDeployed(environment=request.environment, project=context.project)
        if found.wanted != "stopped":
            now = to_text(context.clock.now())
            change_live(
                context,
                transaction,
                replace(found, wanted="stopped", problem="", changed_by=context.caller.name, changed_at=now),
                why=request.why,
            )
            tell(context, transaction, request.environment, Told(wanted=None), because="stopped")
    return view_of(context, request.environment)


@operation(
    "deployments.show", "GET", "/deployments/{environment}", role=Role.VIEWER, request=EnvironmentName,
    response=DeploymentView,
)  # fmt: skip
def show(context: Context, request: EnvironmentName) -> DeploymentView:
    """What an environment shall run and what its target observes."""
    return view_of(context, request.environment)


@operation(
    "deployments.list", "GET", "/deployments", role=Role.VIEWER, request=Everything, response=tuple[DeploymentView, ...]
)
def list_deployments(context: Context, _request: Everything) -> tuple[DeploymentView, ...]:
    """Every environment that was ever deployed to."""
    with context.database.read() as transaction:
        names = [found.environment for found in store.of_project(transaction, project=context.project)]
    return tuple(view_of(context, name) for name in names)


@operation(
    "deployments.history", "GET", "/deployments/{environment}/history", role=Role.VIEWER, request=EnvironmentName,
    response=tuple[DeploymentChange, ...],
)  # fmt: skip
def show_history(context: Context, request: EnvironmentName) -> tuple[DeploymentChange, ...]:
    """Which releases were live in an environment, oldest first."""
    with context.database.read() as transaction:
        return store.history(transaction, project=context.project, environment=request.environment)


def _roll_out(
    context: Context,
    release: Release,
    environment: str,
    settings: Environment,
    *,
    strategy: Strategy | None,
    why: str = "",
    way_back: bool = False,
) -> None:
    """Prepare a release and begin its rollout if it is admitted; nothing when the environment wants it already."""
    prepare_release(context, release, environment, target=settings.target)
    verdict = get_verdict(context, release.verdict)
    with context.database.write() as transaction:
        place = find_place(context, transaction, environment, settings)
        if not place.wants(release.digest):
            Admission(context, transaction, release, place, verdict=verdict).require()
            begin_rollout(context, transaction, release, place, strategy=strategy, why=why, way_back=way_back)


def _release(context: Context, name: str) -> Release:
    release = get_release(context, name)
    if release.project != context.project:
        raise WrongProject(release=release.name, project=context.project)
    return release


def _settings(context: Context, environment: str) -> Environment:
    return find_environment(load_project(context.workspace.project_file), environment)


def _is_going_back(place: Place, release: str) -> bool:
    """Whether people ask again, without a name, for the way back that has not arrived yet."""
    rollout = place.rollout
    return rollout is not None and rollout.spec.way_back and not is_settling(rollout) and release == ""


def _takes_the_candidate_back(place: Place, release: str) -> bool:
    """Whether going back means to take the rollout's candidate back: unless some other release is named, or the
    candidate is one that people went back to, so that its champion is what they left.
    """
    if place.rollout is None:
        return False
    spec = place.rollout.spec
    if release == "":
        return not spec.way_back
    return spec.champion is not None and release in (spec.champion.name, spec.champion.digest)


def _earlier(context: Context, place: Place, name: str) -> Release:
    """The release to go back to. Raises NothingDeployed, NothingBefore, NeverLived, ReleaseMissing."""
    if place.deployment is None:
        raise NothingDeployed(environment=place.name, project=context.project)
    if not name:
        previous = previous_of(place.history)
        if previous is None:
            raise NothingBefore(environment=place.name, release=place.deployment.release)
        return _release(context, previous.digest)
    release = _release(context, name)
    if not has_lived_there(release.digest, place.history):
        raise NeverLived(release=release.name, environment=place.name)
    return release
