"""What can be asked of the controllers themselves: take a turn, and say what is still under way after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import Everything, operation
from plimsoll.governance.errors import NotApproved
from plimsoll.kernel.clock import to_text
from plimsoll.retrain.entities import Deploying, Judged, Released, Retraining, Running
from plimsoll.retrain.operations import open_retrainings
from plimsoll.rollout.operations.deployments import list_deployments
from plimsoll.rollout.requests import DeploymentView
from plimsoll.server.turns import Turns

ARRIVED = ("live", "stopped")
AWAITED = ("starting", "not ready")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """Something that goes on by itself, however little time passes."""

    kind: Literal["run", "rollout"]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unapproved:
    """A release that an environment does not admit until somebody approves it."""

    release: str
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """The controllers after a turn."""

    at: str
    """The moment that the turn saw, or an earlier one: by the workspace's clock, before the turn began."""
    under_way: tuple[UnderWay, ...]
    """Empty when all there is to do now is done."""
    unapproved: tuple[Unapproved, ...]
    """What a trigger made and people must say yes to."""
    problem: str
    """What the turn failed with; it is tried again."""


@operation("controllers.turn", "POST", "/controllers/turn", role=Role.OPERATOR, request=Everything, response=Turned)
def turn(context: Context, _request: Everything) -> Turned:
    """Let every controller take a turn now; returns when it has ended, with what is still under way."""
    at = to_text(context.clock.now())
    turns: Turns = context.plugin("controllers", "turns")
    problem = turns.turn_now()
    retrainings = open_retrainings(context)
    under_way = (*_retraining(retrainings), *_rolling_out(list_deployments(context, Everything())))
    return Turned(at=at, under_way=under_way, unapproved=tuple(_unapproved(retrainings)), problem=problem)


def _retraining(retrainings: tuple[Retraining, ...]) -> Iterator[UnderWay]:
    """Retrainings that a process works on, or that the next turn goes on with. One that waits is none."""
    for retraining in retrainings:
        sentence = f"{retraining.environment}: {retraining.sentence}"
        match retraining.state:
            case Running() | Judged():
                yield UnderWay(kind="run", sentence=sentence)
            case Released() | Deploying(waiting_for=""):
                yield UnderWay(kind="rollout", sentence=sentence)


def _unapproved(retrainings: tuple[Retraining, ...]) -> Iterator[Unapproved]:
    for retraining in retrainings:
        match retraining.state:
            case Deploying(waiting_for=waiting) as state if waiting.startswith(f"{NotApproved.code}:"):
                yield Unapproved(release=state.release, environment=state.environment)


def _rolling_out(views: tuple[DeploymentView, ...]) -> Iterator[UnderWay]:
    """Deployments whose processes are not yet what they shall be. A stage that needs time or requests is none."""
    for view in views:
        rollout = view.rollout
        if rollout is not None and not rollout.ended_at and (rollout.standing in AWAITED or rollout.orders):
            yield UnderWay(kind="rollout", sentence=f"{view.environment}: {rollout.sentence}")
        elif view.state not in ARRIVED:
            yield UnderWay(kind="rollout", sentence=f"{view.environment}: {view.problem or view.state}")
