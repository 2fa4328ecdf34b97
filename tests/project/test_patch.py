"""A patch makes of the commit's files what lay there: changed, staged, removed, binary and new files."""

from __future__ import annotations

import subprocess

import pytest

from plimsoll.project import patch
from plimsoll.project.patch import make_patch


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    (root / "fraud").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    for name, text in {"fraud/steps.py": "a = 1\n", "fraud/gone.py": "x\n", "other.txt": "one\n"}.items():
        (root / name).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root


def git(root, *arguments, **options):
    settings = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *settings, *arguments], cwd=root, check=True, capture_output=True, **options)


def test_applied_to_the_commit_it_gives_the_files_that_lay_there(repository, tmp_path):
    project = repository / "fraud"
    (project / "steps.py").write_bytes("a = 'é'\n".encode("latin-1"))
    (project / "gone.py").unlink()
    (project / "new folder").mkdir()
    (project / "new folder" / "picture.bin").write_bytes(bytes(range(256)))
    (project / "staged.py").write_text("b\n")
    git(repository, "add", "fraud/staged.py")
    (repository / "other.txt").write_text("not the project's\n")
    before = git(repository, "status", "--porcelain").stdout
    objects = sorted((repository / ".git" / "objects").rglob("*"))

    made = make_patch(project)

    assert git(repository, "status", "--porcelain").stdout == before
    assert sorted((repository / ".git" / "objects").rglob("*")) == objects
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repository), str(clone))
    git(clone, "apply", "-", input=made)
    files = {path.relative_to(project): path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert {
        p.relative_to(clone / "fraud"): p.read_bytes() for p in (clone / "fraud").rglob("*") if p.is_file()
    } == files
    assert (clone / "other.txt").read_text() == "one\n"


def test_a_large_file_is_named_and_left_out(repository, monkeypatch):
    monkeypatch.setattr(patch, "MOST_BYTES", 1 << 20)
    project = repository / "fraud"
    (project / "data.csv").write_bytes(b"1,2\n" * 300_000)
    (project / "steps.py").write_text("a = 2\n")
    made = make_patch(project)
    assert made.startswith(b"Left out, larger than 1 MiB: data.csv (1,200,000 bytes)\n")
    assert b"+a = 2" in made
    assert len(made) < 1000


def test_what_git_cannot_tell_is_said_in_the_patch(repository, monkeypatch):
    monkeypatch.setattr(patch, "changed_files", lambda _: ("gone-meanwhile.txt",))
    made = make_patch(repository / "fraud")
    assert made.startswith(b"git could not make a patch: fatal: pathspec")
