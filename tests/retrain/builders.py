"""Firings and retrainings with good defaults."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from plimsoll.kernel.clock import to_text
from plimsoll.retrain.entities import Firing, Retraining, State, Trigger, Waiting
from plimsoll.retrain.seen import Seen

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def a_firing(number: int = 1, **fields: Any) -> Firing:
    given: dict[str, Any] = {
        "id": f"firing-{number}",
        "trigger": Trigger.DRIFT,
        "key": f"alert-{number}",
        "because": f"amount drifted ({number})",
        "evidence": {"alert": f"alert-{number}"},
        "fired_at": to_text(START),
    }
    return Firing(**{**given, **fields})


def by_hand(number: int = 1, **fields: Any) -> Firing:
    given = {
        "trigger": Trigger.HAND,
        "key": f"hand-{number}",
        "because": "ann asked",
        "asked_by": "ann",
        "evidence": {},
    }
    return a_firing(number, **{**given, **fields})


def a_retraining(*firings: Firing, state: State | None = None, **fields: Any) -> Retraining:
    given: dict[str, Any] = {
        "id": "retraining-1",
        "project": "fraud",
        "environment": "production",
        "ref": "",
        "state": state or Waiting(what="its turn"),
        "sentence": "",
        "firings": firings or (a_firing(),),
        "created_at": to_text(START),
    }
    return Retraining(**{**given, **fields})


def seen(**fields: Any) -> Seen:
    """A world in which nothing is in the way of a run."""
    return Seen(**{"live": "fraud@1", "new_run": "run-1", **fields})
