"""Where a rollout stands, in a word or two: one word for data, and what people read for it in a report."""

from __future__ import annotations

from typing import Literal, assert_never

from plimsoll.rollout.rollouts import (
    Held,
    Paused,
    Promoted,
    RolledBack,
    RolloutState,
    Settling,
    Stage,
    Starting,
    Unready,
)

Standing = Literal["starting", "stage", "settling", "not ready", "held", "paused", "promoted", "rolled back"]

_FOR_PEOPLE: dict[Standing, str] = {
    "starting": "under way",
    "stage": "under way",
    "not ready": "under way",
    "settling": "live, previous release warm",
    "held": "held, waiting for a person",
}


def standing(state: RolloutState) -> Standing:
    """Where a rollout stands, in a word or two."""
    match state:
        case Starting():
            return "starting"
        case Stage():
            return "stage"
        case Settling():
            return "settling"
        case Unready():
            return "not ready"
        case Held():
            return "held"
        case Paused():
            return "paused"
        case Promoted():
            return "promoted"
        case RolledBack():
            return "rolled back"
        case _:
            assert_never(state)


def standing_told(state: RolloutState) -> str:
    """Where a rollout stands, as a report's title tells it."""
    word = standing(state)
    return _FOR_PEOPLE.get(word, word)
