"""A project whose triggers are watched: a real ledger and audit chain, environments with a fake target, alerts and hands
that a test moves. What runs would make is put into the ledger as a run would.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.retrain.fake_alerts import FakeAlerts
from tests.rollout.controlled import Controlled

from plimsoll.edge.context import Caller, Context
from plimsoll.gates.entities import Champion, Finding
from plimsoll.kernel.clock import to_text
from plimsoll.ledger import leases
from plimsoll.ledger.leases import Lease
from plimsoll.monitor.entities import Alert
from plimsoll.pipeline import store as runs
from plimsoll.pipeline.entities import Run, RunState
from plimsoll.release.entities import Release
from plimsoll.retrain.controller import reconcile
from plimsoll.retrain.decide import judge_again
from plimsoll.retrain.entities import Failed, Judged, Refused, Released, Retraining, Running
from plimsoll.retrain.operations import claim, give_back, open_retrainings, report
from plimsoll.retrain.seen import Step
from plimsoll.server.wiring import RETRAINER

PROJECT = """
project: fraud
code: steps.py
data:
  orders: {path: orders.csv}
model: {from: train, task: binary_classification, label: returned, holdout: holdout}
gates:
  - {metric: accuracy, min: 0.5}
environments:
  staging: {port: 8500, rollout: {warm: 1m}%STAGING%}
  production: {port: 8600, after: staging, rollout: {warm: 1m}%PRODUCTION%}
retrain:
%RULES%
  - {limits: {cooldown: 6h, per_day: 4}}
"""
DRIFT = "  - {on: drift}"


def project_file(*rules: str, staging: str = "", production: str = "") -> str:
    """The project's file with these triggers, and more settings of its environments."""
    text = PROJECT.replace("%RULES%", "\n".join(rules))
    return text.replace("%STAGING%", staging).replace("%PRODUCTION%", production)


@dataclass
class FakeHands:
    """Implements retrain.ports.Hands: does at once what a test says, with the operations that real ones use."""

    world: Watched
    does: str = "pass"
    """pass, stale (once, then pass), fail, inconclusive, error, die (after taking it on), vanish (before), wait (never ends)."""
    sent: list[tuple[str, int]] = field(default_factory=list)
    """Every errand: the retraining and the attempt."""
    let_go_of: list[frozenset[str]] = field(default_factory=list)

    def see_to(self, retraining: Retraining) -> bool:
        assert isinstance(retraining.state, Running | Judged)
        errand = (retraining.id, retraining.state.attempt)
        if errand in self.sent:
            return self.does == "wait"
        self.sent.append(errand)
        if self.does in ("vanish", "wait"):
            return self.does == "wait"
        mine = claim(self.world.machine(), retraining.id, attempt=retraining.state.attempt)
        assert mine is not None
        if self.does == "die":
            self.world.forget_worker(mine)
            return True
        while mine is not None and mine.worker and isinstance(mine.state, Running | Judged):
            mine = report(self.world.machine(), mine, self._result(mine))
        return True

    def let_go(self, working: frozenset[str]) -> None:
        self.let_go_of.append(working)

    def take_on(self, retraining: Retraining) -> Retraining:
        """Claim it as another process would that works on and on."""
        assert isinstance(retraining.state, Running | Judged)
        mine = claim(self.world.machine(), retraining.id, attempt=retraining.state.attempt)
        assert mine is not None
        return mine

    def give_back(self, mine: Retraining) -> None:
        give_back(self.world.machine(), mine)

    def _result(self, mine: Retraining) -> Step:
        match mine.state:
            case Judged(attempt=1) as judged if self.does == "stale":
                return judge_again(judged, self.world.clock.now(), because="release.stale_verdict: it is stale")
            case Judged(run=run):
                release = self.world.make_release(run, owners=mine.owners)
                return Step(state=Released(release=release.name, digest=release.digest), sentence="released")
            case Running(run=run, attempt=attempt, since=since) if self.does in ("pass", "stale"):
                return Step(state=Judged(run=run, verdict="v", attempt=attempt, since=since), sentence="passed")
            case Running() if self.does == "error":
                return Step(state=Failed(because="pipeline.step_failed: no"), sentence="pipeline.step_failed: no")
            case _:
                return Step(state=Refused(because=f"a {self.does}", finding=self.does), sentence=f"a {self.does}")


