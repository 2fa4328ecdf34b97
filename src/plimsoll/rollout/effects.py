"""What each state of a rollout means for the world: which releases run, which one is live, how traffic is split.

Every state names all of it in absolute terms, so effects may be performed twice, late, or again from the beginning
after a crash half way through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from plimsoll.rollout.rollouts import (
    Arrangement,
    Effect,
    Held,
    MakeLive,
    Paused,
    Promoted,
    ReleaseRef,
    RolledBack,
    RolloutSpec,
    RolloutState,
    Settling,
    SetTraffic,
    Share,
    Stage,
    Start,
    Starting,
    Stop,
    Unready,
)

_ALL_TO_THE_LIVE_RELEASE = SetTraffic(stage=None, candidate_pct=0.0, shadow_pct=0.0)


def effects_of(spec: RolloutSpec, state: RolloutState) -> tuple[Effect, ...]:
    """All effects of the state, in the order in which they are safe: a release runs before it is given a request,
    and stops after it was given the last one.
    """
    match state:
        case Starting():
            return _beside(spec, _ALL_TO_THE_LIVE_RELEASE)
        case Stage(index=index):
            return _beside(spec, _split(index, spec.shares[index]))
        case Unready(was=was) | Held(was=was) | Paused(was=was):
            return effects_of(spec, was)
        case Settling():
            previous = () if spec.champion is None else (Start(digest=spec.champion.digest),)
            return (*_live(spec.candidate.digest), *previous)
        case Promoted():
            previous_stopped = () if spec.champion is None else (Stop(digest=spec.champion.digest),)
            return (*_live(spec.candidate.digest), *previous_stopped)
        case RolledBack():
            champion = (_ALL_TO_THE_LIVE_RELEASE,) if spec.champion is None else _live(spec.champion.digest)
            return (*champion, Stop(digest=spec.candidate.digest))
        case _:
            assert_never(state)


def _beside(spec: RolloutSpec, traffic: SetTraffic) -> tuple[Effect, ...]:
    digest = None if spec.champion is None else spec.champion.digest
    champion = () if digest is None else (Start(digest=digest), MakeLive(digest=digest))
    return (*champion, Start(digest=spec.candidate.digest), traffic)


def _live(digest: str) -> tuple[Effect, ...]:
    return (Start(digest=digest), MakeLive(digest=digest), _ALL_TO_THE_LIVE_RELEASE)


def _split(stage: int, share: Share) -> SetTraffic:
    return SetTraffic(
        stage=stage, candidate_pct=share.candidate_pct, shadow_pct=share.shadow_pct, drawn_pct=share.drawn_pct
    )


def arrangement_of(spec: RolloutSpec, effects: Sequence[Effect]) -> Arrangement:
    """All effects of a state as the one absolute thing that a target is told."""
    names = {ref.digest: ref.name for ref in (spec.champion, spec.candidate) if ref is not None}
    live, traffic, running = None, None, []
    for effect in effects:
        match effect:
            case Start(digest=digest):
                running.append(ReleaseRef(name=names[digest], digest=digest))
            case MakeLive(digest=digest):
                live = digest
            case SetTraffic():
                traffic = effect if effect.stage is not None else None
            case Stop():
                pass  # what is not started is not wanted
            case _:
                assert_never(effect)
    return Arrangement(live=live, releases=tuple(running), traffic=traffic)
