"""Releases are made again from what was kept of them, and the verdict says how well that went and why not better."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.stories.reproduce_project import LIGHTGBM, SKLEARN, STAMPED, UNSEEDED, XGBOOST, make_loans, released
from tests.stories.workspace import ProjectFolder, kill, until

from plimsoll.bundle.runtime import lock_text
from plimsoll.targets.runtimes import Runtimes

pytestmark = [pytest.mark.story, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released project, to be copied."""
    return released(tmp_path_factory.mktemp("first") / "loans").root


@pytest.fixture
def loans(first: Path, tmp_path: Path) -> ProjectFolder:
    """A released project of the test's own; the model is a forest of scikit-learn."""
    return ProjectFolder(shutil.copytree(first, tmp_path / "loans"))


@pytest.mark.parametrize("train", [SKLEARN, XGBOOST, LIGHTGBM], ids=["scikit-learn", "xgboost", "lightgbm"])
def test_models_come_out_identical_on_the_same_machine(tmp_path: Path, first: Path, train: str):
    # Given a release, and a project that has become another since
    own = tmp_path / "loans"
    project = ProjectFolder(shutil.copytree(first, own)) if train == SKLEARN else released(own, train)
    (project.root / "steps.py").write_text("def nothing():\n    return 1\n")
    (project.root / "loans.csv").write_text("other,data\n1,2\n")
    before = project.ask("runs")

    # When it is reproduced
    signed = project.ask("reproduce", "loans@1")

    # Then the model is the same, bit for bit, and nothing but the verdict is recorded
    made = signed["reproduction"]
    assert made["grade"] == "identical"
    assert made["evidence"]["again"] == made["evidence"]["released"]
    assert [(item["step"], item["match"]) for item in made["evidence"]["steps"]] == [
        ("split", "same"),
        ("train", "same"),
        ("scorer", "same"),
    ]
    assert made["surroundings"] == []
    assert project.ask("runs") == before
    assert left_behind(project) == []


def test_the_verdict_is_signed_listed_traced_and_audited(loans: ProjectFolder):
    signed = loans.ask("reproduce", "loans@1")
    assert loans.ask("reproduce", "loans@1", "--list") == [signed]
    link = next(link for link in loans.ask("trace", "loans@1")["links"] if link["kind"] == "reproduction")
    assert link["name"] == "identical"
    assert dict(link["facts"])["signed report"] == signed["envelope"]
    events = loans.ask("audit")
    assert "release_reproduced" in [event["action"] for event in events]

    # A report that was changed after it was signed is not shown
    envelope = loans.root / ".plimsoll" / "artifacts" / signed["envelope"][:2] / signed["envelope"][2:]
    page = json.loads(envelope.read_text())
    page["payload"] = "e30="
    envelope.chmod(0o600)
    envelope.write_text(json.dumps(page))
    answer = loans.plimsoll("reproduce", "loans@1", "--list", expect=4)
    assert "bundle.bad_signature" in answer.err


def test_a_model_that_carries_the_time_gives_the_same_predictions_and_its_step_is_named(tmp_path: Path):
    project = released(tmp_path / "loans", STAMPED)
    made = project.ask("reproduce", "loans@1")["reproduction"]
    assert made["grade"] == "same predictions"
    assert made["difference"].startswith("train is not deterministic: equal inputs gave another train (")
    assert made["evidence"]["predictions"] == {"rows": 300, "differing": 0, "decisions": 0, "largest": 0.0}
    assert made["evidence"]["spread"] is None


def test_a_model_left_to_chance_is_held_against_what_chance_gives(tmp_path: Path):
    project = released(tmp_path / "loans", UNSEEDED)
    answer = project.plimsoll("reproduce", "loans@1", "--seeds", "3", "--json", expect=None)
    made = answer.json["reproduction"]
    spread = made["evidence"]["spread"]
    assert made["evidence"]["predictions"]["differing"] > 0
    assert [run["params"] for run in spread["runs"]] == [{"seed": 4}, {"seed": 5}, {"seed": 6}]
    assert {item["metric"] for item in spread["metrics"]} == {"roc_auc", "brier"}
    within = all(item["low"] <= item["released"] <= item["high"] for item in spread["metrics"])
    assert made["grade"] == ("within the spread" if within else "failed")
    assert answer.code == (0 if within else 1)
    assert made["difference"].startswith("train is not deterministic")


def test_a_variable_that_has_another_value_is_named(loans: ProjectFolder):
    answer = loans.plimsoll("reproduce", "loans@1", "--seeds", "0", "--json", TUNING="3", expect=1)
    made = answer.json["reproduction"]
    assert made["difference"] == "train: the environment variable TUNING is now set and declared"
    assert made["evidence"]["predictions"]["differing"] > 0


def test_a_step_that_needs_what_was_never_declared_fails_and_is_named(tmp_path: Path):
    reading = SKLEARN.replace(
        "def train(train_set, seed):", "def train(train_set, seed):\n    Path('extra.txt').read_text()"
    )
    project = released_with_file(tmp_path / "loans", reading)
    answer = project.plimsoll("reproduce", "loans@1", "--json", expect=1)
    made = answer.json["reproduction"]
    assert made["grade"] == "failed"
    assert "extra.txt" in made["because"]
    assert made["difference"] == "train failed, although it was given the same"


