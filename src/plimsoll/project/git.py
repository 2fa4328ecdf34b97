"""What git says about a project's folder: the commit, its author, and what differs from it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from plimsoll.kernel.errors import Kind, PlimsollError

_IGNORED_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""Set inside git's hooks; they would point at another repository than the folder's own."""


class GitUnreadable(PlimsollError):
    """A repository that git refuses to read."""

    code = "project.git_unreadable"
    kind = Kind.UNAVAILABLE
    text = "git cannot read the repository around {folder}: {problem}"
    hint = "Run `git status` in that folder and follow what git says."


class UnknownRef(PlimsollError):
    """A branch, tag or commit that the repository does not have."""

    code = "project.unknown_ref"
    kind = Kind.MISSING
    text = "The repository around {folder} has no {ref!r}: {problem}."
    hint = "Name a branch, tag or commit that `git rev-parse` knows in that folder."


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The state of a project's code as git knows it."""

    commit: str = ""
    """The commit's full id; empty outside of a repository and before its first commit."""
    author_email: str = ""
    dirty: tuple[str, ...] = ()
    """Files below the project that differ from the commit or are new and not ignored, relative to the project."""


def read_commit(root: Path) -> Commit:
    """The commit that a project folder stands on; an empty Commit without git or outside of a repository.

    Raises GitUnreadable when git knows a repository but cannot read it.
    """
    inside = run_git(root, "rev-parse", "--show-prefix")
    if inside is None or (inside.returncode and "not a git repository" in inside.stderr):
        return Commit()
    _demand(inside, root)
    prefix = inside.stdout.strip("\n")
    commit, author_email = "", ""
    if _ask(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode == 0:
        log = _demand(_ask(root, "log", "-1", "--format=%H%n%ae"), root)
        commit, _, author_email = log.strip().partition("\n")
    return Commit(commit=commit, author_email=author_email, dirty=_changed(root, prefix))


def find_ref(root: Path, ref: str) -> Commit:
    """The commit that a branch, tag or id names, whatever is checked out. Raises UnknownRef."""
    answer = run_git(root, "log", "-1", "--format=%H%n%ae", "--end-of-options", ref, "--")
    if answer is None:
        raise UnknownRef(folder=str(root), ref=ref, problem="git is not installed")
    if answer.returncode:
        raise UnknownRef(folder=str(root), ref=ref, problem=answer.stderr.strip().partition("\n")[0])
    commit, _, author_email = answer.stdout.strip().partition("\n")
    if not commit:  # a range without a commit in it
        raise UnknownRef(folder=str(root), ref=ref, problem="it names no commit")
    return Commit(commit=commit, author_email=author_email)


def export_commit(root: Path, commit: str, into: Path) -> None:
    """Lay out the files below the project's folder as a commit has them, in an empty folder. Raises GitUnreadable."""
    import tarfile

    packed = into.with_suffix(".tar")
    try:
        _demand(_ask(root, "archive", "--format=tar", "-o", str(packed), commit), root)
        with tarfile.open(packed) as archive:
            archive.extractall(into, filter="data")
    finally:
        packed.unlink(missing_ok=True)


def changed_files(root: Path) -> tuple[str, ...]:
    """Every single file that `read_commit` counts as dirty, those in new folders too. Raises GitUnreadable."""
    prefix = _demand(_ask(root, "rev-parse", "--show-prefix"), root).strip("\n")
    return _changed(root, prefix, untracked="all")


def _changed(root: Path, prefix: str, *, untracked: str = "normal") -> tuple[str, ...]:
    """Paths that `git status` lists below the folder, without our own state folder."""
    status = _ask(
        root,
        "status",
        "--porcelain=v1",
        "-z",
        "--no-renames",
        f"--untracked-files={untracked}",
        "--",
        ".",
        ":(exclude).plimsoll",
    )
    entries = [entry[3:] for entry in _demand(status, root).split("\0") if entry]
    return tuple(sorted(entry.removeprefix(prefix) for entry in entries))


def _ask(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    answer = run_git(root, *arguments)
    assert answer is not None, "git was there a moment ago"
    return answer


def run_git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    """Git's answer, without taking locks that a person's own git might want; None when git is not installed."""
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments],
            env=git_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        return None


def git_environment() -> dict[str, str]:
    """The variables that git runs with here: no other repository's, English, and no locks."""
    environment = {name: value for name, value in os.environ.items() if name not in _IGNORED_VARIABLES}
    return environment | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


def _demand(answer: subprocess.CompletedProcess[str], root: Path) -> str:
    if answer.returncode:
        raise GitUnreadable(folder=str(root), problem=answer.stderr.strip().partition("\n")[0])
    return answer.stdout
