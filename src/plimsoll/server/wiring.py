"""Puts the parts together: finds the workspace, opens the ledger, names the plugins, makes contexts.

The only place that knows every area. `call` is what commands reach when they work in this process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.edge.context import Caller, Context, Grant, Progress, Role, silent
from plimsoll.edge.operations import perform, table
from plimsoll.governance.operations import authenticate, local_caller
from plimsoll.kernel.clock import Clock, SystemClock, workspace_clock
from plimsoll.kernel.collector import collector_at_rest
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database, connect
from plimsoll.ledger.leases import Lease, LeaseLost
from plimsoll.ledger.migrate import migrate
from plimsoll.project.find import find_project

OPERATIONS = (
    "governance.operations",
    "project.operations",
    "data.operations",
    "pipeline.operations",
    "gates.operations",
    "release.operations.runs",
    "release.operations.releases",
    "release.operations.comparing",
    "release.operations.reproducing",
    "release.operations.tracing",
    "rollout.operations",
    "monitor.operations",
    "retrain.operations",
    "storage.operations",
    "sweep.operations",
    "integrations.mlflow.operations",
    "server.operations",
)
"""The modules that register operations: low to high, but what a run does not need comes after what it needs."""

PLUGINS: dict[tuple[str, str], str] = {
    ("alerts", "ledger"): "plimsoll.monitor.operations:LedgerAlerts",
    ("champions", "ledger"): "plimsoll.rollout.operations:LedgerChampions",
    ("controllers", "turns"): "plimsoll.server.turns:Turns",
    ("notifier", "apprise"): "plimsoll.integrations.notify:AppriseNotifier",
    ("runtimes", "uv"): "plimsoll.targets.runtimes:workspace_runtimes",
    ("tracker", "mlflow"): "plimsoll.integrations.mlflow.tracker:MlflowTracker",
    ("target", "process"): "plimsoll.targets.process:ProcessTarget",
}
"""(group, name) -> import string of a factory that takes the workspace and the database."""


CONTROLLER = Caller(name="plimsoll:controller", grants=(Grant(role=Role.ADMIN),))
"""On whose behalf the controllers work; no person can have a name with a colon."""

MONITOR = Caller(name="plimsoll:monitor", grants=(Grant(role=Role.ADMIN),))
"""On whose behalf alerts are opened and ended."""

RETRAINER = Caller(name="plimsoll:retrain", grants=(Grant(role=Role.ADMIN),))
"""On whose behalf triggers fire, and retrainings are carried out."""

PUBLISHER = Caller(name="plimsoll:mlflow", grants=(Grant(role=Role.ADMIN),))
"""On whose behalf releases are shown in MLflow's registry."""

NEEDS_A_TURN: dict[str, tuple[str, ...]] = {
    "releases.create": ("mlflow",),
    "deployments.create": ("controllers", "mlflow"),
    "deployments.rollback": ("controllers", "mlflow"),
    "deployments.stop": ("controllers", "mlflow"),
    "deployments.show": ("controllers", "mlflow"),
    "rollouts.order": ("controllers", "mlflow"),
    "rollouts.show": ("controllers",),
    "retrainings.create": ("triggers", "controllers"),
    "retrainings.follow": ("triggers", "controllers"),
}
"""After these, and without a server, a command has to do the work of these loops itself."""

OF_SOME_PROJECTS = {"mlflow": "mlflow:"}
"""Loops that have work only where the project file says this word: others need not wait for a lease to find that out."""

LOOKS_FIRST: dict[str, tuple[str, ...]] = {"monitors.show": ("monitors",), "alerts.list": ("monitors",)}
"""Before these, likewise: what they show is what was measured."""


def find_workspace(start: Path) -> Workspace:
    """The workspace around a folder. Raises ProjectNotFound."""
    return workspace_at(find_project(start))


def workspace_at(root: Path) -> Workspace:
    """The workspace of a project folder; PLIMSOLL_STATE and PLIMSOLL_LEDGER move its state and its ledger."""
    state = Path(os.environ.get("PLIMSOLL_STATE", root / ".plimsoll")).absolute()
    ledger = os.environ.get("PLIMSOLL_LEDGER", f"sqlite:///{state}/ledger.sqlite")
    return Workspace(root=root.absolute(), state=state, ledger_url=ledger)


def project_name(workspace: Workspace) -> str:
    """The name on the project file's first level, read without validating the rest; empty when it cannot be."""
    for line in workspace.project_file.read_text(encoding="utf-8", errors="replace").splitlines():
        key, colon, value = line.partition(":")
        if colon and key == "project":
            return value.partition("#")[0].strip().strip("\"'")
    return ""


@lru_cache(maxsize=8)
def open_ledger(url: str) -> Database:
    """The ledger behind a URL, migrated, opened once a process."""
    database = connect(url)
    migrate(database, clock=SystemClock())
    return database


