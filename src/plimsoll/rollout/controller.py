"""Observe, decide, act: makes every environment what it shall be. Called by the loop; each turn stands alone."""

from __future__ import annotations

from plimsoll.edge.context import Context
from plimsoll.kernel.errors import PlimsollError
from plimsoll.rollout.decide import differs
from plimsoll.rollout.entities import Deployment
from plimsoll.rollout.operations import desired_state, note_outcome, target_of, wanted_deployments


def reconcile(context: Context) -> None:
    """One turn over all environments. A target that fails is noted in its deployment and tried again next turn."""
    for deployment in wanted_deployments(context):
        observed = target_of(context, deployment).observe(deployment.environment)
        if differs(deployment, observed):
            _make_so(context, deployment)


def _make_so(context: Context, deployment: Deployment) -> None:
    target = target_of(context, deployment)
    try:
        if deployment.wanted == "stopped":
            target.stop(deployment.environment)
            port = deployment.port
        else:
            port = target.apply(desired_state(context, deployment)).port
    except PlimsollError as error:
        note_outcome(context, deployment, port=deployment.port, problem=f"{error.code}: {error}")
    else:
        note_outcome(context, deployment, port=port, problem="")
