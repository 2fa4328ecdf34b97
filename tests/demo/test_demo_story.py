"""The story's frame: what is refused before it begins, acts that show something else, and clearing the stage.

The story itself is played whole by `make demo`, which checks every act.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plimsoll.demo import story
from plimsoll.demo.errors import CommandSurprised, FolderNotEmpty, PartMissing, ProcessEnded, TookTooLong
from plimsoll.demo.seen import Seen
from plimsoll.demo.stage import Stage
from plimsoll.demo.telling import Telling
from plimsoll.demo.traffic import load_counts

SUMMARY = {"sent": 10, "answered": 10, "failed": 0, "reasons": {}, "latency_ms": {"p50": 1.0, "p99": 2.0, "max": 3.0}}


@pytest.fixture
def stage(tmp_path: Path):
    stage = Stage(tmp_path, Telling(io.StringIO()))
    yield stage
    assert stage.close() == []


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Play these acts in a new folder, without a server."""

    def play_acts(*acts):
        monkeypatch.setattr(story, "ACTS", tuple((f"Act {number}", "title", act) for number, act in enumerate(acts, 1)))
        monkeypatch.setattr(story, "prepare", lambda stage: None)
        monkeypatch.setattr(story, "end_load", lambda stage: SUMMARY)
        return story.play(tmp_path / "workspace", keep=False, quiet=True)

    return play_acts


def shown(_: Stage) -> Seen:
    return Seen(expected="something", seen="something", ok=True)


def test_all_is_well_when_every_act_shows_what_it_should(play, capsys: pytest.CaptureFixture[str]):
    result = play(shown, shown)
    assert result["ok"]
    assert [act["act"] for act in result["acts"]] == ["Act 1", "Act 2", "Load"]
    assert "3 of 3 as expected" in capsys.readouterr().err


def test_an_act_that_shows_something_else_is_said_and_the_story_goes_on(play, capsys: pytest.CaptureFixture[str]):
    result = play(lambda _: Seen(expected="one", seen="two", ok=False), shown)
    assert not result["ok"]
    assert [act["ok"] for act in result["acts"]] == [False, True, True]
    assert "NOT SHOWN: two" in capsys.readouterr().err


def test_a_command_that_ends_otherwise_ends_the_story(play):
    def surprised(stage: Stage) -> Seen:
        stage.show("ada", "trace", "nothing-like-this")
        raise AssertionError

    result = play(surprised, shown)
    assert not result["ok"]
    assert [act["ok"] for act in result["acts"]] == [False, True]
    assert "release.nothing_to_trace" in result["acts"][0]["seen"]


def test_a_failed_request_is_not_what_the_load_should_show():
    assert load_counts(SUMMARY).ok
    seen = load_counts({**SUMMARY, "answered": 9, "failed": 1, "reasons": {"no answer within 10 s": 1}})
    assert not seen.ok
    assert "1 x no answer within 10 s" in seen.seen
    assert not load_counts({**SUMMARY, "sent": 0, "answered": 0, "latency_ms": {}}).ok


def test_a_folder_that_holds_something_is_refused(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FolderNotEmpty, match=r"mine\.txt"):
        story.play(tmp_path, keep=False, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_missing_parts_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(story, "find_spec", lambda module: None if module == "sklearn" else object())
    with pytest.raises(PartMissing, match="scikit-learn"):
        story.play(tmp_path / "new", keep=False, quiet=True)
    assert not (tmp_path / "new").exists()


def test_the_stage_shows_a_command_and_refuses_an_unexpected_end(tmp_path: Path):
    told = io.StringIO()
    stage = Stage(tmp_path, Telling(told))
    with pytest.raises(CommandSurprised, match=r"plimsoll trace x.*ended with 2, not 0"):
        stage.show("ada", "trace", "x")
    assert "ada $ plimsoll trace x" in told.getvalue()
    assert "project.not_found" in stage.show("ada", "trace", "x", expect=2)


def test_what_is_awaited_comes_or_is_named(stage: Stage):
    sleeper = stage.start("sleeper", [sys.executable, "-c", "import time; print('{}', flush=True); time.sleep(60)"])
    assert stage.wait("a word", lambda: stage.document("sleeper.out"), on=sleeper) == {}
    with pytest.raises(TookTooLong, match="a miracle did not happen"):
        stage.wait("a miracle", lambda: None, on=sleeper, within_s=0.05)


def test_a_process_that_ended_is_named_with_its_last_words(stage: Stage):
    broken = stage.start("broken", [sys.executable, "-c", "raise SystemExit('out of luck')"])
    with pytest.raises(ProcessEnded, match="the broken ended with 1: out of luck"):
        stage.wait("a word", lambda: None, on=broken)


def test_ending_a_process_ends_what_it_started(stage: Stage):
    child = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE).pid, flush=True)"
    parent = stage.start("parent", [sys.executable, "-c", f"{child}; import time; time.sleep(60)"])
    pid = stage.wait("a child", lambda: int((stage.notes / "parent.out").read_text() or 0) or None, on=parent)
    stage.end(parent)
    assert parent.returncode is not None
    wait_until(lambda: not is_running(pid))


@pytest.mark.story
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_behind(tmp_path: Path, number: signal.Signals):
    folder = tmp_path / "workspace"
    command = [sys.executable, "-u", "-m", "plimsoll", "demo", "--dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    for line in process.stdout:
        if line.startswith("ada $ plimsoll run"):
            break
    server = json.loads((folder / ".plimsoll" / "demo" / "server.out").read_text())["pid"]
    assert is_running(server)

    os.killpg(process.pid, number)  # as a terminal does: to the story and the command that it runs

    process.stdout.read()
    process.stdout.close()
    assert process.wait(60) == 128 + number
    wait_until(lambda: not is_running(server))


def is_running(pid: int) -> bool:
    """Whether a process lives; one that ended and waits to be collected does not."""
    answer = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and not answer.stdout.strip().startswith("Z")


def wait_until(condition, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_ends_a_kept_demo_can_be_typed_in_any_folder(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(story.shutil, "which", lambda _: "/bin/plimsoll")

    command = story.ending(Path("/tmp/my demo"), ["production", "staging"], server=7)

    assert command == (
        "plimsoll -C '/tmp/my demo' stop --env production && plimsoll -C '/tmp/my demo' stop --env staging && kill 7"
    )
