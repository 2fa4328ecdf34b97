"""Looks for what starts a run: moments of schedules, open alerts, files that changed. Says also what no longer holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from plimsoll.data.entities import DataVersion, FilesNow
from plimsoll.data.operations import get_version, look_at_files
from plimsoll.edge.context import Context
from plimsoll.kernel.clock import to_text
from plimsoll.kernel.hashing import digest_json
from plimsoll.kernel.ids import new_id
from plimsoll.monitor.entities import Alert, Concern
from plimsoll.pipeline.errors import RunMissing
from plimsoll.pipeline.operations import get_run
from plimsoll.project.entities import Project
from plimsoll.release.entities import Release
from plimsoll.release.operations.releases import get_release
from plimsoll.retrain.entities import Firing, Retraining, Trigger, Watch
from plimsoll.retrain.operations import runs_begun
from plimsoll.retrain.ports import Alerts
from plimsoll.rollout.operations import live_digest

CONCERNS = {
    Trigger.DRIFT: (Concern.DRIFT, Concern.PREDICTION_DRIFT),
    Trigger.DECAY: (Concern.DECAY,),
}
LOOK = timedelta(seconds=10)
"""Between two looks at the files of a dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One look at a dataset's files. What changes between two looks may be half written."""

    at: datetime
    files: FilesNow
    at_rest: bool
    """Whether they were the same at the look before."""


_GLANCES: dict[tuple[Path, str], Glance] = {}
"""This process's last look at each dataset's files: walking through many of them takes its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A dataset's files beside the version that the live release was made from."""

    dataset: str
    release: str
    version: DataVersion
    files: FilesNow
    at_rest: bool
    run: str
    """The run of a retraining that was made from these files; empty when none was."""

    @property
    def is_new(self) -> bool:
        return self.files.differ_from(self.version) and not self.run

    @property
    def state(self) -> str:
        """Identity of the files' content."""
        return digest_json([entry.digest for entry in self.files.entries])


@dataclass(slots=True)
class Senses:
    """What one turn sees of the world; each thing is looked at once."""

    context: Context
    project: Project
    _live: dict[str, Release | None] = field(default_factory=dict)
    _alerts: dict[str, tuple[Alert, ...]] = field(default_factory=dict)

    def live(self, environment: str) -> Release | None:
        """The environment's live release."""
        if environment not in self._live:
            digest = live_digest(self.context, environment)
            self._live[environment] = get_release(self.context, digest) if digest else None
        return self._live[environment]

    def alerts(self, environment: str) -> tuple[Alert, ...]:
        """The environment's alerts that are not resolved."""
        if environment not in self._alerts:
            source: Alerts = self.context.plugin("alerts", "ledger")
            self._alerts[environment] = source.open(project=self.context.project, environment=environment)
        return self._alerts[environment]

    def change(self, dataset: str, environment: str, *, ref: str = "") -> Change | None:
        """What became of a dataset since the live release was made; None when that was not made from it."""
        release = self.live(environment)
        digest = get_run(self.context, release.run).data.get(dataset) if release else None
        if release is None or digest is None or dataset not in self.project.data:
            return None
        known = self._version(dataset, digest)
        if known is None:
            return None
        glance = self._glance(dataset)
        runs = runs_begun(self.context, environment=environment, ref=ref) if glance.files.differ_from(known) else {}
        return Change(
            dataset=dataset,
            release=release.name,
            version=known,
            files=glance.files,
            at_rest=glance.at_rest,
            run=self._run_from(dataset, glance.files, runs),
        )

    def _run_from(self, dataset: str, files: FilesNow, runs: Iterable[str]) -> str:
        """The run among these that was made from just these files; empty without any."""
        for run in runs:
            try:
                digest = get_run(self.context, run).data.get(dataset)
            except RunMissing:  # it is bound to its retraining, and has not begun yet
                continue
            version = self._version(dataset, digest) if digest else None
            if version is not None and not files.differ_from(version):
                return run
        return ""

    def _version(self, dataset: str, digest: str) -> DataVersion | None:
        return get_version(self.context, project=self.context.project, dataset=dataset, digest=digest)

    def _glance(self, dataset: str) -> Glance:
        place, now = (self.context.workspace.state, dataset), self.context.clock.now()
        last = _GLANCES.get(place)
        if last is None or not now - LOOK < last.at <= now:
            root = self.context.workspace.root
            files = look_at_files(self.context, dataset, self.project.data[dataset], root=root)
            last = Glance(at=now, files=files, at_rest=last is not None and last.files == files)
            _GLANCES[place] = last
        return last


