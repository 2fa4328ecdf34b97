"""What a rollout in an environment will be, by the environment's settings, and whether it may begin. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from plimsoll.kernel.clock import from_text
from plimsoll.kernel.durations import parse_duration
from plimsoll.kernel.shares import parse_share
from plimsoll.project.entities import Environment
from plimsoll.project.entities import Rollout as Settings
from plimsoll.rollout.entities import DeploymentChange, Rollout
from plimsoll.rollout.errors import CannotBeRolledOut, NotBaked, RolloutUnderWay
from plimsoll.rollout.rollouts import (
    Enough,
    ErrorsTest,
    Harm,
    LatencyTest,
    Paused,
    ReleaseRef,
    RolloutSpec,
    Settling,
    Strategy,
    Unready,
)
from plimsoll.rollout.wording import duration


def spec_of(
    environment: Environment,
    *,
    champion: ReleaseRef | None,
    candidate: ReleaseRef,
    strategy: Strategy | None,
    way_back: bool = False,
) -> RolloutSpec:
    """The rollout that an environment's settings ask for; `strategy` in place of the environment's own.

    Raises CannotBeRolledOut: settings that fit the environment's strategy need not fit another one.
    """
    settings = environment.rollout
    chosen = strategy or Strategy(settings.strategy)
    spec = partial(
        RolloutSpec,
        champion=champion,
        candidate=candidate,
        strategy=chosen,
        stages=tuple(map(float, settings.stages)),
        shadow_pct=float(settings.shadow),
        stick_to=settings.stick_to or "",
        candidate_deadline_s=parse_duration(settings.candidate_deadline) if settings.candidate_deadline else None,
        hold_s=parse_duration(settings.hold),
        deadline_s=parse_duration(settings.stage_deadline),
        ready_s=parse_duration(settings.ready),
        warm_s=parse_duration(settings.warm),
        look_s=parse_duration(settings.look),
        harm=_harm(settings),
        enough=Enough(
            requests=settings.enough.requests, max_added_errors=parse_share(settings.enough.max_added_errors)
        ),
        on_inconclusive=settings.inconclusive,
        way_back=way_back,
    )
    try:
        return spec()
    except ValueError as error:
        raise CannotBeRolledOut(
            release=candidate.name, strategy=str(chosen), problem=f"it needs that {error}"
        ) from error


def has_lived_there(digest: str, history: Sequence[DeploymentChange]) -> bool:
    """Whether the environment was ever told to run this release: going back to it needs no fresh verdict."""
    return any(change.digest == digest for change in history)


def baked_s(digest: str, history: Sequence[DeploymentChange], now: datetime) -> float:
    """Seconds of the longest time without a break in which a release was live, by an environment's history."""
    if not history:
        return 0.0
    ends = [from_text(change.changed_at) for change in history[1:]] + [now]
    lived = [
        (end - from_text(change.changed_at)).total_seconds()
        for change, end in zip(history, ends, strict=True)
        if (change.digest, change.wanted) == (digest, "running")
    ]
    return max(lived, default=0.0)


def require_baked(
    candidate: ReleaseRef, *, environment: Environment, history: Sequence[DeploymentChange], now: datetime
) -> None:
    """Raises NotBaked unless the release was live for long enough in the environment that comes before.

    history: of that environment, oldest change first.
    """
    if environment.after is None:
        return
    wanted_s = parse_duration(environment.bake)
    lived = any((change.digest, change.wanted) == (candidate.digest, "running") for change in history)
    found_s = baked_s(candidate.digest, history, now)
    if not lived or found_s < wanted_s:
        raise NotBaked(
            release=candidate.name,
            before=environment.after,
            found=f"live for {duration(found_s)}" if lived else "never live",
            needed=f" for {duration(wanted_s)}" if wanted_s else "",
        )


def require_free(rollout: Rollout | None) -> None:
    """Raises RolloutUnderWay while another release is on its way; one that is live already makes room."""
    if rollout is not None and not is_settling(rollout):
        raise RolloutUnderWay(release=rollout.spec.candidate.name, environment=rollout.environment)


def is_settling(rollout: Rollout) -> bool:
    """Whether the candidate is live, and only the way back is still kept open."""
    state = rollout.latest.state
    was = state.was if isinstance(state, Unready | Paused) else state
    return isinstance(was, Settling)


def previous_of(history: Sequence[DeploymentChange]) -> DeploymentChange | None:
    """The release that was live before the present one; None when there was none.

    Who went back to a release did not want those after it: they are no way back any more.
    """
    way: list[DeploymentChange] = []
    for change in history:
        if change.wanted == "running":
            came = next((at for at, earlier in enumerate(way) if earlier.digest == change.digest), len(way))
            way = [*way[:came], change]
    return way[-2] if len(way) > 1 else None


def _harm(settings: Settings) -> Harm:
    harm = settings.harm
    return Harm(
        alpha=harm.alpha,
        errors=ErrorsTest(ratio=harm.errors.ratio) if harm.errors else None,
        latency=LatencyTest(ratio=harm.latency_p99.ratio) if harm.latency_p99 else None,
    )
