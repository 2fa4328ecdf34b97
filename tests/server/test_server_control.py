"""The controllers' lease and loop: one at a time, and no error ends it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from plimsoll.kernel.clock import ManualClock, SystemClock
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger import leases
from plimsoll.ledger.engine import Database
from plimsoll.ledger.leases import Lease, LeaseLost
from plimsoll.server import wiring
from plimsoll.server.control import (
    LASTING_S,
    STANDBY_S,
    Control,
    ControllerLoop,
    brief_control,
    has_ended,
    this_process,
    turn_under,
)

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(
        root=tmp_path, state=tmp_path / ".plimsoll", ledger_url=f"sqlite:///{tmp_path}/.plimsoll/ledger.sqlite"
    )


@pytest.fixture
def ledger(workspace) -> Database:
    return wiring.open_ledger(workspace.ledger_url)


class Unreachable(PlimsollError):
    code = "test.unreachable"
    text = "nothing answers"


def test_a_loop_goes_on_after_every_kind_of_error_and_says_the_last_one(monkeypatch):
    reached = threading.Event()
    errors = iter([Unreachable(), ValueError("a fault"), Unreachable()])
    seen = []

    def turn():
        seen.append(loop.problem)
        error = next(errors, None)
        if error is not None:
            raise error
        if len(seen) > 4:
            reached.set()
        return 0.0

    monkeypatch.setattr("plimsoll.server.control.STANDBY_S", 0.001)
    loop = ControllerLoop(turn)
    loop.start()
    assert reached.wait(20)
    assert loop.stop(timeout_s=20)
    assert seen[0] == ""
    assert seen[1] == "test.unreachable: nothing answers"
    assert "incident" in seen[2]
    assert seen[3] == "test.unreachable: nothing answers"
    assert loop.problem == ""


def test_a_loop_that_is_stuck_in_a_turn_does_not_hold_up_the_end():
    entered, leave = threading.Event(), threading.Event()

    def turn():
        entered.set()
        leave.wait(20)
        return 0.0

    loop = ControllerLoop(turn)
    loop.start()
    assert entered.wait(20)
    assert not loop.stop(timeout_s=0.01)
    leave.set()
    assert loop.stop(timeout_s=20)


def test_a_turn_that_is_asked_for_begins_at_once_and_after_the_asking():
    moments, seen = iter(range(1000)), []
    now = [0]

    def turn():
        seen.append(now[0])
        return 3600.0

    loop = ControllerLoop(turn)
    loop.start()
    for _ in range(100):
        now[0] = next(moments)
        assert loop.turn_now(timeout_s=20)
        assert seen[-1] == now[0]
    assert loop.stop(timeout_s=20)
    assert not loop.turn_now(timeout_s=20), "a loop that has ended takes no turn, and nobody waits for it"


def test_who_asks_while_a_turn_is_under_way_gets_the_next_one():
    entered, leave, turns = threading.Event(), threading.Event(), []

    def turn():
        turns.append(len(turns))
        entered.set()
        leave.wait(20)
        return 3600.0

    loop = ControllerLoop(turn)
    loop.start()
    assert entered.wait(20)
    assert not loop.turn_now(timeout_s=0.01)
    leave.set()
    assert loop.turn_now(timeout_s=20)
    assert len(turns) >= 2
    assert loop.stop(timeout_s=20)


def test_the_lease_is_held_by_one_process_and_free_when_it_is_given_back(workspace, ledger):
    with other_holder(workspace):
        assert a_control(ledger).hold() is None
        with brief_control(ledger, project="answers", clock=SystemClock()) as lease:
            assert lease is None
    control = a_control(ledger)
    assert control.hold() is not None
    assert holder_of(ledger) == this_process()
    control.give_back()
    assert holder_of(ledger) == ""


def test_a_lease_of_another_project_is_another_one(workspace, ledger):
    with other_holder(workspace):
        assert Control(ledger, project="fraud", clock=SystemClock()).hold() is not None


def test_a_killed_holder_on_this_machine_keeps_nobody_waiting(workspace, ledger):
    with other_holder(workspace) as holder:
        holder.kill()
        holder.wait()
        assert a_control(ledger).hold() is not None


def test_a_program_started_meanwhile_does_not_keep_the_lease_of_a_killed_server(workspace, ledger):
    with other_holder(workspace, "import subprocess; subprocess.Popen(['sleep', '5'])") as holder:
        holder.kill()
        holder.wait()
        assert a_control(ledger).hold() is not None


def test_a_lease_is_renewed_in_time_and_asked_for_in_the_ledger_only_then(ledger):
    clock = ManualClock(NOON)
    control = Control(ledger, project="answers", clock=clock)
    first = control.hold()
    clock.advance(timedelta(seconds=LASTING_S / 2))
    assert control.hold() is first
    clock.advance(timedelta(seconds=0.1))
    renewed = control.hold()
    assert renewed is not None
    assert renewed.token == first.token
    assert renewed.expires_at > first.expires_at


def test_a_silent_holder_elsewhere_loses_the_lease_after_its_time_and_learns_of_it(ledger):
    clock = ManualClock(NOON)
    elsewhere = take_as(ledger, "other-machine 7 12345", clock)
    control = Control(ledger, project="answers", clock=clock)
    assert control.hold() is None
    clock.advance(timedelta(seconds=LASTING_S))
    mine = control.hold()
    assert mine is not None
    assert mine.token > elsewhere.token

    clock.advance(timedelta(seconds=LASTING_S))
    take_as(ledger, "other-machine 7 12345", clock)
    assert turn_under(control, lambda lease: 1.0) == STANDBY_S


def test_a_holder_whose_clock_was_set_back_keeps_its_lease_and_its_token(ledger):
    clock = ManualClock(NOON)
    control = Control(ledger, project="answers", clock=clock)
    first = control.hold()
    clock.advance(timedelta(hours=-1))
    second = control.hold()
    assert first is not None
    assert second is not None
    assert (second.token, second.expires_at) == (first.token, clock.now() + timedelta(seconds=LASTING_S))


def test_a_turn_that_finds_its_lease_lost_stands_by_and_asks_anew(ledger):
    control = a_control(ledger)

    def turn(lease):
        raise LeaseLost(name=lease.name, holder="somebody")

    assert turn_under(control, turn) == STANDBY_S
    assert turn_under(control, lambda lease: 7.0) == 7.0


def test_who_has_ended_is_known_only_on_this_machine():
    machine, _, rest = this_process().rpartition(" ")[0].rpartition(" ")
    begun = this_process().rpartition(" ")[2]
    assert not has_ended(this_process())
    assert has_ended(f"{machine} {rest} {int(begun) + 1}"), "the pid was given to another process since"
    assert has_ended(f"{machine} {2**22 + 1} {begun}"), "there is no such process"
    assert not has_ended(f"elsewhere {2**22 + 1} {begun}")
    assert not has_ended("what nobody understands")
    assert has_ended("")


def test_a_command_does_the_controllers_turn_only_after_a_change_and_without_a_server(workspace, monkeypatch):
    turns = []
    (workspace.root / "plimsoll.yaml").write_text("project: answers\ncode: steps.py\n")
    monkeypatch.chdir(workspace.root)
    monkeypatch.setattr(wiring, "perform", lambda name, payload, context: name)
    monkeypatch.setattr(wiring, "control_turn", lambda workspace, lease: turns.append(lease))

    for name in ("people.list", "deployments.list", "runs.create"):
        wiring.call(name, {}, lambda progress: None)
    assert not turns
    wiring.call("deployments.create", {}, lambda progress: None)
    assert len(turns) == 1
    with other_holder(workspace):
        wiring.call("deployments.create", {}, lambda progress: None)
    assert len(turns) == 1


HOLD = """
import sys
from plimsoll.kernel.clock import SystemClock
from plimsoll.ledger.engine import connect
from plimsoll.server.control import Control
control = Control(connect(sys.argv[1]), project="answers", clock=SystemClock())
assert control.hold() is not None
{more}
print("ready", flush=True)
input()
control.give_back()
"""


@contextmanager
def other_holder(workspace: Workspace, more: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lease, and gives it back at the end unless it was killed."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLD.format(more=more), workspace.ledger_url]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout.readline() == "ready\n"
        yield holder
        if holder.poll() is None:
            holder.communicate("\n")


def a_control(ledger: Database) -> Control:
    return Control(ledger, project="answers", clock=SystemClock())


def holder_of(ledger: Database) -> str:
    with ledger.read() as transaction:
        return str(transaction.one("SELECT holder FROM leases")["holder"])


def take_as(ledger: Database, holder: str, clock: ManualClock) -> Lease:
    with ledger.write() as transaction:
        lease = leases.take(
            transaction, "controllers/answers", holder=holder, now=clock.now(), lasting_s=LASTING_S
        )  # fmt: skip
    assert lease is not None
    return lease


def test_each_loop_has_a_lease_of_its_own(ledger):
    clock = ManualClock(NOON)
    take_as(ledger, "other-machine 7 12345", clock)
    triggers = Control(ledger, project="answers", clock=clock, loop="triggers")

    assert Control(ledger, project="answers", clock=clock).hold() is None
    held = triggers.hold()
    assert held is not None
    assert held.name == "triggers/answers"
