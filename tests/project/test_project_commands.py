"""plimsoll init, check and schema as a person and as a script use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from click.testing import Result
from tests.project.small_project import PROJECT_FILE
from typer.testing import CliRunner

from plimsoll.pipeline import commands as pipeline_commands
from plimsoll.project import commands, scaffold
from plimsoll.project.code import read_code
from plimsoll.project.git import read_commit
from plimsoll.project.load import load_project


def plimsoll(*arguments: str) -> Result:
    app = typer.Typer()
    commands.register(app)
    pipeline_commands.register(app)
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person that git knows, and nobody's own settings."""
    config = tmp_path / "gitconfig"
    config.write_text("[user]\nname = Ada\nemail = ada@example.com\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.chdir(tmp_path)


def test_init_makes_a_committed_project_whose_tests_pass(tmp_path: Path):
    result = plimsoll("init", "My Loans")

    folder = tmp_path / "My Loans"
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[0] == "my-loans is ready in My Loans"
    assert result.output.endswith("Next:\n  cd 'My Loans'\n  pytest\n  plimsoll run\n  plimsoll release\n")
    project = load_project(folder / "plimsoll.yaml")
    assert project.project == "my-loans"
    assert list(read_code(folder, project.code).functions) == ["split", "train"]
    commit = read_commit(folder)
    assert commit.commit
    assert commit.dirty == ()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 passed" in tests.stdout, tests.stdout + tests.stderr
    assert read_commit(folder).dirty == ()


def test_init_makes_the_same_data_every_time():
    plimsoll("init", "first", "--no-git")
    plimsoll("init", "second", "--no-git")

    assert Path("first/data/loans.csv").read_bytes() == Path("second/data/loans.csv").read_bytes()
    assert len(Path("first/data/loans.csv").read_text(encoding="utf-8").splitlines()) == 4001


def test_init_answers_in_json(tmp_path: Path):
    result = plimsoll("init", "loans", "--name", "credit", "--no-git", "--json")

    made = json.loads(result.stdout)
    assert made["project"] == "credit"
    assert made["folder"] == str(tmp_path / "loans")
    assert set(made["files"]) == {
        ".gitignore",
        "README.md",
        "data/loans.csv",
        "make_data.py",
        "plimsoll.yaml",
        "requirements.txt",
        "steps.py",
        "test_steps.py",
    }
    assert not (tmp_path / "loans" / ".git").exists()


def test_init_refuses_a_folder_with_files_and_touches_nothing(tmp_path: Path):
    (tmp_path / "loans").mkdir()
    (tmp_path / "loans" / "notes.txt").write_text("mine", encoding="utf-8")

    result = plimsoll("init", "loans")

    assert result.exit_code == 2
    assert result.stderr == (
        f"error project.folder_not_empty: {tmp_path / 'loans'} is not empty: it holds notes.txt.\n"
        "  Name a new or an empty folder. To turn existing code into a project, write a plimsoll.yaml beside it.\n"
    )
    assert [path.name for path in (tmp_path / "loans").iterdir()] == ["notes.txt"]


def test_init_refuses_a_file_and_a_name_that_cannot_be(tmp_path: Path):
    (tmp_path / "file").write_text("", encoding="utf-8")

    assert "file is a file" in plimsoll("init", "file").stderr
    assert "file is a file" in plimsoll("init", "file/below").stderr
    refused = plimsoll("init", "loans", "--name", "2 Loans!")
    assert refused.exit_code == 2
    assert "--name loans" in refused.stderr
    assert not (tmp_path / "loans").exists()


def test_init_in_a_repository_leaves_the_commit_to_its_owner(tmp_path: Path):
    subprocess.run(["git", "init", "-q", "loans"], check=True)

    result = plimsoll("init", "loans")

    assert "git: the folder lies in a repository already: commit the new files there" in result.stdout
    assert read_commit(tmp_path / "loans").commit == ""


def test_init_says_what_git_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "gitconfig").write_text("[user]\nuseConfigOnly = true\n", encoding="utf-8")
    for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))] + ["EMAIL"]:
        monkeypatch.delenv(name, raising=False)

    result = plimsoll("init", "loans")

    assert result.exit_code == 0
    assert "git: not committed: git does not know your name; see `git config --global user.name`" in result.stdout


def test_init_without_scikit_learn_says_so_and_makes_the_project(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scaffold, "find_spec", lambda name: None)

    result = plimsoll("init", "loans")

    assert result.exit_code == 0
    assert "scikit-learn is missing: the project needs it; pip install 'plimsoll-ml[sklearn]'" in result.stdout
    assert Path("loans/plimsoll.yaml").exists()


