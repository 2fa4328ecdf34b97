"""Was a model reproduced? The grades, the evidence for each, and the judgement from the evidence. Pure.

Two runs are walked step by step: what each step was given, then what it returned. The first thing that differs is
named; where everything given was equal and what was returned was not, that step is named as one that is not
deterministic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from plimsoll.pipeline.keys import Ingredients
from plimsoll.pipeline.plan import Past, changes

ALPHA = 0.05
"""How often the spread may leave out a metric that belongs to it, over all metrics of the gates together."""


class Grade(StrEnum):
    """How well a model was reproduced, best first."""

    IDENTICAL = "identical"
    SAME_PREDICTIONS = "same predictions"
    WITHIN_SPREAD = "within the spread"
    FAILED = "failed"


class Match(StrEnum):
    """What a step of the second run is to that of the first."""

    SAME = "same"
    INPUTS_DIFFER = "inputs differ"
    NOT_DETERMINISTIC = "not deterministic"
    FAILED = "failed"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One step of a run: what it was given and what it returned."""

    step: str
    parts: Ingredients
    outputs: Mapping[str, str]
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMatch:
    """One step of both runs."""

    step: str
    match: Match
    because: tuple[str, ...]
    """What it was given otherwise, or which outputs came out otherwise; empty when all is the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Two models' answers to the same rows."""

    rows: int
    differing: int
    """Rows in which a prediction or one of its probabilities differs at all."""
    decisions: int
    """Rows that are decided otherwise; in regression those whose prediction differs."""
    largest: float
    """The largest difference of a probability, or in regression of a prediction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRun:
    """One more run, with other seeds."""

    params: Mapping[str, Any]
    """The seeds that it was given; empty where the project has none."""
    metrics: Mapping[str, float]
    """On the holdout of that very run, which may be drawn by a seed, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpread:
    """The release's metric beside what the same code gives with other seeds."""

    metric: str
    released: float
    low: float
    high: float
    """The prediction interval for one more run."""

    @property
    def within(self) -> bool:
        return self.low <= self.released <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What chance alone makes of the metrics."""

    runs: tuple[SeedRun, ...]
    metrics: tuple[MetricSpread, ...]
    note: str
    """What the runs were given, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that was found; None for what was not looked for, since what was found before it decided."""

    released: str
    """Artifact digest of the release's scorer."""
    again: str | None
    """That of the second run's; None when it made none."""
    steps: tuple[StepMatch, ...]
    problem: str = ""
    """Why the second run ended early."""
    predictions: Predictions | None = None
    unscored: str = ""
    """Why the second model could not answer the release's holdout."""
    spread: Spread | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """One attempt to make a release's model again, as it is signed and kept."""

    id: str
    release: str
    digest: str
    """The release's."""
    run: str
    """The run that made it."""
    grade: Grade
    because: str
    difference: str
    """The first thing that differs; empty when nothing does."""
    evidence: Evidence
    runtime: str
    """`its own` for the release's lock, `here` for the interpreter that Plimsoll runs in."""
    surroundings: tuple[str, ...]
    """How machine, packages and variables differ from those of the release's run: what may be behind a difference."""
    record: str
    """Artifact digest of what the second run ran on."""
    seconds: float
    """How long the second run took, without the runs with other seeds."""
    created_by: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The grade with its reason."""

    grade: Grade
    because: str
    difference: str
    """The first thing that differs, as `step: what`; empty when nothing does."""


def match_steps(released: Sequence[StepRecord], again: Sequence[StepRecord], *, past: Past) -> tuple[StepMatch, ...]:
    """Each step of the release's run beside the same step of the second run, in order."""
    found = {record.step: record for record in again}
    return tuple(_match(record, found.get(record.step), past) for record in released)


def _match(before: StepRecord, now: StepRecord | None, past: Past) -> StepMatch:
    if now is None:
        return StepMatch(step=before.step, match=Match.NOT_REACHED, because=())
    given = tuple(changes(now.parts, before.parts, (), past))
    if given:
        return StepMatch(step=before.step, match=Match.INPUTS_DIFFER, because=given)
    if now.failed:
        return StepMatch(step=before.step, match=Match.FAILED, because=())
    returned = tuple(
        f"{name} ({_short(before.outputs.get(name))} -> {_short(now.outputs.get(name))})"
        for name in dict.fromkeys((*before.outputs, *now.outputs))
        if before.outputs.get(name) != now.outputs.get(name)
    )
    match = Match.NOT_DETERMINISTIC if returned else Match.SAME
    return StepMatch(step=before.step, match=match, because=returned)


