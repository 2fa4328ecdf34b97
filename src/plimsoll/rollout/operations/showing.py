"""A deployment as people see it: what is wanted by the ledger, beside what its target observes."""

from __future__ import annotations

from plimsoll.edge.context import Context
from plimsoll.kernel.errors import PlimsollError
from plimsoll.rollout import store
from plimsoll.rollout.entities import Deployment, Observed
from plimsoll.rollout.errors import NothingDeployed
from plimsoll.rollout.observing import state_of
from plimsoll.rollout.operations.place import require_known
from plimsoll.rollout.ports import Target
from plimsoll.rollout.requests import DeploymentView
from plimsoll.rollout.views import brief


def view_of(context: Context, environment: str) -> DeploymentView:
    """What an environment shall run and what its target observes. Raises NothingDeployed, UnknownEnvironment."""
    with context.database.read() as transaction:
        place = {"project": context.project, "environment": environment}
        deployment = store.find(transaction, **place)
        latest = next(iter(store.rollouts(transaction, **place, most=1)), None)
        orders = len(store.open_orders(transaction, latest.id)) if latest else 0
    if deployment is None:
        require_known(context, environment)
        raise NothingDeployed(environment=environment, project=context.project)
    observed, problem = _observe(context, deployment)
    port = (observed.port if observed else 0) or deployment.port
    return DeploymentView(
        project=deployment.project,
        environment=deployment.environment,
        target=deployment.target,
        release=deployment.release,
        digest=deployment.digest,
        state=state_of(deployment, observed),
        address=f"http://{deployment.host}:{port}" if port else "",
        problem=deployment.problem or problem,
        changed_by=deployment.changed_by,
        changed_at=deployment.changed_at,
        processes=observed.processes if observed else (),
        rollout=brief(latest, orders=orders) if latest else None,
    )


def target_of(context: Context, deployment: Deployment) -> Target:
    """What carries the deployment."""
    target: Target = context.plugin("target", deployment.target)
    return target


def _observe(context: Context, deployment: Deployment) -> tuple[Observed | None, str]:
    """What the target sees, and what keeps it from seeing or doing more."""
    try:
        observed = target_of(context, deployment).observe(deployment.environment)
    except PlimsollError as error:
        return None, f"{error.code}: {error}"
    return observed, observed.problem if observed else ""