@lru_cache(maxsize=64)
def plugin(workspace: Workspace, group: str, name: str) -> Any:
    """A plugin of a workspace, made once a process: a target remembers how far it has read what doors counted."""
    module, _, factory = PLUGINS[group, name].partition(":")
    return getattr(import_module(module), factory)(workspace, open_ledger(workspace.ledger_url))


def make_context(
    workspace: Workspace,
    *,
    caller: Caller,
    clock: Clock | None = None,
    progress: Callable[[Progress], None] = silent,
) -> Context:
    """A context over a workspace for one caller."""
    return Context(
        caller=caller,
        clock=clock or workspace_clock(workspace),
        database=open_ledger(workspace.ledger_url),
        artifacts=FolderStore(workspace.artifacts),
        workspace=workspace,
        project=project_name(workspace),
        plugin=lambda group, name: plugin(workspace, group, name),
        progress=progress,
    )


def load_operations(name: str | None = None) -> None:
    """Import what registers operations, so that the table is complete; with a name, only as far as it needs."""
    if name is not None and any(row.name == name for row in table()):
        return
    with collector_at_rest():
        for module in OPERATIONS:
            import_module(f"plimsoll.{module}")
            if name is not None and any(row.name == name for row in table()):
                return


def current_workspace() -> Workspace:
    """The workspace around the current folder. Raises ProjectNotFound."""
    return find_workspace(Path.cwd())


def call(
    name: str, payload: dict[str, Any], progress: Callable[[Progress], None], *, folder: Path | None = None
) -> Any:
    """Perform an operation in this process, as the holder of PLIMSOLL_TOKEN or as the local person.

    folder: where the project is looked for; the current folder unless told.
    """
    load_operations(name)
    workspace = find_workspace(folder or Path.cwd())
    database = open_ledger(workspace.ledger_url)
    token = os.environ.get("PLIMSOLL_TOKEN")
    clock = workspace_clock(workspace)
    caller = authenticate(database, token) if token else local_caller(database, workspace, clock)
    context = make_context(workspace, caller=caller, clock=clock, progress=progress)
    for loop in LOOKS_FIRST.get(name, ()):
        turn_without_server(workspace, loop, progress)
    answer = perform(name, payload, context)
    for loop in NEEDS_A_TURN.get(name, ()):
        turn_without_server(workspace, loop, progress)
    return answer


def control_turn(workspace: Workspace, lease: Lease) -> float:
    """One turn over deployments, on behalf of the system itself; seconds until the next one is due."""
    from plimsoll.rollout.controller import reconcile

    return reconcile(make_context(workspace, caller=CONTROLLER), lease)


def monitor_turn(workspace: Workspace, lease: Lease) -> float:
    """One turn over what live releases answered; seconds until the next one is due."""
    from plimsoll.monitor.controller import reconcile

    return reconcile(make_context(workspace, caller=MONITOR), lease)


def retrain_turn(workspace: Workspace, lease: Lease, *, in_front_of: Callable[[Progress], None] | None = None) -> float:
    """One turn over triggers and retrainings; seconds until the next one is due.

    in_front_of: who waits, so that runs are carried out in this process; None sends processes of their own.
    """
    from plimsoll.retrain.controller import reconcile
    from plimsoll.retrain.work import OwnHands

    context = make_context(workspace, caller=RETRAINER, progress=in_front_of or silent)
    return reconcile(context, lease, hands=OwnHands(context) if in_front_of else None)


def mlflow_turn(workspace: Workspace, lease: Lease, *, in_front_of: Callable[[Progress], None] | None = None) -> float:
    """One turn over what MLflow shows of releases; seconds until the next one is due.

    in_front_of: who waits for something else, and for whom it is a warning that MLflow could not be told.
    """
    from plimsoll.integrations.mlflow.controller import reconcile

    del lease  # what is told to MLflow may be told twice
    try:
        return reconcile(make_context(workspace, caller=PUBLISHER))
    except PlimsollError as error:
        if in_front_of is None:
            raise
        in_front_of(Progress(task="mlflow", message=f"{error} ({error.code})", stays=True))
        return 0.0


def turn_without_server(workspace: Workspace, loop: str, progress: Callable[[Progress], None] = silent) -> None:
    """Do a loop's work once, in front of whoever asked, unless a server does it or the project has no such work."""
    word = OF_SOME_PROJECTS.get(loop)
    if word is not None and word not in workspace.project_file.read_text(encoding="utf-8", errors="replace"):
        return
    from plimsoll.server.control import brief_control

    database, project = open_ledger(workspace.ledger_url), project_name(workspace)
    with brief_control(database, project=project, clock=SystemClock(), loop=loop) as lease:
        if lease is None:
            return
        with suppress(LeaseLost):
            match loop:
                case "triggers":
                    retrain_turn(workspace, lease, in_front_of=progress)
                case "monitors":
                    monitor_turn(workspace, lease)
                case "mlflow":
                    mlflow_turn(workspace, lease, in_front_of=progress)
                case _:
                    control_turn(workspace, lease)
