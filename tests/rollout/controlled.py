"""A project whose environments are controlled: a real ledger and audit chain, sealed bundles, a fake target, a clock."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.rollout.fake_target import FakeTarget
from tests.rollout.worlds import a_stage

from plimsoll.artifacts.folder import FolderStore
from plimsoll.bundle.layout import write_bundle
from plimsoll.bundle.runtime import lock_text
from plimsoll.bundle.signing import signer
from plimsoll.edge.context import Caller, Context, Role
from plimsoll.edge.operations import perform
from plimsoll.gates import store as verdicts
from plimsoll.gates.entities import Champion, Finding, Verdict
from plimsoll.governance.operations import authenticate
from plimsoll.kernel.clock import ManualClock, to_text
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger import leases
from plimsoll.ledger.engine import Database
from plimsoll.ledger.leases import Lease
from plimsoll.release import store as releases
from plimsoll.release.entities import Release
from plimsoll.rollout import store
from plimsoll.rollout.controller import reconcile
from plimsoll.rollout.decisions import Decision
from plimsoll.rollout.entities import Desired, Rollout
from plimsoll.server.wiring import CONTROLLER

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PRODUCTION = "production"
PROJECT = """
project: fraud
code: steps.py
environments:
  staging: {port: 8500, rollout: {warm: 1m}}
  production:
    port: 8600
    rollout: {strategy: all-at-once, warm: 1m}
  canary:
    port: 8700
    rollout: {strategy: canary, stages: [10, 50], hold: 10s, warm: 1m, stage_deadline: 1h, enough: {requests: 200, max_added_errors: 5%}}
  guarded:
    port: 8800
    approvals: [{role: approver}]
  later: {port: 8900, after: staging, bake: 2h}
