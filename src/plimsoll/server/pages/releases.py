"""Releases: the list, one release with its evidence, and what deploying it would do."""

from __future__ import annotations

from typing import Any

from plimsoll.server.pages.page import Page, Visit
from plimsoll.server.pages.runs import MOST, listed, tally


def _gather_list(visit: Visit) -> dict[str, Any]:
    limit = listed(visit)
    releases = visit.ask("releases.list", limit=limit)
    return {
        "releases": releases,
        "live_in": _live_in(visit.ask("deployments.list")),
        "more": min(limit * 2, MOST) if len(releases) == limit < MOST else 0,
    }


def _gather_release(visit: Visit) -> dict[str, Any]:
    release = visit.ask("releases.show", release=visit.path["release"])
    report = visit.ask("runs.show", run=release["run"])
    links = visit.ask("trace.show", subject=release["name"])["links"]
    standings, problem = visit.try_to_ask("approvals.list", release=release["name"])
    places = {item["environment"]: item for item in visit.ask("deployments.list")}
    return {
        "release": release,
        "run": report["run"],
        "verdict": report["verdict"],
        "tally": tally(report["verdict"]),
        "stations": {
            kind: [link for link in links if link["kind"] == kind]
            for kind in ("data", "runtime", "deployment", "reproduction")
        },
        "standings": [_standing(visit, item, places.get(item["environment"])) for item in standings or ()],
        "project_problem": problem,
        "live_in": _live_in(list(places.values())).get(release["digest"], []),
    }


def _standing(visit: Visit, standing: dict[str, Any], deployment: dict[str, Any] | None) -> dict[str, Any]:
    """An environment from the release's side: its approvals, what runs there, and what this visitor may do."""
    return {
        **standing,
        "deployment": deployment,
        "deploy_refusal": visit.refusal("deployments.create", standing["environment"]),
    }


def _gather_deploy(visit: Visit) -> dict[str, Any]:
    environment = visit.query.get("environment", "")
    strategy = visit.query.get("strategy") or None
    plan = visit.ask("deployments.plan", release=visit.path["release"], environment=environment, strategy=strategy)
    return {
        "plan": plan,
        "asked": strategy or "",
        "strategies": ("canary", "blue-green", "shadow", "all-at-once"),
        "refusal": visit.refusal("deployments.create", environment),
    }


def _live_in(deployments: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Digest -> the environments that run it."""
    found: dict[str, list[str]] = {}
    for item in deployments:
        if item["state"] != "stopped" and item["digest"]:
            found.setdefault(item["digest"], []).append(item["environment"])
    return found


PAGES = (
    Page(path="/releases", template="releases.html", gather=_gather_list),
    Page(path="/releases/{release}", template="release.html", gather=_gather_release),
    Page(path="/releases/{release}/deploy", template="deploy.html", gather=_gather_deploy, live=False),
)
