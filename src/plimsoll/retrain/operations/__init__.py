"""The only way to change retrainings: what people ask, what fires by itself, what the controller and workers write.

Whatever changes a retraining writes its record and its audit event in the same transaction. What the controller writes
stands on its lease besides, and what a worker writes on its having taken the retraining on.
"""

from __future__ import annotations

from plimsoll.retrain.operations.asking import cancel, create, follow, list_retrainings, show
from plimsoll.retrain.operations.firing import mark_of, note_look, note_reasons, record_firings, runs_begun, unfired
from plimsoll.retrain.operations.turning import course_of, open_retrainings, record_step, reread, surroundings
from plimsoll.retrain.operations.watching import list_triggers
from plimsoll.retrain.operations.work import claim, give_back, report

__all__ = [
    "cancel",
    "claim",
    "course_of",
    "create",
    "follow",
    "give_back",
    "list_retrainings",
    "list_triggers",
    "mark_of",
    "note_look",
    "note_reasons",
    "open_retrainings",
    "record_firings",
    "record_step",
    "report",
    "reread",
    "runs_begun",
    "show",
    "surroundings",
    "unfired",
]
