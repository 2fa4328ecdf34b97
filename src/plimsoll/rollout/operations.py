"""Deploy, stop and show: writes what an environment shall run; the controller makes it so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from plimsoll.artifacts.folder import FolderStore
from plimsoll.bundle.layout import verify_bundle
from plimsoll.bundle.runtime import lock_differences, lock_text
from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import Everything, operation
from plimsoll.gates.operations import get_verdict
from plimsoll.gates.ports import LiveRelease
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record, require_approvals
from plimsoll.kernel.clock import to_text
from plimsoll.kernel.extras import require
from plimsoll.kernel.ids import new_id
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database, Transaction
from plimsoll.project.environments import find_environment
from plimsoll.project.load import load_project
from plimsoll.release.decide import require_fresh, require_passed
from plimsoll.release.entities import Release
from plimsoll.release.operations import find_release, get_release
from plimsoll.rollout import store
from plimsoll.rollout.decide import has_lived_there, state_of
from plimsoll.rollout.entities import Deployment, DeploymentChange, DeploymentView, Desired, DesiredRelease
from plimsoll.rollout.errors import NothingDeployed, RuntimeDiffers, WrongProject
from plimsoll.rollout.ports import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """A release to make live in an environment."""

    release: str
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentName:
    """One environment of the project."""

    environment: str


@operation(
    "deployments.create", "POST", "/deployments", role=Role.OPERATOR, request=DeployRequest, response=DeploymentView
)
def deploy(context: Context, request: DeployRequest) -> DeploymentView:
    """Tell an environment to run a release, if its policy allows; returns at once, the controller does the rest."""
    release = get_release(context, request.release)
    if release.project != context.project:
        raise WrongProject(release=release.name, project=context.project)
    project = load_project(context.workspace.project_file)
    environment = find_environment(project, request.environment)
    unpack_release(context.workspace, release, request.environment)
    _require_same_runtime(context, release)
    verdict = get_verdict(context, release.verdict)
    with context.database.write() as transaction:
        current = store.find(transaction, project=release.project, environment=request.environment)
        history = store.history(transaction, project=release.project, environment=request.environment)
        if not has_lived_there(release.digest, history):
            # In this transaction, or two deployments at once would both be fresh against the same champion.
            require_passed(release.run, verdict)
            require_fresh(release.name, verdict, champions=_champions(transaction, project=release.project))
        require_approvals(
            transaction,
            project=release.project,
            release=release.name,
            digest=release.digest,
            environment=request.environment,
            authors=release.authors,
            rules=environment.approvals,
        )
        deployment = Deployment(
            project=release.project,
            environment=request.environment,
            target=environment.target,
            release=release.name,
            digest=release.digest,
            host=environment.host,
            port=environment.port or (current.port if current else 0),
            wanted="running",
            problem="",
            changed_by=context.caller.name,
            changed_at=to_text(context.clock.now()),
        )
        if current is None or (current.digest, current.wanted) != (release.digest, "running"):
            _save(context, transaction, deployment)
    return _view(context, deployment)


@operation(
    "deployments.stop", "POST", "/deployments/{environment}/stop", role=Role.OPERATOR, request=EnvironmentName,
    response=DeploymentView,
)  # fmt: skip
def stop(context: Context, request: EnvironmentName) -> DeploymentView:
    """Tell an environment to run nothing; its door and workers end, its history stays."""
    with context.database.write() as transaction:
        current = _find(context, transaction, request.environment)
        stopped = replace(
            current,
            wanted="stopped",
            problem="",
            changed_by=context.caller.name,
            changed_at=to_text(context.clock.now()),
        )
        if current.wanted != "stopped":
            _save(context, transaction, stopped)
    return _view(context, stopped)


@operation(
    "deployments.show", "GET", "/deployments/{environment}", role=Role.VIEWER, request=EnvironmentName,
    response=DeploymentView,
)  # fmt: skip
def show(context: Context, request: EnvironmentName) -> DeploymentView:
    """What an environment shall run and what its target observes."""
    with context.database.read() as transaction:
        deployment = _find(context, transaction, request.environment)
    return _view(context, deployment)


@operation(
    "deployments.list", "GET", "/deployments", role=Role.VIEWER, request=Everything, response=tuple[DeploymentView, ...]
)
def list_deployments(context: Context, _request: Everything) -> tuple[DeploymentView, ...]:
    """Every environment that was ever deployed to."""
    return tuple(_view(context, deployment) for deployment in wanted_deployments(context))


@operation(
    "deployments.history", "GET", "/deployments/{environment}/history", role=Role.VIEWER, request=EnvironmentName,
    response=tuple[DeploymentChange, ...],
)  # fmt: skip
def show_history(context: Context, request: EnvironmentName) -> tuple[DeploymentChange, ...]:
    """What an environment was told to run, oldest first."""
    with context.database.read() as transaction:
        return store.history(transaction, project=context.project, environment=request.environment)


def wanted_deployments(context: Context) -> tuple[Deployment, ...]:
    """What every environment of the project shall run."""
    with context.database.read() as transaction:
        return store.of_project(transaction, project=context.project)


def desired_state(context: Context, deployment: Deployment) -> Desired:
    """The deployment as its target wants it: absolute, with the bundle unpacked."""
    release = get_release(context, deployment.digest)
    bundle = unpack_release(context.workspace, release, deployment.environment)
    return Desired(
        project=deployment.project,
        environment=deployment.environment,
        host=deployment.host,
        port=deployment.port,
        live=DesiredRelease(name=release.name, digest=release.digest, bundle=bundle),
    )


def note_outcome(context: Context, deployment: Deployment, *, port: int, problem: str) -> None:
    """Write down how an attempt to make it so went, unless something else is wanted by now."""
    if (port, problem) == (deployment.port, deployment.problem):
        return
    with context.database.write() as transaction:
        store.note_outcome(
            transaction,
            project=deployment.project,
            environment=deployment.environment,
            digest=deployment.digest,
            port=port,
            problem=problem,
        )


def target_of(context: Context, deployment: Deployment) -> Target:
    """What carries the deployment."""
    target: Target = context.plugin("target", deployment.target)
    return target


class LedgerChampions:
    """The champions as the ledger knows them; implements gates.ports.Champions."""

    def __init__(self, workspace: Workspace, database: Database) -> None:
        self._workspace = workspace
        self._database = database

    def champion(self, *, project: str, environment: str) -> LiveRelease | None:
        """The live release of an environment, unpacked; None when nothing was ever deployed there."""
        with self._database.read() as transaction:
            found = store.find(transaction, project=project, environment=environment)
        if found is None:
            return None
        release = find_release(self._database, found.digest)
        folder = unpack_release(self._workspace, release, environment)
        return LiveRelease(name=release.name, digest=release.digest, scorer=folder / "scorer")

    def live(self, *, project: str) -> Mapping[str, str | None]:
        """Environment -> digest of its live release."""
        with self._database.read() as transaction:
            return _champions(transaction, project=project)


def unpack_release(workspace: Workspace, release: Release, environment: str) -> Path:
    """The release's bundle as a folder below its environment, verified. Raises bundle.tampered."""
    folder = workspace.environment(environment) / "releases" / release.digest
    FolderStore(workspace.artifacts).unpack(release.tree, folder)
    verify_bundle(folder, workspace.keys)
    return folder


