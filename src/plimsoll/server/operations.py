"""What can be asked of the controllers themselves: take a turn, and say what is still under way after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import Everything, operation
from plimsoll.kernel.clock import to_text
from plimsoll.retrain.entities import Deploying, Waiting
from plimsoll.retrain.operations import open_retrainings
from plimsoll.rollout.operations.deployments import list_deployments
from plimsoll.rollout.requests import DeploymentView
from plimsoll.server.turns import Turns

ARRIVED = ("live", "stopped")
AWAITED = ("starting", "not ready")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """The controllers after a turn."""

    at: str
    """The moment that the turn saw, or an earlier one: by the workspace's clock, before the turn began."""
    under_way: tuple[str, ...]
    """What goes on by itself however little time passes, in words; empty when all there is to do now is done."""
    problem: str
    """What the turn failed with; it is tried again."""


@operation("controllers.turn", "POST", "/controllers/turn", role=Role.OPERATOR, request=Everything, response=Turned)
def turn(context: Context, _request: Everything) -> Turned:
    """Let every controller take a turn now; returns when it has ended, with what is still under way."""
    at = to_text(context.clock.now())
    turns: Turns = context.plugin("controllers", "turns")
    problem = turns.turn_now()
    under_way = (*_retraining(context), *_rolling_out(list_deployments(context, Everything())))
    return Turned(at=at, under_way=under_way, problem=problem)


def _retraining(context: Context) -> Iterator[str]:
    """Retrainings that a process works on, or that the next turn goes on with. One that waits is none."""
    for retraining in open_retrainings(context):
        match retraining.state:
            case Waiting():
                continue
            case Deploying(waiting_for=waiting) if waiting:
                continue
            case _:
                yield f"{retraining.environment}: {retraining.sentence}"


def _rolling_out(views: tuple[DeploymentView, ...]) -> Iterator[str]:
    """Deployments whose processes are not yet what they shall be. A stage that needs time or requests is none."""
    for view in views:
        rollout = view.rollout
        if rollout is not None and not rollout.ended_at and (rollout.standing in AWAITED or rollout.orders):
            yield f"{view.environment}: {rollout.sentence}"
        elif view.state not in ARRIVED:
            yield f"{view.environment}: {view.problem or view.state}"