def first_difference(steps: Sequence[StepMatch]) -> str:
    """The first step that is not the same, with what differs first in it; empty when all are the same."""
    for item in steps:
        match item.match:
            case Match.INPUTS_DIFFER:
                return f"{item.step}: {item.because[0]}"
            case Match.NOT_DETERMINISTIC:
                return f"{item.step} is not deterministic: equal inputs gave another {item.because[0]}"
            case Match.FAILED:
                return f"{item.step} failed, although it was given the same"
            case Match.NOT_REACHED:
                return f"{item.step} was not reached"
            case Match.SAME:
                continue
    return ""


def spread_of(released: Mapping[str, float], runs: Sequence[SeedRun], *, note: str) -> Spread:
    """Each metric's prediction interval, all of them together at 95 % (Bonferroni).

    Student's t: mean ± t · s · √(1 + 1/k), the interval in which one more draw lies. Two runs at least; a metric that
    one of the runs could not give is left out. Source: Hahn & Meeker, Statistical Intervals (1991), section 4.7.
    """
    names = [name for name in released if all(name in run.metrics for run in runs)]
    metrics = []
    for name in names:
        low, high = prediction_interval([run.metrics[name] for run in runs], alpha=ALPHA / len(names))
        metrics.append(MetricSpread(metric=name, released=released[name], low=low, high=high))
    return Spread(runs=tuple(runs), metrics=tuple(metrics), note=note)


def prediction_interval(values: Sequence[float], *, alpha: float) -> tuple[float, float]:
    """Where one more value of the same normal distribution lies with probability 1 - alpha; two values at least."""
    from scipy.special import stdtrit

    count = len(values)
    mean = math.fsum(values) / count
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    if max(values) == min(values):  # rounding of the mean must not shut the value itself out
        return values[0], values[0]
    reach = float(stdtrit(count - 1, 1 - alpha / 2)) * deviation * math.sqrt(1 + 1 / count)
    return mean - reach, mean + reach


def judge(evidence: Evidence) -> Judgement:
    """The best grade that the evidence carries."""
    difference = first_difference(evidence.steps)
    grade, because = _grade(evidence)
    return Judgement(grade=grade, because=because, difference=difference)


def _grade(evidence: Evidence) -> tuple[Grade, str]:
    if evidence.problem:
        return Grade.FAILED, f"the run could not be repeated: {evidence.problem}"
    if evidence.again is None:
        return Grade.FAILED, "the second run made no scorer"
    if evidence.again == evidence.released:
        return Grade.IDENTICAL, "the second run made the same model, bit for bit"
    found = evidence.predictions
    if found is not None and not found.differing:
        return (
            Grade.SAME_PREDICTIONS,
            f"another model, and the same predictions on all {found.rows:,} rows of the holdout",
        )
    told = _told(found) if found is not None else evidence.unscored or "the predictions were not compared"
    if evidence.spread is None:
        return Grade.FAILED, f"{told}; no runs with other seeds were asked for"
    return _grade_by_spread(evidence.spread, told)


def _grade_by_spread(spread: Spread, told: str) -> tuple[Grade, str]:
    if not spread.metrics:
        return Grade.FAILED, f"{told}; no metric could be measured in every run"
    outside = [item for item in spread.metrics if not item.within]
    shown = "; ".join(
        f"{item.metric} {item.released:.6g} lies {'within' if item.within else 'outside'} {item.low:.6g} to {item.high:.6g}"
        for item in outside or spread.metrics
    )
    grade = Grade.FAILED if outside else Grade.WITHIN_SPREAD
    return grade, f"{told}; over {len(spread.runs)} runs ({spread.note}) the release's {shown}"


def _told(found: Predictions) -> str:
    return (
        f"the predictions differ in {found.differing:,} of {found.rows:,} rows of the holdout, by {found.largest:.3g} at"
        f" most, and {found.decisions:,} are decided otherwise"
    )


def seeds_in(params: Mapping[str, Any]) -> dict[str, int]:
    """The parameters that are seeds: whole numbers named `seed`, `random_state`, or with one of these at the end."""
    return {
        name: value
        for name, value in params.items()
        if isinstance(value, int) and not isinstance(value, bool) and name.lower().endswith(("seed", "random_state"))
    }


def other_seeds(seeds: Mapping[str, int], *, number: int) -> dict[str, int]:
    """The seeds of the run of that number, from 1: none is a seed of the release."""
    return {name: (value + number) % 2**31 for name, value in seeds.items()}


def _short(digest: str | None) -> str:
    return digest[:8] if digest else "none"
