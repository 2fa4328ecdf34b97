"""When a rollout is looked at, from when its candidate's time counts, and which looks belong into its record. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from plimsoll.rollout.decisions import Decision
from plimsoll.rollout.entities import Rollout
from plimsoll.rollout.rollouts import Order, Starting, Unready


def as_first_seen(rollout: Rollout, now: datetime) -> Rollout:
    """The rollout as a look finds it. Until the first look nobody has told the target anything, so the candidate's
    time to become ready begins with that look, however long ago the rollout was decided.
    """
    state = rollout.latest.state
    if rollout.version > 1 or not isinstance(state, Starting):
        return rollout
    return replace(rollout, latest=replace(rollout.latest, state=replace(state, since=now)))


def is_due(latest: Decision, now: datetime, *, order: Order | None) -> bool:
    """Whether it is time for another look: somebody ordered something, the candidate is awaited, or the moment has come.

    A moment before the last look means that a clock was set back.
    """
    awaited = isinstance(latest.state, Starting | Unready)
    return order is not None or awaited or latest.wake_at is None or not latest.at <= now < latest.wake_at


def worth_writing(before: Decision, decision: Decision) -> bool:
    """Whether a look is written: it found something new, or its time had come, so that the next one is due later."""
    is_new = (decision.state, decision.because) != (before.state, before.because)
    return is_new or before.wake_at is None or decision.at >= before.wake_at


def worth_recording(last: Decision, latest: Decision, *, begun: datetime) -> bool:
    """Whether a look that changed nothing belongs into the record: the evidence moved and time has passed.

    Looks become rarer as a rollout lasts, so that hours of them stay a few hundred lines.
    """
    if latest.because.rule is not last.because.rule:
        return True
    rest_s = max(1.0, (latest.at - begun).total_seconds() / 100)
    moved = latest.because.evidence != last.because.evidence
    return moved and (latest.at - last.at).total_seconds() >= rest_s