"""
TABLES = (
    "deployments",
    "deployment_history",
    "rollouts",
    "rollout_decisions",
    "rollout_orders",
    "effects",
    "leases",
)


@dataclass
class Controlled:
    """The project, whoever acts in it, and its controller's turns."""

    workspace: Workspace
    database: Database
    clock: ManualClock
    admin: Caller
    target: FakeTarget = field(default_factory=FakeTarget)
    controllers: int = 0

    def context(self, caller: Caller | None = None) -> Context:
        return Context(
            caller=caller or self.admin,
            clock=self.clock,
            database=self.database,
            artifacts=FolderStore(self.workspace.artifacts),
            workspace=self.workspace,
            project="fraud",
            plugin=lambda group, name: self.target,
        )

    def ask(self, operation: str, *, caller: Caller | None = None, **payload: Any) -> Any:
        return perform(operation, payload, self.context(caller))

    def add(self, person: str, role: Role) -> Caller:
        """Somebody new who holds the role."""
        token = self.ask("people.add", person=person, role=role)["token"]
        return authenticate(self.database, token)

    def release(self, number: int, *, finding: Finding = Finding.PASS, against: tuple[Champion, ...] = ()) -> Release:
        """A sealed bundle with its verdict, in the ledger; nothing in it can be loaded, and nobody tries."""
        context = self.context()
        now, run = to_text(self.clock.now()), f"run-{number}"
        verdict = Verdict(
            id=f"verdict-{number}", run=run, finding=finding, checks=(), champions=against, holdout="", rows=100,
            decided_at=now,
        )  # fmt: skip
        lock_digest = context.artifacts.put_bytes(lock_text().encode())
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            (folder / "scorer").mkdir()
            (folder / "scorer" / "model.txt").write_text(f"the model of release {number}")
            (folder / "lock.txt").write_text(lock_text())
            digest = write_bundle(
                folder, signer=signer(self.workspace.keys), project="fraud", number=number, run=run, commit="c0ffee",
                authors=("ann",), dirty=(), data={}, lock_digest=lock_digest, verdict=verdict.id, created_by="ann",
                created_at=now, compiled=None,
            )  # fmt: skip
            tree = context.artifacts.put_tree(folder)
        release = Release(
            name=f"fraud@{number}", project="fraud", number=number, digest=digest, tree=tree, run=run,
            verdict=verdict.id, lock_digest=lock_digest, commit="c0ffee", dirty=(), authors=("ann",), compiled=None,
            compile_note="", created_by="ann", created_at=now,
        )  # fmt: skip
        with self.database.write() as transaction:
            verdicts.insert(transaction, verdict, project="fraud")
            assert releases.insert(transaction, release)
        return release

    def deploy(self, release: Release, environment: str = PRODUCTION, **payload: Any) -> Any:
        return self.ask("deployments.create", release=release.name, environment=environment, **payload)

    def order(self, order: str, environment: str = PRODUCTION, **payload: Any) -> Any:
        return self.ask("rollouts.order", environment=environment, order=order, **payload)

    def rollback(self, environment: str = PRODUCTION, **payload: Any) -> Any:
        return self.ask("deployments.rollback", environment=environment, **payload)

    def stop(self, environment: str = PRODUCTION) -> Any:
        return self.ask("deployments.stop", environment=environment)

    def show(self, environment: str = PRODUCTION) -> Any:
        return self.ask("deployments.show", environment=environment)

    def lease(self, holder: str = "", *, lasting_s: float = 1e6) -> Lease:
        """The controllers' lease as a new process takes it over from one that has ended."""
        self.controllers += 1
        with self.database.write() as transaction:
            lease = leases.take(
                transaction, "controllers/fraud", holder=holder or f"controller {self.controllers}",
                now=self.clock.now(), lasting_s=lasting_s, is_gone=lambda _holder: True,
            )  # fmt: skip
        assert lease is not None
        return lease

    def turn(self, lease: Lease | None = None) -> None:
        """One turn of a controller."""
        reconcile(self.context(CONTROLLER), lease or self.lease())

    def turns(self, count: int, *, step_s: float = 1.0) -> None:
        """Some turns, with time between them."""
        for _ in range(count):
            self.turn()
            self.clock.advance(timedelta(seconds=step_s))

    def until(self, reached: Callable[[], bool], *, step_s: float = 5.0) -> None:
        """Turns until something has come about."""
        for _ in range(100):
            if reached():
                return
            self.turns(1, step_s=step_s)
        raise AssertionError(f"it never came about: {[desired.environment for desired in self.target.told]}")

    def finish(self, environment: str = PRODUCTION, *, step_s: float = 20.0) -> None:
        """Turns until nothing is under way and the target was told."""
        self.until(lambda: self.under_way(environment) is None, step_s=step_s)
        self.turn()

    def make_live(self, release: Release, environment: str = PRODUCTION) -> None:
        """Deploy a release without any judging, to its end."""
        self.deploy(release, environment, strategy="all-at-once")
        self.finish(environment)
        assert self.live(environment) == release.name

    def serve(self, requests: int, *, environment: str = "canary", errors: int = 0, champion_errors: int = 0) -> None:
        """The present stage's cumulative counts: the candidate had so many requests, the champion what belongs to it."""
        rollout = self.under_way(environment)
        assert rollout is not None
        (desired,) = self.target.told[-1:]
        assert desired.traffic is not None, "no stage is told, so nothing is counted"
        share = desired.traffic.candidate_pct / 100
        counts = a_stage(requests, share=share, errors=errors, champion_errors=champion_errors)
        self.target.counted[rollout.id, desired.traffic.stage] = counts

    def serve_copies(self, requests: int, *, environment: str = "canary") -> None:
        """The present stage's cumulative counts where every request is copied to the other arm."""
        rollout = self.under_way(environment)
        assert rollout is not None
        both = a_stage(requests, share=0.5)
        self.target.counted[rollout.id, 0] = both

    def under_way(self, environment: str = PRODUCTION) -> Rollout | None:
        with self.database.read() as transaction:
            return store.rollout_under_way(transaction, project="fraud", environment=environment)

    def latest(self, environment: str = PRODUCTION) -> Rollout:
        with self.database.read() as transaction:
            (found,) = store.rollouts(transaction, project="fraud", environment=environment, most=1)
        return found

    def decisions(self, environment: str = PRODUCTION) -> tuple[Decision, ...]:
        """The record of the latest rollout."""
        identifier = self.latest(environment).id
        with self.database.read() as transaction:
            return store.decisions(transaction, identifier)

    def states(self, environment: str = PRODUCTION) -> list[str]:
        """The states that the latest rollout went through, without repetitions."""
        names: list[str] = []
        for decision in self.decisions(environment):
            index = getattr(decision.state, "index", None)
            name = type(decision.state).__name__ + ("" if index is None else f" {index}")
            if names[-1:] != [name]:
                names.append(name)
        return names

    def live(self, environment: str = PRODUCTION) -> str:
        """The name of the release that is live by decision; empty when nothing shall run."""
        with self.database.read() as transaction:
            found = store.find(transaction, project="fraud", environment=environment)
        return found.release if found is not None and found.wanted == "running" else ""

    def history(self, environment: str = PRODUCTION) -> list[tuple[str, str]]:
        rows = self.ask("deployments.history", environment=environment)
        return [(row["release"], row["wanted"]) for row in rows]

    def actions(self) -> list[str]:
        """The audit chain's actions, oldest first."""
        return [event["action"] for event in reversed(self.ask("audit.list", limit=1000))]

    def told(self, environment: str = PRODUCTION) -> list[Desired]:
        """What the target was told, without what differs between equal lives: revisions and ids; no repetitions."""
        found: list[Desired] = []
        for desired in self.target.told:
            traffic = replace(desired.traffic, rollout="") if desired.traffic else None
            plain = replace(desired, revision=0, traffic=traffic)
            if desired.environment == environment and found[-1:] != [plain]:
                found.append(plain)
        return found

    def loaded(self, environment: str = PRODUCTION) -> list[str]:
        """What the target shall have loaded by what it was told last."""
        return [release.name for release in self.told(environment)[-1].releases]

    def wipe(self) -> None:
        """Forget every deployment and rollout, as if the project were new; releases and the audit chain stay."""
        with self.database.write() as transaction:
            for table in TABLES:
                transaction.execute(f"DELETE FROM {table}")
        self.target = FakeTarget()
        self.clock = ManualClock(START)

    def check(self) -> None:
        """What holds at the end of every story: the audit chain verifies, and revisions only grew."""
        report = self.ask("audit.verify")
        assert report["ok"], report
        for environment in {desired.environment for desired in self.target.told}:
            revisions = [item.revision for item in self.target.told if item.environment == environment]
            assert revisions == sorted(set(revisions))