def firings_of_alerts(senses: Senses, watch: Watch) -> tuple[Firing, ...]:
    """A reason for each open alert about the live release that the watch is concerned with."""
    release = senses.live(watch.environment)
    if release is None:
        return ()
    return tuple(
        _firing(
            senses,
            watch,
            key=alert.id,
            because=alert.brief,
            evidence={
                "alert": alert.id,
                "concern": str(alert.concern),
                "subject": alert.subject,
                "release": alert.release,
                "opened_at": alert.opened_at,
            },
        )
        for alert in senses.alerts(watch.environment)
        if alert.concern in CONCERNS[watch.trigger] and alert.digest == release.digest
    )


def firings_of_data(senses: Senses, watch: Watch) -> tuple[Firing, ...]:
    """One reason when the dataset's files changed and have come to rest."""
    change = senses.change(watch.dataset, watch.environment, ref=watch.ref)
    if change is None or not (change.is_new and change.at_rest):
        return ()
    known = {entry.digest for entry in change.version.files}
    fresh = [entry.path for entry in change.files.entries if entry.digest not in known]
    told = f"{watch.dataset} has {_counted(len(fresh))}" if fresh else f"{watch.dataset} has lost files"
    return (
        _firing(
            senses,
            watch,
            key=f"{watch.dataset} {change.state} in {watch.environment}",
            because=f"{told} since {change.release} was made",
            evidence={
                "dataset": watch.dataset,
                "release": change.release,
                "version": change.version.digest,
                "files": change.state,
                "changed": fresh[:20],
            },
        ),
    )


def firing_of_schedule(senses: Senses, watch: Watch, due: datetime) -> Firing:
    """The reason that a schedule gives when it is due."""
    return _firing(
        senses,
        watch,
        key=f"{watch.schedule} at {to_text(due)} in {watch.environment}",
        because=f"the schedule {watch.schedule} was due at {to_text(due)[:16].replace('T', ' ')}",
        evidence={"schedule": watch.schedule, "due": to_text(due)},
    )


def notes_of(senses: Senses, retraining: Retraining) -> dict[str, str]:
    """Why reasons of a waiting request do not hold any more, by the firing's id."""
    notes = {}
    for firing in retraining.holding:
        note = _note(senses, retraining, firing)
        if note:
            notes[firing.id] = note
    return notes


def _note(senses: Senses, retraining: Retraining, firing: Firing) -> str:
    match firing.trigger:
        case Trigger.DRIFT | Trigger.DECAY:
            return _note_of_alert(senses, retraining.environment, firing)
        case Trigger.NEW_DATA:
            dataset = str(firing.evidence["dataset"])
            change = senses.change(dataset, retraining.environment, ref=retraining.ref)
            if change is None or change.is_new:
                return ""
            return f"{change.run or change.release} is made from {dataset} as it is"
        case _:
            return ""


def _note_of_alert(senses: Senses, environment: str, firing: Firing) -> str:
    alert = str(firing.evidence["alert"])
    if alert not in {found.id for found in senses.alerts(environment)}:
        return f"{alert} ({firing.because}) was resolved"
    release = senses.live(environment)
    if release is not None and firing.evidence["release"] != release.name:
        return f"{alert} is about {firing.evidence['release']}, and {release.name} is live"
    return ""


def _firing(senses: Senses, watch: Watch, *, key: str, because: str, evidence: dict[str, object]) -> Firing:
    now = senses.context.clock.now()
    return Firing(
        id=new_id("firing", at=now),
        trigger=watch.trigger,
        key=f"{key} for {watch.ref}" if watch.ref else key,
        because=because,
        evidence=evidence,
        fired_at=to_text(now),
    )


def _counted(files: int) -> str:
    return "a new or changed file" if files == 1 else f"{files:,} new or changed files"
