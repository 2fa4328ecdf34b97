"""What `plimsoll retrain` does while a retraining goes on: wait, tell each turn, and say where it rests."""

from __future__ import annotations

import time
from typing import Any

from plimsoll.edge.client import ask
from plimsoll.edge.context import Progress
from plimsoll.edge.output import ProgressLines
from plimsoll.retrain.entities import ITS_TURN

LOOK_S = 0.2
CODES = {"fail": 1, "inconclusive": 3}
FAILED = {"refused", "failed"}
GOES_ON = "`plimsoll up` goes on with it by itself; without a server, `plimsoll retrain show --wait` does"


def follow(view: dict[str, Any], progress: ProgressLines, *, fresh: bool = True) -> dict[str, Any]:
    """Ask until it has ended or waits for something; tells each turn. Returns how it stands then.

    fresh: it was just asked for, so that nothing of it was told yet.
    """
    told = 0 if fresh else len(view["turns"])
    if not fresh:  # what was answered is how it stood before whoever goes on with it did so
        view = ask("retrainings.follow", progress, retraining=view["id"])
    while True:
        for turn in view["turns"][told:]:
            progress(Progress(task="retrain", message=turn["sentence"]))
        told = len(view["turns"])
        if _rests(view, progress):
            return view
        time.sleep(LOOK_S)
        view = ask("retrainings.follow", progress, retraining=view["id"])


def exit_code(view: dict[str, Any]) -> int:
    """The verdict's code where that ended it, 1 where it failed otherwise, else 0."""
    return CODES.get(view["finding"], 1) if view["standing"] in FAILED else 0


def advice(view: dict[str, Any]) -> list[str]:
    """What to do now, for people."""
    if view["standing"] == "waiting":
        until = f" until {view['until'][:19].replace('T', ' ')}" if view["until"] else ""
        return [f"it waits for {view['waiting_for']}{until}", GOES_ON]
    if view["standing"] == "deploying" and view["waiting_for"]:
        return (
            [f"approve it with `plimsoll approve {view['release']} --env {view['place']}`", GOES_ON]
            if (view["waiting_for"].startswith("release.not_approved"))
            else [GOES_ON]
        )
    if view["standing"] == "deploying":
        return [f"watch: plimsoll rollout --env {view['place']}", GOES_ON]
    if view["standing"] == "candidate":
        return [f"deploy it with `plimsoll deploy {view['release']} --env {view['environment']}`"]
    return []


def _rests(view: dict[str, Any], progress: ProgressLines) -> bool:
    """Whether it has ended, or goes on only when something else happens first."""
    if view["ended_at"]:
        return True
    if view["standing"] == "waiting":
        return bool(view["waiting_for"] != ITS_TURN.what)
    if view["standing"] != "deploying":
        return False
    return bool(view["waiting_for"]) or (bool(view["rollout"]) and _takes_its_time(view, progress))


def _takes_its_time(view: dict[str, Any], progress: ProgressLines) -> bool:
    """Whether the rollout has stages to go through, or waits for a person."""
    rollout = ask("rollouts.show", progress, environment=view["place"], rollout=view["rollout"])
    return rollout["standing"] not in ("starting", "settling", "promoted", "rolled back")
