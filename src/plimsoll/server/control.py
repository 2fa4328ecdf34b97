"""Who runs the controllers: one process at a time, by a lease in the ledger, whatever machine it is on.

`plimsoll up` renews it as long as it runs; a second server stands by and takes over when the first one ends or falls
silent. Without a server, a command takes the lease for one turn.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from plimsoll.kernel.clock import Clock
from plimsoll.kernel.errors import PlimsollError
from plimsoll.ledger import leases
from plimsoll.ledger.engine import Database
from plimsoll.ledger.leases import Lease, LeaseLost
from plimsoll.server.errors import note_incident

log = logging.getLogger("plimsoll.controllers")

CONTROLLERS = "controllers"
"""The loop that brings deployments to where they shall be."""
LASTING_S = 10.0
"""How long a server that fell silent keeps the lease; one on this machine that ended loses it at once."""
STANDBY_S = 0.5
LONGEST_PAUSE_S = 30.0


class Control:
    """One loop's lease of one project, as this process holds it or would like to. loop: its name (loops.py)."""

    def __init__(self, database: Database, *, project: str, clock: Clock, loop: str = CONTROLLERS) -> None:
        self._database = database
        self._name = f"{loop}/{project}"
        self._clock = clock
        self._lease: Lease | None = None

    def hold(self) -> Lease | None:
        """The lease, taken or renewed when half of its time has passed; None while another process has it.

        A clock that was set back would make it last for hours, and others would take it for ended: it is renewed, too.
        """
        now = self._clock.now()
        left_s = 0.0 if self._lease is None else (self._lease.expires_at - now).total_seconds()
        if not LASTING_S / 2 <= left_s <= LASTING_S:
            with self._database.write() as transaction:
                self._lease = leases.take(
                    transaction, self._name, holder=this_process(), now=now, lasting_s=LASTING_S, is_gone=has_ended
                )
        return self._lease

    def lost(self) -> None:
        """Somebody else took the lease: ask for it anew."""
        self._lease = None

    def give_back(self) -> None:
        """Let the next one take the lease at once."""
        if self._lease is not None:
            with self._database.write() as transaction:
                leases.give_back(transaction, self._lease)
            self._lease = None


@contextmanager
def brief_control(database: Database, *, project: str, clock: Clock, loop: str = CONTROLLERS) -> Iterator[Lease | None]:
    """The lease for one turn; yields None at once when somebody else has it, who will see the change anyway."""
    control = Control(database, project=project, clock=clock, loop=loop)
    lease = control.hold()
    try:
        yield lease
    finally:
        with suppress(PlimsollError):  # it ends by itself
            control.give_back()


class ControllerLoop:
    """Calls the controllers again and again in a thread; no error ends it, each is logged and tried again.

    turn: works as long as it holds the lease, and returns after how many seconds it is due again.
    """

    def __init__(self, turn: Callable[[], float], *, first_s: float = 0.0, name: str = CONTROLLERS) -> None:
        self._turn = turn
        self._first_s = first_s
        self._name = name
        self._changed = threading.Condition()
        self._ending = False
        self._begun = self._done = self._wanted = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.problem = ""
        """What the last turn failed with; empty when it did not."""

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, timeout_s: float) -> bool:
        """Let the running turn end; False when it takes longer."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def turn_now(self, *, timeout_s: float) -> bool:
        """Begin a turn as soon as none is running, and others until nothing is due at once; True once the last of them has
        ended, False when that takes longer.
        """
        with self._changed:
            wanted = self._wanted = self._begun + 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._done >= wanted or self._ending, timeout_s)
            return self._done >= wanted

    def _run(self) -> None:
        pause_s, failures_s = self._first_s, STANDBY_S
        while self._begin_turn(pause_s):
            problem, pause_s = self._try_turn()
            if problem:
                failures_s = min(failures_s * 2, LONGEST_PAUSE_S)
                pause_s = failures_s
            else:
                failures_s = STANDBY_S
            if problem and problem != self.problem:
                log.warning("the %s cannot work: %s", self._name, problem)
            elif self.problem and not problem:
                log.info("the %s work again", self._name)
            self.problem = problem
            self._end_turn(is_last=pause_s > 0)

    def _begin_turn(self, pause_s: float) -> bool:
        """Pause until a turn is due or asked for; False when there shall be no other."""
        with self._changed:
            self._changed.wait_for(lambda: self._ending or self._wanted > self._begun, pause_s)
            self._begun += not self._ending
            return not self._ending

    def _end_turn(self, *, is_last: bool) -> None:
        if is_last:
            with self._changed:
                self._done = self._begun
                self._changed.notify_all()

    def _try_turn(self) -> tuple[str, float]:
        try:
            return "", self._turn()
        except PlimsollError as error:
            return f"{error.code}: {error}", 0.0
        except Exception as error:  # noqa: BLE001 - the loop's edge: it must outlive every fault
            return str(note_incident(error, where=f"the loop of the {self._name}")), 0.0


def turn_under(control: Control, turn: Callable[[Lease], float]) -> float:
    """One turn if the lease is ours; seconds until the next one is due."""
    lease = control.hold()
    if lease is None:
        return STANDBY_S
    try:
        return turn(lease)
    except LeaseLost as error:
        log.info("%s", error)
        control.lost()
        return STANDBY_S


def this_process() -> str:
    """This process, so that no other one ever has the same name: machine, pid, and when it began."""
    return f"{_machine()} {os.getpid()} {_begun(os.getpid())}"


def has_ended(holder: str) -> bool:
    """Whether a holder is known to have ended: it was on this machine, and its process is gone."""
    machine, _, process = holder.rpartition(" ")[0].rpartition(" ")
    if not holder:
        return True
    if machine != _machine() or not process.isdecimal():
        return False
    return _begun(int(process)) != holder.rpartition(" ")[2]


@cache
def _machine() -> str:
    """This machine since it was started, and which of its process lists this is: in a container pids are its own."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{platform.node()}/{boot}/{os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - it is no file
    except OSError:
        return platform.node()


def _begun(pid: int) -> str:
    """When a process began, as the system counts; empty when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "-" if not Path("/proc/self").exists() and _exists(pid) else ""
    return "" if fields[0] == "Z" else fields[19]


def _exists(pid: int) -> bool:
    """Where there is no /proc: whether some process has this pid."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