def _champions(transaction: Transaction, *, project: str) -> dict[str, str | None]:
    """Environment -> digest of its live release."""
    return {item.environment: item.digest for item in store.of_project(transaction, project=project)}


def _require_same_runtime(context: Context, release: Release) -> None:
    if release.compiled:
        require("onnxruntime")
    differences = lock_differences(context.artifacts.read_bytes(release.lock_digest).decode(), lock_text())
    if differences:
        raise RuntimeDiffers(release=release.name, differences=differences)


def _save(context: Context, transaction: Transaction, deployment: Deployment) -> None:
    change = DeploymentChange(
        id=new_id("change", at=context.clock.now()),
        project=deployment.project,
        environment=deployment.environment,
        release=deployment.release,
        digest=deployment.digest,
        wanted=deployment.wanted,
        changed_by=deployment.changed_by,
        changed_at=deployment.changed_at,
    )
    store.save(transaction, deployment, change)
    detail = {"environment": deployment.environment, "digest": deployment.digest, "wanted": deployment.wanted}
    record(context, transaction, action=Action.DEPLOYMENT_CHANGED, subject=deployment.release, detail=detail)


def _find(context: Context, transaction: Transaction, environment: str) -> Deployment:
    found = store.find(transaction, project=context.project, environment=environment)
    if found is None:
        raise NothingDeployed(environment=environment, project=context.project)
    return found


def _view(context: Context, deployment: Deployment) -> DeploymentView:
    observed = target_of(context, deployment).observe(deployment.environment)
    port = observed.port if observed else deployment.port
    return DeploymentView(
        project=deployment.project,
        environment=deployment.environment,
        target=deployment.target,
        release=deployment.release,
        digest=deployment.digest,
        state=state_of(deployment, observed),
        address=f"http://{deployment.host}:{port}" if port else "",
        problem=deployment.problem or (observed.problem if observed else ""),
        changed_by=deployment.changed_by,
        changed_at=deployment.changed_at,
        processes=observed.processes if observed else (),
    )
