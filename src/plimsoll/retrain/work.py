"""Carries a retraining out, from its run to its release: what takes long, in a process that may end at any moment.

Each part's end is reported before the next one begins, so whoever comes after goes on from there.
"""

from __future__ import annotations

from contextlib import suppress
from typing import assert_never

from plimsoll.artifacts.sweeping import at_work
from plimsoll.data.operations import resolve
from plimsoll.edge.context import Context, Progress
from plimsoll.gates.entities import Finding, Verdict
from plimsoll.gates.operations import judge
from plimsoll.gates.ports import Champions
from plimsoll.kernel.errors import PlimsollError
from plimsoll.ledger.engine import LedgerUnavailable
from plimsoll.pipeline.entities import Run, RunState
from plimsoll.pipeline.operations import Origin, attach_verdict, execute
from plimsoll.release.decide import require_passed
from plimsoll.release.errors import NoVerdict, VerdictStale
from plimsoll.release.operations.releases import freeze
from plimsoll.release.requests import ReleaseRequest
from plimsoll.retrain import wording
from plimsoll.retrain.decide import judge_again
from plimsoll.retrain.entities import Done, Failed, Judged, Refused, Released, Retraining, Running
from plimsoll.retrain.grounds import Ground, ground_of, known_run
from plimsoll.retrain.operations import claim, give_back, report
from plimsoll.retrain.seen import Step


class OwnHands:
    """Carries out what takes long in this very process, in front of whoever waits for it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def see_to(self, retraining: Retraining) -> bool:
        """Work on it until it is released or ended."""
        assert isinstance(retraining.state, Running | Judged), "there is work to do"
        carry_out(self._context, retraining.id, attempt=retraining.state.attempt)
        return True

    def let_go(self, working: frozenset[str]) -> None:
        """Nothing is under way when this is called."""


def carry_out(context: Context, retraining: str, *, attempt: int) -> bool:
    """Take a retraining on and work until it is released, will never be, or is to be taken on anew; False when it was
    not to be had.

    What goes wrong with the project ends the retraining; what goes wrong with the ledger is raised.
    """
    mine = claim(context, retraining, attempt=attempt)
    if mine is None:
        return False
    try:
        with at_work(context.artifacts):
            while mine is not None and mine.worker and isinstance(mine.state, Running | Judged):
                mine = report(context, mine, _work(context, mine))
    except BaseException:
        with suppress(PlimsollError):
            if mine is not None:
                give_back(context, mine)
        raise
    return True


def _work(context: Context, mine: Retraining) -> Step:
    try:
        match mine.state:
            case Running():
                return _run_and_judge(context, mine, mine.state)
            case Judged():
                return _release(context, mine, mine.state)
            case _:
                message = f"{mine.id} is not to be worked on"
                raise AssertionError(message)
    except LedgerUnavailable:
        raise
    except PlimsollError as error:
        told = f"{error.code}: {error}"
        return Step(state=Failed(because=told), sentence=told)


def _run_and_judge(context: Context, mine: Retraining, state: Running) -> Step:
    ground = ground_of(context, mine)
    run = known_run(context, state.run) or _begin(context, ground, mine, state)
    if run.state is not RunState.DONE:
        return Step(state=Failed(because=run.error), sentence=run.error)
    twin = ground.known.get(run.scorer or "")
    if twin is not None:
        return Step(state=Done(release=""), sentence=wording.unchanged(run.id, release=twin))
    context.progress(Progress(task="gates", message="judging the candidate"))
    verdict = judge(ground.context, ground.project, run, champions=_champions(context))
    attach_verdict(context, run.id, verdict.id)
    return _after_the_verdict(run, verdict, state)


def _after_the_verdict(run: Run, verdict: Verdict, state: Running) -> Step:
    match verdict.finding:
        case Finding.PASS:
            judged = Judged(run=run.id, verdict=verdict.id, attempt=state.attempt, since=state.since)
            return Step(state=judged, sentence=wording.passed(run.id, checks=len(verdict.checks)))
        case Finding.FAIL | Finding.INCONCLUSIVE:
            told = _refusal(run, verdict)
            return Step(state=Refused(because=told, finding=str(verdict.finding)), sentence=told)
        case _:
            assert_never(verdict.finding)


def _refusal(run: Run, verdict: Verdict) -> str:
    """The verdict and what decided it, in the words of the release's refusal."""
    try:
        require_passed(run.id, verdict)
    except PlimsollError as error:
        return f"{error.code}: {error}"
    message = "a verdict that did not pass is refused"
    raise AssertionError(message)


def _release(context: Context, mine: Retraining, state: Judged) -> Step:
    ground = ground_of(context, mine)
    context.progress(Progress(task="release", message="freezing the run"))
    try:
        request = ReleaseRequest(run=state.run, allow_dirty=ground.allow_dirty)
        release = freeze(ground.context, ground.project, request)
    except VerdictStale as error:
        return judge_again(state, context.clock.now(), because=f"{error.code}: {error}")
    except NoVerdict as error:
        return Step(state=Refused(because=str(error)), sentence=f"{error.code}: {error}")
    released = Released(release=release.name, digest=release.digest)
    return Step(state=released, sentence=f"{state.run} is released as {release.name}.")


def _begin(context: Context, ground: Ground, mine: Retraining, state: Running) -> Run:
    versions = resolve(ground.context, ground.project, root=context.workspace.root)
    origin = Origin(
        run=state.run,
        commit=ground.commit,
        because=wording.reasons(mine.holding),
        owners=mine.owners,
        patch=ground.patch,
    )
    return execute(ground.context, ground.project, versions=versions, params=ground.params, origin=origin)


def _champions(context: Context) -> Champions:
    champions: Champions = context.plugin("champions", "ledger")
    return champions
