"""What a command makes of the deployment that it is shown: whether it has arrived, and how it ended."""

from __future__ import annotations

from typing import Any

import pytest

from plimsoll.edge.output import ProgressLines
from plimsoll.rollout import watching
from plimsoll.rollout.errors import TakenBack, WhichRollout
from plimsoll.rollout.watching import exit_code, place_of_order, wait_until_live


def a_view(*, live: str, candidate: str, standing: str) -> dict[str, Any]:
    ended = "2026-11-02T09:00:00.000000Z" if standing in ("rolled back", "promoted") else ""
    return {
        "environment": "production",
        "state": "live",
        "release": live,
        "digest": f"digest of {live}",
        "problem": "",
        "rollout": {"candidate": candidate, "standing": standing, "sentence": "It errs.", "ended_at": ended},
    }


@pytest.mark.parametrize("name", ["fraud@1", "digest of fraud@1"])
def test_what_is_live_already_is_no_failure_of_the_rollout_before(name: str):
    view = a_view(live="fraud@1", candidate="fraud@2", standing="rolled back")

    assert wait_until_live(view, ProgressLines(), release=name, timeout_s=0) == view


def test_a_candidate_that_was_taken_back_is_reported_as_such():
    view = a_view(live="fraud@1", candidate="fraud@2", standing="rolled back")

    with pytest.raises(TakenBack, match="fraud@2 was taken back"):
        wait_until_live(view, ProgressLines(), release="fraud@2", timeout_s=0)


def test_a_candidate_in_its_first_stage_needs_no_more_waiting():
    view = a_view(live="fraud@1", candidate="fraud@2", standing="stage")

    assert wait_until_live(view, ProgressLines(), release="fraud@2", timeout_s=0) == view


def test_an_order_is_not_followed_in_a_place_that_nobody_named(monkeypatch: pytest.MonkeyPatch):
    open_ones = {"staging": "settling", "production": "stage", "pre": "promoted"}
    views = [
        {**a_view(live="fraud@1", candidate="fraud@2", standing=standing), "environment": name}
        for name, standing in open_ones.items()
    ]
    monkeypatch.setattr(watching, "ask", lambda *_, **__: views)

    with pytest.raises(WhichRollout, match="staging, production"):
        place_of_order("")
    assert place_of_order("pre") == "pre"
    del views[0]
    assert place_of_order("") == "production"


def test_only_what_is_well_ends_with_zero():
    codes = {
        standing: exit_code({"standing": standing})
        for standing in ("stage", "settling", "promoted", "rolled back", "held", "paused")
    }
    assert codes == {"stage": 0, "settling": 0, "promoted": 0, "rolled back": 1, "held": 3, "paused": 3}
