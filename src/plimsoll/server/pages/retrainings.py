"""Retraining: what starts runs by itself, what was asked for, and one retraining from its reasons to its end."""

from __future__ import annotations

from typing import Any

from plimsoll.server.pages.page import Page, Visit
from plimsoll.server.pages.runs import MOST, listed


def under_way(retrainings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in retrainings if not one["ended_at"]]


def _gather_list(visit: Visit) -> dict[str, Any]:
    limit = listed(visit)
    found = visit.ask("retrainings.list", limit=limit)
    triggers, problem = visit.try_to_ask("triggers.list")
    policies, _ = visit.try_to_ask("environments.list")
    allowed = [item["name"] for item in policies or () if not visit.refusal("retrainings.create", item["name"])]
    refusal = visit.refusal("retrainings.create")
    return {
        "retrainings": found,
        "triggers": triggers,
        "problem": problem,
        "environments": allowed,
        "any": not refusal,
        "more": min(limit * 2, MOST) if len(found) == limit < MOST else 0,
        "refusal": "" if allowed else refusal,
    }


def _gather_one(visit: Visit) -> dict[str, Any]:
    return {
        "retraining": visit.ask("retrainings.show", retraining=visit.path["retraining"]),
        "refusal": visit.refusal("retrainings.cancel"),
    }


PAGES = (
    Page(path="/retrainings", template="retrainings.html", gather=_gather_list),
    Page(path="/retrainings/{retraining}", template="retraining.html", gather=_gather_one),
)
