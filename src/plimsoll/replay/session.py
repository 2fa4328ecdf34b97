"""One session of a replay, from its settings to its report: begun anew, gone on with, or told again when it is over."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from plimsoll.edge.context import Progress
from plimsoll.kernel.clock import FileClock
from plimsoll.kernel.workspace import Workspace
from plimsoll.project.entities import Project
from plimsoll.project.environments import find_environment
from plimsoll.project.load import load_project
from plimsoll.replay import report
from plimsoll.replay.begin import approver_token, bring_to_live, start_of
from plimsoll.replay.controllers import Controllers
from plimsoll.replay.entities import Settings, Span
from plimsoll.replay.errors import CannotFeed, NoModel
from plimsoll.replay.figures import figures_of
from plimsoll.replay.folder import alone_in, copied_workspace, copy_project, feed_file
from plimsoll.replay.journal import Journal, read_settings, require_same, write_settings
from plimsoll.replay.moments import ticks_of
from plimsoll.replay.play import Player, Stage
from plimsoll.replay.recorded import columns_of, span_of, take, time_column
from plimsoll.replay.sending import Door
from plimsoll.replay.server import Server, end_doors

ROWS = "rows.parquet"
Say = Callable[[Progress], None]
Tell = Callable[[str], None]


def settings_of(project: Project, files: str, wanted: Mapping[str, Any]) -> Settings:
    """What is replayed and how, with every default filled in.

    wanted: the settings as people gave them; an empty time, label or environment is the project's. Raises NoModel,
    UnknownEnvironment, CannotFeed, NoRows, NoTime, BadRows.
    """
    if project.model is None:
        raise NoModel(project=project.project)
    environment = wanted["environment"] or next(reversed([*project.environments]), "")
    find_environment(project, environment)
    if wanted["feed"] and wanted["feed"] not in project.data:
        known = f"the datasets are {', '.join(project.data) or 'none'}"
        raise CannotFeed(dataset=wanted["feed"], problem=f"there is no such dataset; {known}")
    columns = columns_of(files)
    known_times = [dataset.time for dataset in project.data.values() if dataset.time]
    time = time_column(columns, wanted["time"], known=known_times, files=files)
    names = [name for name, _ in columns]
    label = wanted["label"] or (project.model.label if project.model.label in names else "")
    if label:
        time_column(columns, label, known=(), files=files)
    return Settings(**{**wanted, "files": files, "environment": environment, "time": time, "label": label})


def replay(
    root: Path,
    folder: Path,
    settings: Settings,
    *,
    speed: float | None,
    connections: int,
    say: Say,
    tell: Tell,
) -> dict[str, Any]:
    """Play recorded rows in a folder of the replay's own; returns the report. Nothing is left running, however it ends.

    say: progress. tell: what happens in the replayed world, a line each.
    """
    with alone_in(folder), _ended_like_ctrl_c():
        before = read_settings(folder)
        if before is not None:
            require_same(folder, before[0], settings)
            if before[1]:
                return report.kept(folder)
        project = load_project(root / "plimsoll.yaml")
        workspace = copied_workspace(folder, root)
        span = _prepare(root, folder, project, workspace, settings, is_new=before is None, say=say)
        server = Server(workspace, logs=folder / "logs")
        try:
            server.start()
            found = _play(server, folder, project, workspace, settings, span, speed, connections, say, tell)
        finally:
            for problem in server.stop():
                tell(problem)
        report.keep(folder, found)
        write_settings(folder, settings, finished=True)
        return found


def _prepare(
    root: Path, folder: Path, project: Project, workspace: Workspace, settings: Settings, *, is_new: bool, say: Say
) -> Span:
    """Have the rows, the copy of the project and the clock in the folder."""
    if not is_new:
        end_doors(workspace)  # of a replay that was killed: they would not know of a new server
        return span_of(folder / ROWS)
    say(Progress(task="replay", message=f"reading {settings.files}"))
    missing = next((data.missing for data in project.data.values() if data.time == settings.time), ())
    span = take(settings.files, folder / ROWS, time=settings.time, missing=missing)
    say(Progress(task="replay", message="copying the project"))
    copy_project(root, folder, project, begin=span.begin)
    if settings.feed:
        feed_file(settings.feed, project.data[settings.feed], workspace.root, span.begin)
    FileClock.create(workspace.clock, start_of(project, settings.environment, span.begin))
    write_settings(folder, settings)
    return span


def _play(
    server: Server,
    folder: Path,
    project: Project,
    workspace: Workspace,
    settings: Settings,
    span: Span,
    speed: float | None,
    connections: int,
    say: Say,
    tell: Tell,
) -> dict[str, Any]:
    logs = str(folder / "logs")
    clock = FileClock(workspace.clock, writable=True)
    approver = approver_token(server, settings.approve_as)
    run_time = timedelta(seconds=settings.run_time_s)
    controllers = Controllers(server, clock, run_time=run_time, approver=approver, say=say, logs=logs)
    bring_to_live(
        server, controllers, clock, project=project, environment=settings.environment, approver=approver, say=say
    )
    address = server.ask("deployments.show", environment=settings.environment)["address"]
    door = Door(address, model=project.project, connections=connections)
    journal = Journal(folder)
    stage = Stage(
        settings=settings,
        project=project,
        workspace=workspace,
        rows=folder / ROWS,
        span=span,
        journal=journal,
        clock=clock,
        server=server,
        door=door,
        controllers=controllers,
        ticks=ticks_of(project),
        logs=logs,
    )
    news = _News(server, settings, tell)
    player = Player(stage, speed=speed, say=say, each_day=news.tell)
    try:
        tally = player.play()
    finally:
        door.close()
        journal.close()
    say(Progress(task="replay", message="measuring what was answered"))
    figures = figures_of(
        project,
        workspace,
        environment=settings.environment,
        rows=folder / ROWS,
        label=settings.label,
        sent=journal.sent,
    )
    gathered = report.gather(server, settings)
    return report.compose(gathered, settings=settings, span=span, sent=journal.sent, tally=tally, figures=figures)


class _News:
    """Tells what is new in the replayed world since the last time: once each alert, verdict and release."""

    def __init__(self, server: Server, settings: Settings, tell: Tell) -> None:
        self._server = server
        self._settings = settings
        self._tell = tell
        self._told: set[str] = set()

    def tell(self) -> None:
        found = report.gather(self._server, self._settings)
        news = [(one["at"], one["at"], f"{one['release']} is live") for one in found["live"]]
        news += [
            (one["at"], one["alert"], f"alert, {one['concern']} of {one['subject']}: {one['sentence']}")
            for one in found["alerts"]
        ]
        news += [
            (one["ended_at"], one["id"], f"retraining {one['standing']}: {one['sentence']}")
            for one in found["retrainings"]
            if one["ended_at"]
        ]
        for at, key, sentence in sorted(news):
            if key not in self._told:
                self._told.add(key)
                self._tell(f"{at[:16].replace('T', ' ')}  {sentence}")


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """SIGTERM ends a replay as Ctrl-C does: in order, with nothing left running."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
