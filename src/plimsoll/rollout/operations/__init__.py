"""The only way to change what environments run: deploy, roll back, order, stop and show, and what the controller writes.

Whatever changes an environment writes its decision, its audit event and what the target must be told in one
transaction. What the controller writes stands on its lease besides.
"""

from __future__ import annotations

from plimsoll.rollout.operations.asking import live_digest, refusal_of, rollout_in_the_way, rollout_of
from plimsoll.rollout.operations.champions import LedgerChampions
from plimsoll.rollout.operations.deployments import deploy, list_deployments, rollback, show, show_history, stop
from plimsoll.rollout.operations.looks import (
    Look,
    desired_state,
    latest_effects,
    mark_performed,
    next_look,
    note_outcome,
    overtake,
    record_decision,
    wanted_deployments,
)
from plimsoll.rollout.operations.plans import plan
from plimsoll.rollout.operations.rollouts import list_rollouts, order, report, show_rollout
from plimsoll.rollout.operations.showing import target_of

__all__ = [
    "LedgerChampions",
    "Look",
    "deploy",
    "desired_state",
    "latest_effects",
    "list_deployments",
    "list_rollouts",
    "live_digest",
    "mark_performed",
    "next_look",
    "note_outcome",
    "order",
    "overtake",
    "plan",
    "record_decision",
    "refusal_of",
    "report",
    "rollback",
    "rollout_in_the_way",
    "rollout_of",
    "show",
    "show_history",
    "show_rollout",
    "stop",
    "target_of",
    "wanted_deployments",
]
