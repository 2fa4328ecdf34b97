"""The block of a rollout on a terminal: what it says of one that is judged, and of one that is not."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.rollout.test_rollout_page import a_life
from tests.rollout.worlds import a_spec

from plimsoll.rollout.decisions import Decision
from plimsoll.rollout.entities import Rollout
from plimsoll.rollout.rollouts import RolloutSpec, Strategy
from plimsoll.rollout.screen import rollout_lines
from plimsoll.rollout.views import rollout_view


def view(spec: RolloutSpec, latest: Decision) -> dict[str, Any]:
    rollout = Rollout(
        id="rollout-1",
        project="fraud",
        environment="production",
        spec=spec,
        latest=latest,
        version=1,
        started_by="ada",
        started_at="2026-11-02T09:00:00.000000Z",
        ended_at="",
    )
    return dataclasses.asdict(rollout_view(rollout, orders=0))


def test_every_line_is_whole_within_eighty_columns():
    spec = a_spec(stages=(5.0, 50.0))
    erring = next(one for one in a_life(spec, errs=0.01, per_look=500) if one.because.evidence.cost.erred)

    lines = rollout_lines(view(spec, erring), width=79)
    cost = [line for line in lines if line.startswith(("  touched", "  fallback"))]
    assert cost[0].endswith("callers who noticed: none")
    assert cost[1].endswith("within 18 ms (p99)")
    assert max(map(len, lines)) <= 79


def test_one_that_nothing_judges_shows_no_tests_and_counts_nobody():
    spec = a_spec(strategy=Strategy.ALL_AT_ONCE)

    lines = rollout_lines(view(spec, a_life(spec, looks=3)[-1]))
    assert len(lines) == 1
