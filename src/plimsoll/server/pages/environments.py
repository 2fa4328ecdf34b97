"""Environments: what runs in one, a rollout as it happens, and the page that asks before an order is given."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from plimsoll.rollout.errors import NothingDeployed
from plimsoll.server.errors import NoSuchPage
from plimsoll.server.pages.page import Page, Visit

ORDERS = {
    "pause": "Stop the course where it is; harm is still watched for.",
    "resume": "Go on after a pause, or give a held stage its time again.",
    "promote": "Make the candidate live now, without further evidence.",
    "abort": "Take the candidate back now; the champion answers everything again.",
    "rollback": "Go back to an earlier release, at once and without stages.",
    "stop": "End every door and worker here. Nobody is answered until something is deployed again.",
}
"""What each order does, as its page says before it is given."""
_OPERATIONS = {"rollback": "deployments.rollback", "stop": "deployments.stop"}


def _gather_environment(visit: Visit) -> dict[str, Any]:
    name = visit.path["environment"]
    deployment = _deployment(visit, name)
    policies, _ = visit.try_to_ask("environments.list")
    history = visit.ask("deployments.history", environment=name)
    rollouts = visit.ask("rollouts.list", environment=name)
    return {
        "name": name,
        "deployment": deployment,
        "policy": next((item for item in policies or () if item["name"] == name), None),
        "history": history[::-1][:20],
        "rollouts": rollouts[:20],
        "under_way": next((item for item in rollouts if not item["ended_at"]), None),
        **_allowed(visit, name),
    }


def _deployment(visit: Visit, environment: str) -> dict[str, Any] | None:
    """What runs there; None where nothing ever did."""
    try:
        found: dict[str, Any] = visit.ask("deployments.show", environment=environment)
    except NothingDeployed:
        return None
    return found


def _allowed(visit: Visit, environment: str) -> dict[str, str]:
    """Why this visitor may not order, go back or stop; all empty for an operator."""
    return {"order_refusal": visit.refusal("rollouts.order", environment)}


def _gather_rollout(visit: Visit) -> dict[str, Any]:
    name, rollout = visit.path["environment"], visit.path["rollout"]
    view = visit.ask("rollouts.show", environment=name, rollout=rollout)
    drawn = visit.ask("rollouts.plots", environment=name, rollout=rollout)
    return {
        "name": name,
        "rollout": view,
        "stages": _stages(view),
        "plots": [{**plot, "svg": Markup(plot["svg"])} for plot in drawn["plots"]],  # noqa: S704 - escaped there
        "failures": drawn["failures"],
        **_allowed(visit, name),
    }


def _stages(view: dict[str, Any]) -> list[dict[str, str]]:
    """The way of a rollout from its start to all requests, each part past, present, or to come."""
    shares = [f"{share:g} %" if share else "copies" for share in view["shares"]]
    names = ["start", *shares, "live"]
    if view["standing"] in ("promoted", "settling"):
        now = len(names) - 1
    elif view["stage"]:
        now = view["stage"]["number"]
    else:
        now = 0
    ends = {"promoted": "past", "rolled back": "failed"}
    return [
        {"name": name, "part": "past" if place < now else "next" if place > now else ends.get(view["standing"], "now")}
        for place, name in enumerate(names)
    ]


def _gather_order(visit: Visit) -> dict[str, Any]:
    name, order = visit.path["environment"], visit.path["order"]
    if order not in ORDERS:
        raise NoSuchPage(method="GET", path=f"/environments/{name}/do/{order}")
    rollouts = visit.ask("rollouts.list", environment=name)
    earlier = visit.ask("deployments.history", environment=name)
    deployment = _deployment(visit, name)
    live = deployment["release"] if deployment else ""
    return {
        "name": name,
        "order": order,
        "effect": ORDERS[order],
        "deployment": deployment,
        "rollout": next((item for item in rollouts if not item["ended_at"]), None),
        "earlier": list(dict.fromkeys(one["release"] for one in earlier[::-1] if one["release"] not in ("", live))),
        "refusal": visit.refusal(_OPERATIONS.get(order, "rollouts.order"), name),
    }


PAGES = (
    Page(path="/environments/{environment}", template="environment.html", gather=_gather_environment),
    Page(path="/environments/{environment}/do/{order}", template="order.html", gather=_gather_order, live=False),
    Page(path="/environments/{environment}/rollouts/{rollout}", template="rollout.html", gather=_gather_rollout),
)
