"""How a replay comes to live: a first run on the past, its release, and that one through the chain of environments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from plimsoll.edge.client import RemoteError
from plimsoll.edge.context import Progress
from plimsoll.kernel.clock import FileClock
from plimsoll.kernel.durations import parse_duration
from plimsoll.project.entities import Project
from plimsoll.replay.controllers import Controllers
from plimsoll.replay.errors import NotBegun
from plimsoll.replay.moments import chain_to
from plimsoll.replay.server import Server

HOUR = timedelta(hours=1)


def start_of(project: Project, environment: str, begin: datetime) -> datetime:
    """The moment at which a replay's clock begins, so that the first release is live, and baked, before the first row."""
    chain = chain_to(list(project.environments.items()), environment)
    baked_s = sum(parse_duration(project.environments[name].bake) for name in chain)
    return begin - timedelta(seconds=baked_s) - HOUR


def approver_token(server: Server, name: str) -> str:
    """The token of the person who approves, who is added unless the replay's ledger knows them; empty for nobody."""
    if not name:
        return ""
    try:
        return str(server.ask("people.add", person=name, role="approver")["token"])
    except RemoteError as error:
        if error.code != "governance.person_exists":
            raise
    return str(server.ask("tokens.create", person=name)["token"])


def bring_to_live(
    server: Server,
    controllers: Controllers,
    clock: FileClock,
    *,
    project: Project,
    environment: str,
    approver: str,
    say: Callable[[Progress], None],
) -> None:
    """Run, release and deploy what there is at the start, unless that was done before. Raises NotBegun."""
    known = {view["environment"]: view["release"] for view in server.ask("deployments.list")}
    controllers.settle()
    release = next(filter(None, known.values()), "") or _release(server, clock, say)
    for name in chain_to(list(project.environments.items()), environment):
        if name not in known:
            clock.set(clock.now() + timedelta(seconds=parse_duration(project.environments[name].bake)))
            _deploy(server, release, name, approver=approver)
            controllers.settle()
        _require_live(server, name)


def _release(server: Server, clock: FileClock, say: Callable[[Progress], None]) -> str:
    made = server.ask("releases.list")
    if made:
        return str(made[0]["name"])
    report = server.ask("runs.create", progress=say)
    finding = (report["verdict"] or {}).get("finding", "pass")
    if finding != "pass":
        checks = report["verdict"]["checks"]
        why = "; ".join(check["because"] for check in checks if check["finding"] != "pass")
        advice = "The first release is judged like any other; see what its gates ask of the rows before FILE begins."
        raise NotBegun(problem=f"the first run's verdict is {finding}. {why}", advice=advice)
    clock.set(clock.now() + timedelta(milliseconds=1))
    return str(server.ask("releases.create", progress=say)["name"])


def _deploy(server: Server, release: str, environment: str, *, approver: str) -> None:
    """Begin the deployment; approved first, where a person was named who may. Raises NotBegun."""
    try:
        server.ask("deployments.create", release=release, environment=environment)
    except RemoteError as error:
        if error.code != "release.not_approved":
            raise
        if not approver:
            advice = "Name somebody with --approve-as who approves, in the replay only."
            raise NotBegun(problem=str(error), advice=advice) from error
        request: dict[str, Any] = {"release": release, "environment": environment, "comment": "approved by the replay"}
        server.ask("approvals.create", token=approver, **request)
        server.ask("deployments.create", release=release, environment=environment)


def _require_live(server: Server, environment: str) -> None:
    view = server.ask("deployments.show", environment=environment)
    if view["state"] != "live":
        sentence = view["problem"] or (view["rollout"] or {}).get("sentence") or view["state"]
        release = (view["rollout"] or {}).get("candidate") or view["release"]
        advice = "The logs in the replay's folder tell more."
        raise NotBegun(problem=f"{release} is not live in {environment}: {sentence}", advice=advice)
