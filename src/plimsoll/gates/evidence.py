"""Brings together what gates look at: truth, the candidate's answers, and in each environment what to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.entities import ScorerSpec
from plimsoll.bundle.scores import Scores
from plimsoll.bundle.spec import read_spec
from plimsoll.gates import baseline
from plimsoll.gates.bootstrap import seed_of
from plimsoll.gates.checks import Evidence, Reference
from plimsoll.gates.encoding import encode_scores, require_comparable
from plimsoll.gates.entities import Champion
from plimsoll.gates.grouped import Grouping
from plimsoll.gates.scoring import Contender, LiveIn
from plimsoll.gates.slices import Slicing

CANDIDATE = "The candidate"

_BASELINES = {
    baseline.MAJORITY: "the most frequent class everywhere, with each class's share of the holdout as its probability.",
    baseline.MEAN: "the holdout's mean label everywhere.",
    baseline.LAST_VALUE: "the label of the row before in {time}, taken as known by then.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdout:
    """What is read from the holdout before anything is scored."""

    digest: str
    truth: NDArray[Any]
    slicing: Slicing
    in_time: NDArray[np.intp] | None
    """Row numbers from the earliest to the latest; None when the holdout has no time column."""
    time: str | None
    groupings: Mapping[str, Grouping] = field(default_factory=dict)
    """By the column that a gate's `group` names."""


def gather(
    spec: ScorerSpec,
    candidate: Contender,
    live: Mapping[str, Contender | None],
    holdout: Holdout,
    scores: Mapping[str, Scores],
) -> Evidence:
    """The evidence for all gates. spec: the candidate's. live: environment -> champion, or None for a baseline.

    scores: by scorer digest. Raises BadPredictions, ChampionDiffers.
    """
    ours = encode_scores(scores[candidate.digest], holdout.truth, spec, classes=spec.classes, who=CANDIDATE)
    references = {
        environment: _champion(spec, candidate, champion, champion.live, holdout, scores)
        if champion and champion.live
        else _baseline(spec, environment, holdout)
        for environment, champion in live.items()
    }
    return Evidence(
        task=spec.task,
        candidate=ours,
        references=references,
        slices=holdout.slicing.slices,
        seed=seed_of(holdout.digest),
        groupings=holdout.groupings,
    )


def baseline_notes(evidence: Evidence, holdout: Holdout) -> tuple[str, ...]:
    """What stands in for a champion where nothing is live, in sentences."""
    return tuple(
        f"Nothing is live in {environment}: compared with a baseline that predicts "
        + _BASELINES[reference.champion.baseline].format(time=holdout.time)
        for environment, reference in evidence.references.items()
        if reference.champion.baseline
    )


def _champion(
    spec: ScorerSpec,
    candidate: Contender,
    champion: Contender,
    place: LiveIn,
    holdout: Holdout,
    scores: Mapping[str, Scores],
) -> Reference:
    theirs = read_spec(champion.folder)
    require_comparable(spec, theirs, who=champion.name, environment=place.environment)
    return Reference(
        champion=Champion(environment=place.environment, release=champion.name, digest=place.release, baseline=None),
        cases=encode_scores(scores[champion.digest], holdout.truth, theirs, classes=spec.classes, who=champion.name),
        same_scorer=champion.digest == candidate.digest,
    )


def _baseline(spec: ScorerSpec, environment: str, holdout: Holdout) -> Reference:
    if spec.task != "regression":
        name, cases = baseline.MAJORITY, baseline.constant_class(holdout.truth, classes=len(spec.classes))
    elif holdout.in_time is not None:
        name, cases = baseline.LAST_VALUE, baseline.last_value(holdout.truth, holdout.in_time)
    else:
        name, cases = baseline.MEAN, baseline.mean_value(holdout.truth)
    return Reference(champion=Champion(environment=environment, release=None, digest=None, baseline=name), cases=cases)
