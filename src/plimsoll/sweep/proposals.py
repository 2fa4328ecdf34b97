"""Proposals by Optuna: a study is built anew from the trials that count, asked once, and forgotten.

Nothing of Optuna's is kept, so a sweep can be resumed by any process, and a seed gives the same proposals. Optuna is
an extra; whoever asks without it is told so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plimsoll.kernel.canonical import canonical_json
from plimsoll.sweep.entities import Choice, Dimension, Plan, Trial, TrialState

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_DIGITS = 6


def proposed(space: Mapping[str, Dimension], plan: Plan, *, number: int, told: Sequence[Trial]) -> dict[str, Any]:
    """What the trial of that number tries, given others that have ended. Raises ModuleNotFoundError without Optuna."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(dimension) for name, dimension in space.items()}
    # The sampler's stream begins anew with each study, so each trial needs a seed of its own.
    sampler = optuna.samplers.TPESampler(seed=(plan.seed * 1_000_003 + number) % 2**32)
    study = optuna.create_study(direction=plan.direction, sampler=sampler)
    study.add_trials([_frozen(trial, space, distributions) for trial in sorted(told, key=lambda one: one.number)])
    asked = study.ask(distributions).params
    return {name: _value(dimension, asked[name]) for name, dimension in space.items()}


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choice):
        return CategoricalDistribution(range(len(dimension.values)))  # by place: values may be lists
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _frozen(trial: Trial, space: Mapping[str, Dimension], distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    import optuna

    params = {name: _asked(dimension, trial.params[name]) for name, dimension in space.items()}
    done = trial.state is TrialState.DONE
    return optuna.trial.create_trial(
        params=params,
        distributions=dict(distributions),
        value=trial.value if done else None,
        state=optuna.trial.TrialState.COMPLETE if done else optuna.trial.TrialState.FAIL,
    )


def _value(dimension: Dimension, asked: Any) -> Any:
    if isinstance(dimension, Choice):
        return dimension.values[asked]
    if dimension.whole:
        return int(asked)
    return min(max(float(f"{asked:.{_DIGITS}g}"), float(dimension.low)), float(dimension.high))


def _asked(dimension: Dimension, value: Any) -> Any:
    if isinstance(dimension, Choice):
        return [canonical_json(one) for one in dimension.values].index(canonical_json(value))
    return value
