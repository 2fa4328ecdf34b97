"""The sentences of retrainings: what fired, what is waited for, what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.kernel.clock import to_text
from plimsoll.retrain.entities import Deploying, Done, Firing, Retraining, Waiting
from plimsoll.retrain.seen import Course

SHOWN = 3
"""How many reasons are told in full."""


def reasons(firings: Sequence[Firing]) -> str:
    """Why, in one sentence: the first reasons, and how many more there are."""
    told = [firing.because for firing in firings[:SHOWN]]
    more = len(firings) - len(told)
    return "; ".join([*told, f"and {more:,} more" if more > 1 else "and one more"] if more else told)


def runs(number: int) -> str:
    return "one run" if number == 1 else f"{number:,} runs"


def requested(firings: Sequence[Firing], *, joined: bool) -> str:
    return f"{'One more reason' if joined else 'Requested'}: {reasons(firings)}."


def waiting(state: Waiting) -> str:
    until = f" until {to_text(state.until)[:19].replace('T', ' ')}" if state.until else ""
    return f"It waits for {state.what}{until}."


def begun(retraining: Retraining, *, live: str) -> str:
    code = f"the code of {retraining.ref}" if retraining.ref else f"the code of {live}"
    return f"A run of {code} on fresh data begins, because {reasons(retraining.holding)}."


def dropped(retraining: Retraining) -> str:
    """Why nothing is left of it: the last reason's note stands for all."""
    notes = list(dict.fromkeys(firing.note for firing in retraining.firings if firing.note))
    return f"No reason holds any more: {'; '.join(notes[:SHOWN])}."


def died(tries: int, *, retraining: str) -> str:
    return (
        f"The process that carried it out ended {tries} times before it was done. .plimsoll/logs/{retraining}/work.log "
        "has what it printed; when that is nothing, the machine's memory ran out."
    )


def again(attempt: int, tries: int) -> str:
    return f"The process that carried it out has ended; it goes on from what is done (try {attempt} of {tries})."


def taken_up() -> str:
    return "Its process ended with the server; it goes on from what is done."


def judged_anew(because: str) -> str:
    return f"It is judged anew: {because}"


def unchanged(run: str, *, release: str) -> str:
    return f"{run} made the model of {release}: from the same code and the same data comes nothing new."


def passed(run: str, *, checks: int) -> str:
    return f"{run} passed its gates ({'one check' if checks == 1 else f'{checks:,} checks'})."


def next_place(state: Deploying) -> str:
    return f"{state.release} is to be deployed to {state.environment}."


def kept_out(state: Deploying) -> str:
    return f"{state.release} waits for {state.environment}: {state.waiting_for}"


def on_its_way(state: Deploying) -> str:
    return f"{state.release} is being rolled out in {state.environment}."


def taken_back(state: Deploying, course: Course) -> str:
    return f"{state.release} was taken back from {state.environment}: {course.sentence}"


def superseded(state: Deploying, *, by: str) -> str:
    return f"{by} came before {state.release} was in {state.environment}."


def done(state: Done) -> str:
    if state.deployed:
        return f"{state.release} is live in {', '.join(state.deployed)}."
    return f"{state.release} is a candidate: no environment of the project says `auto_deploy`."