@dataclass
class Watched(Controlled):
    """The project with its triggers."""

    alerts: FakeAlerts = field(default_factory=FakeAlerts)

    def __post_init__(self) -> None:
        self.hands = FakeHands(self)

    def context(self, caller: Caller | None = None) -> Context:
        plain = Controlled.context(self, caller)
        return Context(
            caller=plain.caller,
            clock=plain.clock,
            database=plain.database,
            artifacts=plain.artifacts,
            workspace=plain.workspace,
            project=plain.project,
            plugin=lambda group, name: self.alerts if group == "alerts" else self.target,
        )

    def machine(self) -> Context:
        """What the controller and the workers act with."""
        return self.context(RETRAINER)

    def write(self, *rules: str, staging: str = "", production: str = "") -> None:
        """Another project file."""
        self.workspace.project_file.write_text(project_file(*rules, staging=staging, production=production))

    def release(
        self,
        number: int,
        *,
        finding: Finding = Finding.PASS,
        against: tuple[Champion, ...] = (),
        owners: tuple[str, ...] = (),
        data: dict[str, str] | None = None,
        code: str = "",
    ) -> Release:
        """A release with its run in the ledger. code: the digest of its files."""
        release = Controlled.release(self, number, finding=finding, against=against)
        self.run(release.run, scorer=f"s{number}", owners=owners, data=data or {}, code_digest=code)
        return release

    def run(self, name: str, *, scorer: str = "", **fields: Any) -> None:
        """A run that has ended."""
        made = Run(
            id=name, project="fraud", state=RunState.RUNNING, created_by="ann",
            started_at=to_text(self.clock.now()), commit="c0ffee", **fields,
        )  # fmt: skip
        with self.database.write() as transaction:
            runs.insert_run(transaction, made, process="")
            runs.end_run(
                transaction, run=made.id, state=RunState.DONE, ended_at=made.started_at, scorer=scorer, error=""
            )

    def make_release(self, _run: str, *, owners: tuple[str, ...]) -> Release:
        """What comes of a retraining's run that passed."""
        row = self.count("releases") + 1
        return self.release(row, owners=owners)

    def count(self, table: str) -> int:
        with self.database.read() as transaction:
            row = transaction.one(f"SELECT COUNT(*) AS n FROM {table}")
        assert row is not None
        return int(row["n"])

    def first_release(self, *environments: str) -> Release:
        """The first release, live wherever it shall be."""
        release = self.release(1)
        for environment in environments or ("staging", "production"):
            self.make_live(release, environment)
        return release

    def forget_worker(self, mine: Retraining) -> None:
        """As if the process that took it on had ended without a word."""
        with self.database.write() as transaction:
            transaction.execute(
                "UPDATE retrainings SET worker = :gone WHERE id = :id",
                gone=mine.worker.replace(mine.worker.split()[1], "4194305"),
                id=mine.id,
            )

    def drift(self, release: Release, **fields: Any) -> Alert:
        return self.alerts.raise_alert(release=release.name, digest=release.digest, **fields)

    def trigger_lease(self, *, since: datetime | None = None) -> Lease:
        self.controllers += 1
        with self.database.write() as transaction:
            lease = leases.take(
                transaction, "triggers/fraud", holder=f"watcher {self.controllers}", now=since or self.clock.now(),
                lasting_s=1e6, is_gone=lambda _holder: True,
            )  # fmt: skip
        assert lease is not None
        return lease

    def watch(self, lease: Lease | None = None) -> float:
        """One turn of the triggers' loop."""
        return reconcile(self.machine(), lease or self.trigger_lease(), hands=self.hands)

    def both(self, count: int = 1, *, step_s: float = 5.0) -> None:
        """Turns of both loops, with time between them."""
        for _ in range(count):
            self.watch()
            self.turn()
            self.clock.advance(timedelta(seconds=step_s))

    def open(self) -> tuple[Retraining, ...]:
        return open_retrainings(self.machine())

    def retrainings(self) -> list[dict[str, Any]]:
        """Latest first."""
        found: list[dict[str, Any]] = self.ask("retrainings.list")
        return found

    def latest_retraining(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("retrainings.show")
        return found
