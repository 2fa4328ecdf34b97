"""May this run be released? A pure rule over the run and its verdict; the first refusal that applies is raised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from plimsoll.gates.entities import Finding, Verdict
from plimsoll.pipeline.entities import Run, RunState
from plimsoll.release.errors import (
    DirtyTree,
    NothingToRelease,
    NoVerdict,
    RunNotDone,
    VerdictFailed,
    VerdictInconclusive,
    VerdictStale,
)


def require_releasable(
    run: Run, verdict: Verdict | None, *, champions: Mapping[str, str | None], allow_dirty: bool
) -> None:
    """Raise the refusal that applies, or return.

    champions: environment -> digest of its live release now, None when nothing is live.
    """
    if run.state is not RunState.DONE:
        raise RunNotDone(run=run.id, state=str(run.state))
    if run.scorer is None:
        raise NothingToRelease(run=run.id, project=run.project)
    if not allow_dirty and (run.dirty or not run.commit):
        raise DirtyTree(
            run=run.id, files=", ".join(run.dirty) or "all of them, since there is no git repository with a commit"
        )
    if verdict is None or not verdict.checks:
        raise NoVerdict(run=run.id)
    require_passed(run.id, verdict)
    require_fresh(run.id, verdict, champions=champions)


def require_passed(run: str, verdict: Verdict) -> None:
    """Raises VerdictFailed or VerdictInconclusive, naming the first check that decided."""
    match verdict.finding:
        case Finding.PASS:
            return
        case Finding.FAIL:
            raise VerdictFailed(run=run, because=_first(verdict, Finding.FAIL))
        case Finding.INCONCLUSIVE:
            raise VerdictInconclusive(run=run, because=_first(verdict, Finding.INCONCLUSIVE))
        case _:
            assert_never(verdict.finding)


def require_fresh(subject: str, verdict: Verdict, *, champions: Mapping[str, str | None]) -> None:
    """Raises VerdictStale when a champion that the verdict compares with is no longer the champion."""
    for judged in verdict.champions:
        live = champions.get(judged.environment)
        if live != judged.digest:
            raise VerdictStale(
                subject=subject,
                judged=judged.release or f"the baseline ({judged.baseline})",
                environment=judged.environment,
                live=f"release {live[:12]}" if live else "nothing",
            )


def _first(verdict: Verdict, finding: Finding) -> str:
    deciding = [check for check in verdict.checks if check.finding is finding and check.blocking]
    if not deciding:
        return "no check decided."
    place = f" in slice {deciding[0].slice}" if deciding[0].slice else ""
    more = f" (and {len(deciding) - 1} more)" if len(deciding) > 1 else ""
    return f"{deciding[0].rule}{place}: {deciding[0].because}{more}"
