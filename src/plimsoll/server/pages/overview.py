"""The overview: what runs where, what wants attention, and the latest of everything."""

from __future__ import annotations

from typing import Any

from plimsoll.server.pages.page import Page, Visit
from plimsoll.server.pages.retrainings import under_way

SHOWN = 6
"""Rows of each table."""


def places(visit: Visit) -> list[dict[str, Any]]:
    """Every environment, those of the project file first, each with what runs there."""
    deployments = {item["environment"]: item for item in visit.ask("deployments.list")}
    settings, _ = visit.try_to_ask("environments.list")  # a broken project file hides none of what runs
    policies = {item["name"]: item for item in settings or ()}
    return [
        {"name": name, "policy": policies.get(name), "deployment": deployments.get(name)}
        for name in dict.fromkeys((*policies, *deployments))
    ]


def _gather(visit: Visit) -> dict[str, Any]:
    return {
        "places": places(visit),
        "runs": visit.ask("runs.list", limit=SHOWN),
        "releases": visit.ask("releases.list", limit=SHOWN),
        "alerts": visit.ask("alerts.list", limit=100),
        "retrainings": under_way(visit.ask("retrainings.list", limit=SHOWN)),
        "events": visit.ask("audit.list", limit=SHOWN),
    }


PAGES = (Page(path="/", template="overview.html", gather=_gather),)
