"""Which parameters a trial has. Pure: the plan, the trial's number and what is known of earlier trials decide.

So a sweep that was killed asks the same questions again, and two sweeps of one seed are the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plimsoll.sweep.entities import ENDED, Choice, Dimension, Plan, Range, Trial, TrialState

_DIGITS = 6
"""Significant digits of a drawn number: nobody wants to write seventeen into a project file."""


def space_of(params: Mapping[str, Any]) -> dict[str, Dimension]:
    """What a project file says under `sweep.params`, checked already, as dimensions in the file's order."""
    return {name: _dimension(tried) for name, tried in params.items()}


def grid_size(space: Mapping[str, Dimension]) -> int:
    """How many combinations there are of lists."""
    return math.prod(len(dimension.values) for dimension in space.values() if isinstance(dimension, Choice))


def grid_point(space: Mapping[str, Dimension], number: int) -> dict[str, Any]:
    """The combination of that number, from 0: the last parameter changes first."""
    picked: dict[str, Any] = {}
    for name, dimension in reversed(list(space.items())):
        assert isinstance(dimension, Choice)
        number, place = divmod(number, len(dimension.values))
        picked[name] = dimension.values[place]
    return {name: picked[name] for name in space}


def random_point(space: Mapping[str, Dimension], *, seed: int, number: int) -> dict[str, Any]:
    """The trial of that number, drawn from a stream of its own, so that no other trial matters."""
    import numpy as np

    stream = np.random.Generator(np.random.PCG64([seed, number]))
    return {name: _placed(dimension, float(stream.random())) for name, dimension in space.items()}


def params_of(plan: Plan, trials: Sequence[Trial], number: int) -> dict[str, Any]:
    """The parameters of a trial, once `may_begin`."""
    space = space_of(plan.params)
    match plan.method:
        case "grid":
            return grid_point(space, number)
        case "random":
            return random_point(space, seed=plan.seed, number=number)
        case "optuna":
            from plimsoll.sweep.proposals import proposed

            told = [one for one in trials if one.number <= number - plan.jobs]
            return proposed(space, plan, number=number, told=told)


def may_begin(plan: Plan, trials: Sequence[Trial], number: int) -> bool:
    """Whether what a trial is decided on is known.

    Optuna's proposal stands on the trials up to the one `jobs` before it, whichever happen to have ended beside them:
    how fast trials are must not change what is tried.
    """
    if plan.method != "optuna":
        return True
    ended = {one.number for one in trials if one.state in ENDED}
    return all(earlier in ended for earlier in range(number - plan.jobs + 1))


def waiting(plan: Plan, trials: Sequence[Trial]) -> Iterator[int]:
    """The numbers of trials that have neither ended nor run now."""
    taken = {one.number for one in trials if one.state in (*ENDED, TrialState.RUNNING)}
    return (number for number in range(plan.trials) if number not in taken)


def ranked(plan: Plan, trials: Sequence[Trial]) -> list[Trial]:
    """The trials that are done, best first; of equal ones the earlier."""
    sign = -1 if plan.direction == "maximize" else 1
    done = [one for one in trials if one.state is TrialState.DONE and one.value is not None]
    return sorted(done, key=lambda one: (sign * (one.value or 0.0), one.number))


def _dimension(tried: Any) -> Dimension:
    if not isinstance(tried, Mapping):
        return Choice(values=tuple(tried))
    (kind, (low, high)), *_ = tried.items()
    return Range(low=low, high=high, log=kind.startswith("log"), whole=kind.endswith("int"))


def _placed(dimension: Dimension, share: float) -> Any:
    """The value at a share, from 0 to below 1, of a dimension."""
    if isinstance(dimension, Choice):
        return dimension.values[int(share * len(dimension.values))]
    low, high = dimension.low, dimension.high
    if dimension.whole and dimension.log:  # whole numbers, each with the breadth that its magnitude has
        low, high = low - 0.5, high + 0.5
    elif dimension.whole:
        return int(low) + int(share * (int(high) - int(low) + 1))
    value = math.exp(math.log(low) + share * math.log(high / low)) if dimension.log else low + share * (high - low)
    if dimension.whole:
        return min(max(round(value), int(dimension.low)), int(dimension.high))
    return min(max(float(f"{value:.{_DIGITS}g}"), float(low)), float(high))
