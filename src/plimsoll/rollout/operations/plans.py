"""What deploying a release would do, without doing it: effects, refusals, and a forecast from recent traffic."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from plimsoll.capture.reader import read_since
from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.gates.operations import get_verdict
from plimsoll.project.environments import find_environment
from plimsoll.project.load import load_project
from plimsoll.release.operations.releases import get_release
from plimsoll.rollout.operations.place import Admission, find_place
from plimsoll.rollout.planning import steps_of
from plimsoll.rollout.requests import DeployRequest, Plan
from plimsoll.rollout.rollouts import ReleaseRef, RolloutSpec, Strategy

RECENT_S = 600.0
MOST_RECENT = 20_000
SEED = 0
"""The same traffic gives the same forecast."""


@operation("deployments.plan", "POST", "/deployments/plan", role=Role.VIEWER, request=DeployRequest, response=Plan)
def plan(context: Context, request: DeployRequest) -> Plan:
    """Say what deploying a release would do, whether it would be refused, and how long its stages would need."""
    release = get_release(context, request.release)
    settings = find_environment(load_project(context.workspace.project_file), request.environment)
    verdict = get_verdict(context, release.verdict)
    with context.database.read() as transaction:
        place = find_place(context, transaction, request.environment, settings)
        refusals = Admission(context, transaction, release, place, verdict=verdict).refusals()
    if place.champion is not None and place.champion.digest == release.digest:
        return _nothing_to_do(request, release.name, settings.rollout.strategy)
    spec = place.spec(ReleaseRef(name=release.name, digest=release.digest), strategy=request.strategy)
    return Plan(
        release=release.name,
        environment=request.environment,
        champion=spec.champion.name if spec.champion else "",
        strategy=spec.strategy,
        refusals=refusals,
        steps=steps_of(spec),
        forecast=_forecast(spec, context.workspace.capture(request.environment), context.clock.now()),
    )


def _nothing_to_do(request: DeployRequest, name: str, strategy: str) -> Plan:
    return Plan(
        release=name,
        environment=request.environment,
        champion=name,
        strategy=request.strategy or Strategy(strategy),
        refusals=(),
        steps=(f"{name} is live in {request.environment} already; nothing would be done.",),
        forecast="",
    )


def _forecast(spec: RolloutSpec, capture: Path, now: datetime) -> str:
    """What to expect of each stage, as text; empty when there is none."""
    if not spec.shares:
        return ""
    import numpy as np

    from plimsoll.rollout.forecast import forecast, recent_traffic
    from plimsoll.rollout.forecast_text import forecast_text

    lately = read_since(capture, now - timedelta(seconds=RECENT_S), most=MOST_RECENT)
    recent = recent_traffic(lately, now, within_s=RECENT_S)
    return forecast_text(forecast(spec, recent, draw=np.random.default_rng(SEED), stick_to=spec.stick_to))
