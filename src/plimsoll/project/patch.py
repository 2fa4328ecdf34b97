"""What makes a commit's files those that lie there: one patch that `git apply` takes, new files included.

It is made with an index and an object folder of its own, so nothing is written into the repository.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from plimsoll.project.git import changed_files, git_environment

MOST_BYTES = 5 << 20
"""A larger file is named and left out: it is data, which is kept as a data version where it is declared."""


def make_patch(root: Path) -> bytes:
    """The difference of the project's folder from its commit; begins with the names of files that are left out.

    What git cannot tell is said in the patch itself, as a line that `git apply` skips. Raises GitUnreadable.
    """
    files = changed_files(root)
    large = {name: size for name in files if (size := _size(root / name)) > MOST_BYTES}
    notes = [f"Left out, larger than {MOST_BYTES >> 20} MiB: {name} ({size:,} bytes)" for name, size in large.items()]
    with tempfile.TemporaryDirectory(prefix="plimsoll-patch-") as scratch:
        problem, difference = _difference(root, [name for name in files if name not in large], Path(scratch))
    if problem:
        notes.append(f"git could not make a patch: {problem}")
    return "".join(f"{note}\n" for note in notes).encode() + difference


def _difference(root: Path, files: list[str], scratch: Path) -> tuple[str, bytes]:
    """What went wrong, and the patch."""
    (scratch / "objects").mkdir()
    environment = git_environment() | {"GIT_INDEX_FILE": str(scratch / "index"), "GIT_LITERAL_PATHSPECS": "1"}
    place = _git(root, environment, "rev-parse", "--path-format=absolute", "--git-path", "objects")
    if place.returncode:
        return _problem(place), b""
    environment["GIT_OBJECT_DIRECTORY"] = str(scratch / "objects")
    environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = place.stdout.decode(errors="surrogateescape").strip("\n")
    answer = place
    for command, content in _commands(files):
        answer = _git(root, environment, *command, content=content)
        if answer.returncode:
            return _problem(answer), b""
    return "", answer.stdout


def _commands(files: list[str]) -> Iterator[tuple[tuple[str, ...], bytes]]:
    names = b"\0".join(os.fsencode(name) for name in files)
    yield ("read-tree", "HEAD"), b""
    if files:
        yield ("add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul"), names
    yield ("diff", "--cached", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "HEAD"), b""


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # removed: that is the change
        return 0


def _git(
    root: Path, environment: dict[str, str], *arguments: str, content: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], env=environment, input=content, capture_output=True, check=False
    )


def _problem(answer: subprocess.CompletedProcess[bytes]) -> str:
    return answer.stderr.decode(errors="replace").strip().partition("\n")[0]
