"""Sweeps that are there: which, how far they are; and their end when somebody wants it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.errors import PlimsollError
from plimsoll.pipeline.entities import StepState
from plimsoll.pipeline.operations import get_run
from plimsoll.pipeline.processes import is_dead, this_process
from plimsoll.sweep import store
from plimsoll.sweep.entities import Sweep, SweepState, Trial, TrialState
from plimsoll.sweep.errors import SweepEnded, SweepMissing
from plimsoll.sweep.requests import StepTally, SweepListing, SweepName, SweepReport, SweepSummary
from plimsoll.sweep.search import ranked

CARRIED: set[str] = set()
"""Sweeps that this process carries out now."""


@operation("sweeps.show", "GET", "/sweeps/{sweep}", role=Role.VIEWER, request=SweepName, response=SweepReport)
def show_sweep(context: Context, request: SweepName) -> SweepReport:
    """A sweep with its trials, best first, and how much of their work they shared."""
    return report(context, get_sweep(context, request.sweep)[0])


@operation("sweeps.list", "GET", "/sweeps", role=Role.VIEWER, request=SweepListing, response=tuple[SweepSummary, ...])
def list_sweeps(context: Context, request: SweepListing) -> tuple[SweepSummary, ...]:
    """The project's sweeps, latest first."""
    with context.database.read() as transaction:
        found = store.newest(transaction, project=context.project, limit=request.limit)
    return tuple(_summary(_as_it_stands(sweep, process)) for sweep, process in found)


@operation("sweeps.cancel", "POST", "/sweeps/{sweep}/cancel", role=Role.DEVELOPER, request=SweepName, response=Sweep)
def cancel_sweep(context: Context, request: SweepName) -> Sweep:
    """End a sweep that is under way; trials that are done are kept."""
    sweep, _ = get_sweep(context, request.sweep)
    if sweep.state is not SweepState.RUNNING:
        raise SweepEnded(sweep=sweep.id, state=str(sweep.state))
    with context.database.write() as transaction:
        if store.ask_to_cancel(transaction, sweep=sweep.id, by=context.caller.name):
            record(context, transaction, action=Action.SWEEP_CANCELLED, subject=sweep.id, detail={})
    return get_sweep(context, sweep.id)[0]


def get_sweep(context: Context, name: str) -> tuple[Sweep, str]:
    """The sweep of that id as it stands, and the process that carries it out, or did last. Raises SweepMissing."""
    with context.database.read() as transaction:
        found = store.find(transaction, project=context.project, sweep=name)
    if found is None:
        raise SweepMissing(sweep=name, project=context.project)
    return _as_it_stands(*found), found[1]


def report(context: Context, sweep: Sweep) -> SweepReport:
    best = ranked(sweep.plan, sweep.trials)
    return SweepReport(
        sweep=sweep,
        ranking=tuple(trial.number for trial in best),
        best=best[0] if best else None,
        steps=_tally(context, sweep.trials),
    )


def _tally(context: Context, trials: tuple[Trial, ...]) -> tuple[StepTally, ...]:
    ran, cached, order = Counter[str](), Counter[str](), dict[str, None]()
    for trial in trials:
        try:
            run = get_run(context, trial.run)
        except PlimsollError:  # it was killed before it was recorded
            continue
        for outcome in run.steps:
            order[outcome.step] = None
            ran[outcome.step] += outcome.state in (StepState.DONE, StepState.FAILED)
            cached[outcome.step] += outcome.state is StepState.CACHED
    return tuple(StepTally(step=step, ran=ran[step], cached=cached[step]) for step in order)


def _as_it_stands(sweep: Sweep, process: str) -> Sweep:
    """A sweep whose process is gone is interrupted, and so are trials that nobody ended."""
    gone = is_dead(process) or (process == this_process() and sweep.id not in CARRIED)
    state = SweepState.INTERRUPTED if sweep.state is SweepState.RUNNING and gone else sweep.state
    if state is SweepState.RUNNING:
        return sweep
    trials = tuple(
        replace(trial, state=TrialState.INTERRUPTED) if trial.state is TrialState.RUNNING else trial
        for trial in sweep.trials
    )
    return replace(sweep, state=state, trials=trials)


def _summary(sweep: Sweep) -> SweepSummary:
    best = ranked(sweep.plan, sweep.trials)
    states = Counter(trial.state for trial in sweep.trials)
    return SweepSummary(
        id=sweep.id,
        state=sweep.state,
        started_at=sweep.started_at,
        created_by=sweep.created_by,
        goal=f"{sweep.plan.direction} {sweep.plan.metric}",
        method=sweep.plan.method,
        trials=sweep.plan.trials,
        done=states[TrialState.DONE],
        failed=states[TrialState.FAILED],
        best=best[0].value if best else None,
    )
