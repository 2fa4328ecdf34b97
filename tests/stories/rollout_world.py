"""A project with two releases, two servers on one ledger and steady load, in which rollouts are played and things killed.

Everything is real: servers, doors and workers are processes, the load comes over keep-alive connections. What must
hold after a round is said in rollout_checks.py.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.stories.rollout_load import LoadFiles
from tests.stories.rollout_rounds import PHASES, TOO_LATE, Kill, Round, Told, Victim, where
from tests.stories.workspace import ProjectFolder, until

from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database
from plimsoll.rollout import store
from plimsoll.rollout.entities import Rollout
from plimsoll.server.wiring import open_ledger
from plimsoll.serving.shim.sockets import control_socket
from plimsoll.serving.shim.state import read_state

END_WITHIN_S = 60.0
RULES = {
    "strategy": "canary", "stages": [5, 25, 50], "hold": "500ms", "look": "200ms", "warm": "1500ms",
    "enough": {"requests": 20, "max_added_errors": "20%"},
}  # fmt: skip
"""Three stages and a warm previous release, in a few seconds; every other rule is the default."""


@dataclass
class World:
    """The workspace with its servers and its load."""

    project: ProjectFolder
    environment: str
    releases: tuple[str, str]
    sticks: str
    """The column of a request by which a caller can stick to a release."""
    bodies: list[bytes]
    rate: float
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    lengths: dict[str, float] = field(default_factory=dict)
    """How long each phase lasted when nothing was killed."""

    @property
    def workspace(self) -> Workspace:
        state = self.project.root / ".plimsoll"
        url = self.project.environment.get("PLIMSOLL_LEDGER", f"sqlite:///{state}/ledger.sqlite")
        return Workspace(root=self.project.root, state=state, ledger_url=url)

    @property
    def ledger(self) -> Database:
        return open_ledger(self.workspace.ledger_url)

    @property
    def state(self) -> Path:
        """The environment's folder."""
        return self.workspace.environment(self.environment)

    # The processes.

    def start_server(self) -> subprocess.Popen[bytes]:
        """One more `plimsoll up`, once it answers."""
        log = self.project.root.parent / f"up-{len(self.servers) + 1}.log"
        server = self.project.start("up", "--port", "0", log=log)
        self.servers.append(server)
        until(lambda: "is up for" in log.read_text() or server.poll() is not None, of="the server")
        assert server.poll() is None, log.read_text()
        return server

    def leader(self) -> int:
        """The pid of the process that holds the controllers' lease."""
        with self.ledger.read() as transaction:
            row = transaction.one("SELECT holder FROM leases WHERE name LIKE 'controllers/%'")
        return int(row["holder"].split()[-2]) if row and row["holder"] else 0

    def observe(self) -> dict[str, Any]:
        """What the shim says of itself and its processes; nothing while there is none."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
                stream.settimeout(5)
                stream.connect(str(control_socket(self.state)))
                stream.sendall(b'{"do": "observe"}\n')
                answer: dict[str, Any] = json.loads(stream.makefile("rb").readline())
        except (OSError, ValueError):
            return {"processes": [], "status": {"settled": False, "ready": False}, "revision": 0}
        return answer

    def pid_of(self, victim: Victim, rollout: Rollout) -> int:
        """The process that is meant; 0 when there is none now."""
        if victim.is_server:
            living = {server.pid for server in self.servers if server.poll() is None}
            leader = self.leader()
            found = living & {leader} if victim is Victim.LEADER else living - {leader}
            return next(iter(found), 0)
        processes = [(role, int(pid)) for role, pid in self.observe()["processes"]]
        if not victim.is_worker:
            return next((pid for role, pid in processes if role == str(victim)), 0)
        ref = rollout.spec.candidate if victim is Victim.CANDIDATE else rollout.spec.champion
        assert ref is not None
        workers = [pid for role, pid in processes if role == "worker"]
        return next((pid for pid in workers if ref.digest in _command_line(pid)), 0)

    def end(self) -> None:
        for server in self.servers:
            server.kill()
            server.wait()
        self.project.end()

    # Rollouts.

    def latest(self) -> Rollout:
        with self.ledger.read() as transaction:
            found = store.rollouts(
                transaction, project=self.releases[0].partition("@")[0], environment=self.environment, most=1
            )
        return found[0]

    def play(self, load: LoadFiles, *kills: Kill, meanwhile: Callable[[], None] = lambda: None) -> Round:
        """Roll the other release out; kill one after the other, or do something else, meanwhile; tell how it went.

        Returns once all is quiet again.
        """
        before, failed = self.latest(), load.failed()
        ids, last_event, last_revision = (
            load.answered(),
            self._last("audit_events", "number"),
            self._last("effects", "revision"),
        )
        candidate = next(name for name in self.releases if name != self._live())
        with self._watching() as told:
            log = self.project.root.parent / "deploy.log"
            deploying = self.project.start("deploy", candidate, "--env", self.environment, log=log)
            until(lambda: self.latest().id != before.id or deploying.poll() is not None, of="the rollout")
            assert self.latest().id != before.id, log.read_text()
            moments = tuple(self._kill(kill) for kill in kills)
            meanwhile()
            until(lambda: self.latest().ended_at, seconds=END_WITHIN_S, of=f"the end of the rollout after {kills}")
            deploying.wait()
            self._be_quiet(load)
        rollout = self.latest()
        with self.ledger.read() as transaction:
            decisions = store.decisions(transaction, rollout.id)
        return Round(
            rollout=rollout,
            decisions=decisions,
            kills=kills,
            moments=moments,
            outbox=self._since("effects", "revision", last_revision),
            audit=self._since("audit_events", "number", last_event),
            told=tuple(told),
            answered=tuple(load.ids()[ids:]),
            failed=load.failed() - failed,
            reasons=load.reasons(),
        )

    def learn(self, load: LoadFiles) -> Round:
        """A rollout without a kill: what the others must be like, and how long its phases last."""
        played = self.play(load)
        begun = {where(decision.state): decision.at for decision in reversed(played.decisions)}
        ends = [*PHASES[1:], "promoted"]
        self.lengths = {
            phase: (begun[after] - begun[phase]).total_seconds() for phase, after in zip(PHASES, ends, strict=True)
        }
        return played

    def wait_for(self, phase: str) -> Rollout:
        """The rollout once it is in a phase, or beyond."""
        order = [*PHASES, "promoted"]

        def there() -> bool:
            place = where(self.latest().latest.state)
            return place in order and order.index(place) >= order.index(phase)

        until(there, seconds=END_WITHIN_S, of=phase)
        return self.latest()

    def _kill(self, kill: Kill) -> str:
        """Kill at the moment that is meant; a server is started again. Says where the rollout stood."""
        self.wait_for(kill.phase)
        time.sleep(kill.part * self.lengths[kill.phase])
        until(lambda: self.pid_of(kill.victim, self.latest()) or self.latest().ended_at, of=str(kill.victim))
        rollout = self.latest()
        pid = self.pid_of(kill.victim, rollout)
        if not pid or rollout.ended_at:
            return TOO_LATE
        os.kill(pid, signal.SIGKILL)
        if kill.victim.is_server:
            self.start_server()
        return where(rollout.latest.state)

    def _be_quiet(self, load: LoadFiles) -> None:
        """Wait until two servers live, the doors are what they shall be, and answers come."""

        def settled() -> bool:
            seen = self.observe()
            return bool(
                seen["status"]["settled"]
                and seen["status"]["ready"]
                and seen["revision"] == self._last("effects", "revision")
            )

        until(settled, of="the doors to settle")
        until(self.leader, of="a leader")
        load.grow(by=20)
        load.refresh()

    @contextmanager
    def _watching(self) -> Iterator[list[Told]]:
        """What the shim keeps as told, each time that it changes."""
        told: list[Told] = []
        ended = Event()

        def watch() -> None:
            while not ended.wait(0.005):
                page = read_state(self.state)
                seen = Told(revision=page["revision"], page=json.dumps(page["desired"], sort_keys=True))
                if not told or told[-1] != seen:
                    told.append(seen)

        thread = Thread(target=watch)
        thread.start()
        try:
            yield told
        finally:
            ended.set()
            thread.join()

    def _live(self) -> str:
        """The release that is live."""
        rollout = self.latest()
        with self.ledger.read() as transaction:
            found = store.find(transaction, project=rollout.project, environment=self.environment)
        return found.release if found else ""

    def _last(self, table: str, column: str) -> int:
        with self.ledger.read() as transaction:
            row = transaction.one(f"SELECT MAX({column}) AS last FROM {table}")
        return int(row["last"] or 0) if row else 0

    def _since(self, table: str, column: str, last: int) -> tuple[dict[str, Any], ...]:
        with self.ledger.read() as transaction:
            return tuple(transaction.all(f"SELECT * FROM {table} WHERE {column} > :last ORDER BY {column}", last=last))


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
