"""Which runs' bytes are kept, and why. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from plimsoll.storage.entities import Reason, RunFacts


def kept_runs(
    runs: Sequence[RunFacts], *, released: Collection[str], keep_latest: int, young_since: str
) -> dict[str, Reason]:
    """Run -> why it is kept. released: runs of which a release was made. young_since: a moment as the ledger has it."""
    latest: dict[str, list[str]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.started_at, run.id), reverse=True):
        latest[run.project].append(run.id)
    reasons = {}
    for run in runs:
        if run.id in released:
            reasons[run.id] = Reason.RELEASED
        elif run.running:
            reasons[run.id] = Reason.RUNNING
        elif run.id in latest[run.project][:keep_latest]:
            reasons[run.id] = Reason.LATEST
        elif run.started_at >= young_since:
            reasons[run.id] = Reason.YOUNG
    return reasons
