"""The controllers' lock and loop: one at a time, and no error ends it."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.workspace import Workspace
from plimsoll.server import wiring
from plimsoll.server.control import ControllerLock, ControllerLoop, brief_control


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(root=tmp_path, state=tmp_path / ".plimsoll", ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite")


class Unreachable(PlimsollError):
    code = "test.unreachable"
    text = "nothing answers"


def test_a_loop_goes_on_after_every_kind_of_error_and_says_the_last_one():
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

    loop = ControllerLoop(turn, interval_s=0.001)
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

    loop = ControllerLoop(turn, interval_s=0.001)
    loop.start()
    assert entered.wait(20)
    assert not loop.stop(timeout_s=0.01)
    leave.set()
    assert loop.stop(timeout_s=20)


def test_the_lock_is_held_by_one_and_names_its_holder(workspace):
    first, second = ControllerLock(workspace), ControllerLock(workspace)
    assert first.take(holder={"pid": 1, "what": "plimsoll up"})
    assert not second.take(holder={"pid": 2})
    assert second.holder() == {"pid": 1, "what": "plimsoll up"}
    first.note({"pid": 1})
    assert second.holder() == {"pid": 1}
    first.release()
    assert second.take(holder={"pid": 2})
    second.release()


CHILD = "print('ready', flush=True); input()"


def test_a_program_started_meanwhile_does_not_keep_the_lock_of_a_killed_server(workspace):
    lock = ControllerLock(workspace)
    assert lock.take(holder={})
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=pipe, stdout=pipe, close_fds=False) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert lock._held is not None
        lock._held.close()  # as when the process ends, not as when it releases
        with brief_control(workspace) as mine:
            assert mine
        child.communicate(b"\n")


def test_a_released_lock_is_free_at_once_even_while_programs_are_being_started(workspace):
    for _ in range(20):
        lock = ControllerLock(workspace)
        assert lock.take(holder={})
        child = subprocess.Popen(["/bin/true"], close_fds=False)
        lock.release()
        child.wait()


def test_a_command_does_the_controllers_turn_only_after_a_change_and_without_a_server(workspace, monkeypatch):
    turns = []
    (workspace.root / "plimsoll.yaml").write_text("project: answers\ncode: steps.py\n")
    monkeypatch.chdir(workspace.root)
    monkeypatch.setattr(wiring, "perform", lambda name, payload, context: name)
    monkeypatch.setattr(wiring, "control_turn", turns.append)

    for name in ("people.list", "deployments.list", "runs.create"):
        wiring.call(name, {}, lambda progress: None)
    assert not turns
    wiring.call("deployments.create", {}, lambda progress: None)
    assert len(turns) == 1
    server = ControllerLock(wiring.current_workspace())
    assert server.take(holder={"what": "plimsoll up"})
    wiring.call("deployments.create", {}, lambda progress: None)
    server.release()
    assert len(turns) == 1