def test_data_that_is_gone_or_damaged_is_named_with_what_brings_it_back(loans: ProjectFolder):
    (entry,) = loans.ask("data", "show", "loans")["version"]["files"]
    place = loans.root / ".plimsoll" / "artifacts" / entry["digest"][:2] / entry["digest"][2:]
    content = place.read_bytes()

    place.chmod(0o600)
    place.write_bytes(content[:-1])
    answer = loans.plimsoll("reproduce", "loans@1", expect=2)
    assert "loans.csv of the data version loans@" in answer.err
    assert "is damaged" in answer.err

    place.unlink()
    answer = loans.plimsoll("reproduce", "loans@1", expect=2)
    assert "release.input_lost" in answer.err
    assert f"is gone ({len(content):,} bytes, SHA-256 {entry['digest']})" in answer.err
    assert str(place) in answer.err
    assert loans.ask("reproduce", "loans@1", "--list") == []

    # The cure that the error names works
    loans.plimsoll("run", "--rehash")
    assert loans.ask("reproduce", "loans@1")["reproduction"]["grade"] == "identical"


def test_killed_in_the_middle_nothing_is_recorded_and_the_next_try_works(loans: ProjectFolder, tmp_path: Path):
    # When the command is killed while it trains
    log = tmp_path / "log"
    process = loans.start("reproduce", "loans@1", log=log, GATE=str(tmp_path / "gate"))
    until(lambda: "train: started" in log.read_text(), of="the training")
    (bench,) = left_behind(loans)
    kill(process.pid)
    process.wait()

    # Then its processes end, nothing is recorded, and the next one clears up and succeeds
    until(lambda: not processes_in(bench), of="the end of the run's processes")
    assert loans.ask("reproduce", "loans@1", "--list") == []
    assert loans.ask("reproduce", "loans@1")["reproduction"]["grade"] == "identical"
    assert left_behind(loans) == []


def test_a_full_disk_is_told_and_nothing_is_recorded(loans: ProjectFolder):
    (loans.root / ".plimsoll" / "cache" / "reproduce").write_text("a file where the folder goes")
    answer = loans.plimsoll("reproduce", "loans@1", expect=5)
    assert "release.not_repeatable" in answer.err
    assert "cannot be worked in" in answer.err


def test_what_was_released_dirty_names_its_patch_and_is_made_from_the_snapshot(loans: ProjectFolder):
    (loans.root / "steps.py").write_text((loans.root / "steps.py").read_text().replace('"20"', '"21"'))
    (loans.root / "new.py").write_text("WORD = 'new'\n")
    loans.plimsoll("run")
    loans.plimsoll("release", "--allow-dirty")
    (commit,) = [link for link in loans.ask("trace", "loans@2")["links"] if link["kind"] == "commit"]
    patch = dict(commit["facts"])["their patch"]
    text = (loans.root / ".plimsoll" / "artifacts" / patch[:2] / patch[2:]).read_text()
    assert '"TUNING", "21"' in text
    assert "+WORD = 'new'" in text
    loans.git("checkout", "-q", "steps.py")
    assert loans.ask("reproduce", "loans@2")["reproduction"]["grade"] == "identical"


@pytest.mark.system
@pytest.mark.timeout(600)
def test_a_release_of_other_packages_is_made_again_with_its_own(tmp_path: Path):
    # Given a release made where one package has another version
    project = released(tmp_path / "loans")
    here = version("idna")
    other = "3.10" if here != "3.10" else "3.9"
    there = Runtimes(project.root / ".plimsoll" / "runtimes").python_of(
        lock_text().replace(f"\nidna=={here}\n", f"\nidna=={other}\n")
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PLIMSOLL_", "PYTHON"))}
    for command in (["run", "--param", "seed=9"], ["release"]):
        subprocess.run([there, "-P", "-m", "plimsoll", *command], cwd=project.root, check=True, env=clean)

    # Then its own packages give the same model
    made = project.ask("reproduce", "loans@2")["reproduction"]
    assert (made["grade"], made["difference"]) == ("identical", "")

    # And the packages of this place give it too, with the package named that differs
    made = project.ask("reproduce", "loans@2", "--here")["reproduction"]
    assert made["grade"] == "identical"
    assert made["difference"] == f"split: the runtime changed: idna {other} -> {here}"
    assert f"package idna: {other} -> {here}" in made["surroundings"]


def released_with_file(root: Path, train: str) -> ProjectFolder:
    project = make_loans(root, train)
    (root / "extra.txt").write_text("read, and not declared")
    project.commit("Read a file")
    project.plimsoll("run")
    project.plimsoll("release")
    return project


def left_behind(project: ProjectFolder) -> list[Path]:
    """Scratch folders of reproductions."""
    folder = project.root / ".plimsoll" / "cache" / "reproduce"
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def processes_in(folder: Path) -> list[int]:
    """Processes whose command line or working folder names a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
            here = str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(folder) in command or here.startswith(str(folder)):
            found.append(int(entry.name))
    return found
