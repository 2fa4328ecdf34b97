"""plimsoll.yaml -> Project. Everything wrong with a file is found in one go and told with its line.

First the text (encoding, YAML, variables), then the shape (names, types), then what settings say about each other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plimsoll.kernel.nearest import nearest
from plimsoll.project.entities import Project
from plimsoll.project.problems import Problem, ProjectFileMissing, ProjectInvalid, describe
from plimsoll.project.reader import Tree, read_tree
from plimsoll.project.rules import breaches
from plimsoll.project.shape import project_type, read_shape, readable
from plimsoll.project.syntax import decode


def load_project(file: Path, environ: Mapping[str, str] = os.environ) -> Project:
    """The project that a file describes, with every default filled in.

    environ: where `${NAME}` is looked up.
    Raises ProjectFileMissing, and ProjectInvalid with every problem of the file.
    """
    return read_project(file, environ)[0]


def read_project(file: Path, environ: Mapping[str, str] = os.environ) -> tuple[Project, Tree]:
    """The project, and the tree that says what was written where. Raises as `load_project` does."""
    tree = _read_mapping(file, environ)
    project = read_shape(tree)
    for breach in breaches(written_values(project) if project else readable(tree.value)):
        tree.report(breach.path, breach.found, breach.expected, nearest=nearest(breach.word, breach.options))
    if project is None or tree.problems:
        raise ProjectInvalid(problems=tree.problems)
    return project, tree


def written_values(project: Project) -> dict[str, Any]:
    """A project as the plain values that a file would hold, with every default."""
    values: dict[str, Any] = project_type().dump_python(project, by_alias=True)
    return values


def _read_mapping(file: Path, environ: Mapping[str, str]) -> Tree:
    try:
        content = file.read_bytes()
    except OSError as error:
        problem = "it does not exist" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise ProjectFileMissing(file=str(file), problem=problem) from error
    text = decode(content, file.name)
    if isinstance(text, Problem):
        raise ProjectInvalid(problems=[text])
    tree = read_tree(text, file=file.name, environ=environ)
    if tree.problems and tree.value is None:
        raise ProjectInvalid(problems=tree.problems)
    if not isinstance(tree.value, dict):
        found = "an empty file" if tree.value is None else describe(tree.value)
        expected = "settings such as `project: my-project` and `code: steps.py`"
        raise ProjectInvalid(problems=[Problem(file=file.name, line=1, found=found, expected=expected)])
    return tree
