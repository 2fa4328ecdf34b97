"""The only way to run a pipeline and to read runs: plan, execute, record as it happens, pick up what was interrupted.

`release` exposes these to people; everything here is called with a context and takes part in no other transaction.
"""

from __future__ import annotations

from plimsoll.pipeline.operations.asking import (
    LOG_END,
    attach_verdict,
    cancel_run,
    data_of_runs,
    get_run,
    ingredients_of,
    latest_run,
    list_runs,
    log_end,
    log_pieces,
)
from plimsoll.pipeline.operations.running import Origin, execute, plan

__all__ = [
    "LOG_END",
    "Origin",
    "attach_verdict",
    "cancel_run",
    "data_of_runs",
    "execute",
    "get_run",
    "ingredients_of",
    "latest_run",
    "list_runs",
    "log_end",
    "log_pieces",
    "plan",
]