def test_check_prints_what_is_written_and_what_is_left_to_defaults(write_project, monkeypatch):
    monkeypatch.chdir(write_project())

    result = plimsoll("check")

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "    path: data/loans.csv" in lines
    assert "    key: null  # default" in lines
    assert "  - {metric: roc_auc, min: 0.75}  # default: max: null, on: bound, against: null, margin: null, " in (
        result.stdout
    )
    assert "    host: 127.0.0.1  # default" in lines
    assert "    rollout: {strategy: all-at-once, stages: [5, 25, 50], shadow: 100, hold: 10m, " in result.stdout
    assert "  split(loans, seed)        -> train_set, holdout  steps.py:4" in lines
    assert lines[-2] == f"ok: {Path.cwd() / 'plimsoll.yaml'} and its code are sound and fit together"


def test_check_shows_no_password_of_a_database(write_project, monkeypatch):
    query = "query: SELECT 1 AS amount\n    url: postgresql://ada:${SECRET}@host/shop?sslpassword=${SECRET}"
    text = PROJECT_FILE.replace("path: data/loans.csv", query)
    monkeypatch.setenv("SECRET", "hush")
    monkeypatch.chdir(write_project({"plimsoll.yaml": text}))

    for options in ((), ("--json",)):
        printed = plimsoll("check", *options)
        assert printed.exit_code == 0, printed.output
        assert "postgresql://ada:***@host/shop?sslpassword=***" in printed.stdout
        assert "hush" not in printed.output


def test_check_prints_the_defaults_of_a_rollout(write_project, monkeypatch):
    rollout = "port: 8080\n    rollout: {strategy: canary, enough: {requests: 500}}"
    monkeypatch.chdir(write_project({"plimsoll.yaml": PROJECT_FILE.replace("port: 8080", rollout)}))

    lines = plimsoll("check").stdout.splitlines()

    assert "      stages: [5, 25, 50]  # default" in lines
    assert "      look: 5s  # default" in lines
    assert "        requests: 500" in lines
    assert "        max_added_errors: 0.5%  # default" in lines


@pytest.mark.parametrize("strategy", ["all-at-once", "blue-green", "canary", "shadow-then-canary"])
def test_what_check_prints_is_itself_a_project_file(write_project, monkeypatch, tmp_path_factory, strategy: str):
    text = PROJECT_FILE.replace("port: 8080", f"port: 8080\n    rollout: {{strategy: {strategy}}}")
    root = write_project({"plimsoll.yaml": text})
    monkeypatch.chdir(root)
    printed = plimsoll("check").stdout.partition("\nsteps\n")[0]
    again = tmp_path_factory.mktemp("again") / "plimsoll.yaml"
    again.write_text(printed, encoding="utf-8")

    assert load_project(again) == load_project(root / "plimsoll.yaml")


def test_check_answers_in_json_from_a_folder_below(write_project, monkeypatch):
    root = write_project({"notes/a.txt": ""})
    monkeypatch.chdir(root / "notes")

    checked = json.loads(plimsoll("check", "--json").stdout)

    assert checked["file"] == str(root / "plimsoll.yaml")
    assert checked["project"]["model"]["from"] == "train"
    assert "gates[0].max" in checked["defaults"]
    assert "gates[0].min" not in checked["defaults"]
    assert checked["steps"][1] == {
        "step": "train",
        "takes": ["train_set", "rounds"],
        "gives": ["train"],
        "file": "steps.py",
        "line": 8,
    }


def test_check_lists_problems_for_people_and_for_scripts(write_project, monkeypatch):
    monkeypatch.chdir(write_project({"plimsoll.yaml": "project: loans\ncod: steps.py\n"}))

    told = plimsoll("check")
    assert told.exit_code == 2
    assert told.stderr == (
        "error project.invalid: 1 problem in plimsoll.yaml\n"
        "  plimsoll.yaml:2  cod: found 'cod', expected one of project, code, data, pipeline, model, gates, "
        "environments, monitor, retrain, sweep, mlflow; did you mean code?\n"
        "  docs/project-file.md explains every setting; `plimsoll schema` lets an editor check the file as you type.\n"
    )
    document = json.loads(plimsoll("check", "--json").stdout)
    assert document["error"]["facts"]["problems"][0]["nearest"] == "code"


def test_check_without_a_project_says_how_to_get_one(tmp_path: Path):
    result = plimsoll("check")

    assert result.exit_code == 2
    assert f"There is no plimsoll.yaml in {tmp_path} or any folder above it." in result.stderr


def test_schema_prints_a_json_schema():
    schema = json.loads(plimsoll("schema").stdout)

    assert schema == json.loads(plimsoll("schema", "--json").stdout)
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["properties"]["project"]["description"].startswith("The project's name")
    assert "from" in schema["$defs"]["Model"]["required"]
    assert "roc_auc" in schema["$defs"]["Gate"]["properties"]["metric"]["enum"]
