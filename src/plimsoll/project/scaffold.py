"""`plimsoll init`: a new project that runs, passes its tests and can be released as it is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import plimsoll
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.project.breach import is_plain_name
from plimsoll.project.git import run_git

TEMPLATE = Path(plimsoll.__file__).parent / "templates" / "project"
_FALLBACK_NAME = "my-project"


class FolderNotEmpty(PlimsollError):
    """A target that holds files already; nothing of it is touched."""

    code = "project.folder_not_empty"
    kind = Kind.CONFLICT
    text = "{folder} is not empty: it holds {examples}."
    hint = "Name a new or an empty folder. To turn existing code into a project, write a plimsoll.yaml beside it."


class NotAFolder(PlimsollError):
    """A target that cannot become a project's folder."""

    code = "project.not_a_folder"
    kind = Kind.CONFLICT
    text = "Cannot make a project in {folder}: {problem}."
    hint = "Name a new or an empty folder in a place where you may write."


class BadName(PlimsollError):
    """A project name that plimsoll.yaml would refuse."""

    code = "project.bad_name"
    kind = Kind.INVALID
    text = "{name!r} cannot be a project's name."
    hint = "Use lower-case letters, digits and single dashes, starting with a letter: --name {suggestion}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffold:
    """What `init` made."""

    folder: str
    project: str
    files: tuple[str, ...]
    git: str
    """What became of the repository, in one sentence."""
    missing: tuple[str, ...]
    """Packages that the project imports and this Python cannot."""


def make_project(folder: Path, *, name: str | None, with_git: bool) -> Scaffold:
    """Write a new project into a new or empty folder, generate its data, and commit it.

    name: default is made from the folder's name.
    Raises FolderNotEmpty, NotAFolder, BadName before anything is written.
    """
    folder = folder.absolute()
    project = _project_name(folder, name)
    _refuse_taken(folder)
    try:
        _copy_template(folder, project)
        _generate_data(folder)
    except OSError as error:
        raise NotAFolder(folder=str(folder), problem=error.strerror or str(error)) from error
    files = _files(folder)
    return Scaffold(
        folder=str(folder),
        project=project,
        files=tuple(files),
        git=_commit(folder) if with_git else "left out, as asked; a release needs a commit",
        missing=tuple(name for name, module in (("scikit-learn", "sklearn"),) if find_spec(module) is None),
    )


def _project_name(folder: Path, name: str | None) -> str:
    source = folder.resolve().name if name is None else name
    words = re.findall(r"[a-z0-9]+", source.lower())
    suggestion = "-".join(words).lstrip("0123456789-")[:50].strip("-") or _FALLBACK_NAME
    if name is None:
        return suggestion
    if not is_plain_name(name):
        raise BadName(name=name, suggestion=suggestion)
    return name


def _refuse_taken(folder: Path) -> None:
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise NotAFolder(folder=str(folder), problem=f"{path.name} is a file")
    found = sorted(path.name for path in folder.iterdir() if path.name != ".git") if folder.exists() else []
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise FolderNotEmpty(folder=str(folder), examples=", ".join(found[:3]) + more)


def _copy_template(folder: Path, project: str) -> None:
    """Copy the template with its names filled in."""
    for source in sorted(path for path in TEMPLATE.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        relative = source.relative_to(TEMPLATE).as_posix()
        target = folder / {"gitignore": ".gitignore"}.get(relative, relative)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix in {".yaml", ".md"}:
            target.write_text(source.read_text(encoding="utf-8").replace("{{project}}", project), encoding="utf-8")
        else:
            shutil.copyfile(source, target)


def _files(folder: Path) -> list[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.parts[0] != ".git")


def _generate_data(folder: Path) -> None:
    """Run the project's own seeded generator, which needs the standard library only."""
    subprocess.run([sys.executable, "make_data.py"], cwd=folder, check=True, capture_output=True)


def _commit(folder: Path) -> str:
    """Make the folder a repository with one commit, unless it lies in one; never fails, but tells."""
    inside = run_git(folder, "rev-parse", "--is-inside-work-tree")
    if inside is None:
        return "git is not installed; a release needs a commit"
    if inside.returncode == 0:
        return "the folder lies in a repository already: commit the new files there"
    steps = (
        ("-c", "init.defaultBranch=main", "init", "--quiet"),
        ("add", "--all"),
        ("commit", "--quiet", "--message", "Begin with the project that plimsoll init makes"),
    )
    for arguments in steps:
        answer = run_git(folder, *arguments)
        if answer is None or answer.returncode:
            said = answer.stderr.strip() if answer else ""
            if "user.email" in said:
                said = "git does not know your name; see `git config --global user.name` and `user.email`"
            return f"not committed: {said.splitlines()[-1] if said else 'git failed'}"
    return "a repository with a first commit"
