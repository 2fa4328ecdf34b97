"""What git says about a project's folder, asked of real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from plimsoll.project.git import Commit, GitUnreadable, UnknownRef, export_commit, find_ref, read_commit


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    answer = subprocess.run(["git", "-C", folder, *identity, *arguments], capture_output=True, text=True, check=True)
    return answer.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "steps.py").write_text("A = 1\n", encoding="utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "Begin")
    return tmp_path


def test_a_clean_tree_has_a_commit_and_its_author(repository: Path):
    assert read_commit(repository) == Commit(
        commit=git(repository, "rev-parse", "HEAD"), author_email="ada@example.com", dirty=()
    )


def test_changed_new_deleted_and_oddly_named_files_are_dirty(repository: Path):
    (repository / "gone.py").write_text("", encoding="utf-8")
    (repository / "old.py").write_text("B = 1\n" * 20, encoding="utf-8")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "More")
    (repository / "steps.py").write_text("A = 2\n", encoding="utf-8")
    (repository / "gone.py").unlink()
    (repository / "ä new\nfile.py").write_text("", encoding="utf-8")
    git(repository, "mv", "old.py", "new.py")

    assert read_commit(repository).dirty == ("gone.py", "new.py", "old.py", "steps.py", "ä new\nfile.py")


def test_our_own_state_and_ignored_files_are_not_dirty(repository: Path):
    (repository / ".plimsoll").mkdir()
    (repository / ".plimsoll" / "ledger.sqlite").write_text("", encoding="utf-8")
    (repository / ".git" / "info" / "exclude").write_text("*.log\n", encoding="utf-8")
    (repository / "run.log").write_text("", encoding="utf-8")

    assert read_commit(repository).dirty == ()


def test_a_project_in_a_subfolder_sees_its_own_files_only(repository: Path):
    project = repository / "models" / "loans"
    project.mkdir(parents=True)
    (project / "plimsoll.yaml").write_text("", encoding="utf-8")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "A project")
    (repository / "steps.py").write_text("A = 3\n", encoding="utf-8")
    (project / "plimsoll.yaml").write_text("project: loans\n", encoding="utf-8")

    assert read_commit(project).dirty == ("plimsoll.yaml",)


def test_outside_of_a_repository_there_is_no_commit(tmp_path: Path):
    assert read_commit(tmp_path) == Commit()


def test_before_the_first_commit_everything_is_dirty(tmp_path: Path):
    git(tmp_path, "init", "-q")
    (tmp_path / "steps.py").write_text("", encoding="utf-8")

    assert read_commit(tmp_path) == Commit(dirty=("steps.py",))


def test_without_git_there_is_no_commit(repository: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(repository))

    assert read_commit(repository) == Commit()


def test_inside_a_git_hook_the_folder_still_decides(repository: Path, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))

    assert read_commit(repository).author_email == "ada@example.com"


def test_a_broken_repository_is_an_error_and_not_a_missing_commit(repository: Path):
    (repository / ".git" / "config").write_text("[core\n", encoding="utf-8")

    with pytest.raises(GitUnreadable) as caught:
        read_commit(repository)

    assert "bad config" in str(caught.value)


def test_a_branch_a_tag_or_a_commit_is_found_whatever_is_checked_out(repository: Path):
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "v1")
    (repository / "steps.py").write_text("A = 2\n", encoding="utf-8")
    git(repository, "commit", "-q", "-a", "-m", "More")

    for name in ("v1", first, first[:8], "HEAD~1"):
        assert find_ref(repository, name) == Commit(commit=first, author_email="ada@example.com")


@pytest.mark.parametrize("ref", ["no-such-branch", "--output=x", "v1:steps.py"])
def test_what_is_no_commit_is_told(repository: Path, ref: str):
    with pytest.raises(UnknownRef) as caught:
        find_ref(repository, ref)

    assert ref in str(caught.value)


def test_a_commit_is_laid_out_as_the_projects_folder_had_it(repository: Path, tmp_path_factory: pytest.TempPathFactory):
    project = repository / "models" / "fraud"
    project.mkdir(parents=True)
    (project / "plimsoll.yaml").write_text("project: fraud\n", encoding="utf-8")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "A project in a folder")
    then = git(repository, "rev-parse", "HEAD")
    (project / "plimsoll.yaml").write_text("project: other\n", encoding="utf-8")
    into = tmp_path_factory.mktemp("export")

    export_commit(project, then, into)

    assert [path.relative_to(into).as_posix() for path in into.rglob("*")] == ["plimsoll.yaml"]
    assert (into / "plimsoll.yaml").read_text() == "project: fraud\n"
