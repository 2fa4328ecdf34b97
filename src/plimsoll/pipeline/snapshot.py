"""The graph of a run that was: wired anew from the code and the project file that its snapshot holds."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from plimsoll.artifacts.folder import FolderStore
from plimsoll.edge.context import Context
from plimsoll.kernel.hashing import digest_json
from plimsoll.pipeline.entities import Graph, Run
from plimsoll.pipeline.graph import build_graph
from plimsoll.project.code import read_code
from plimsoll.project.entities import Project
from plimsoll.project.find import PROJECT_FILE
from plimsoll.project.load import load_project


def graph_of(context: Context, run: Run) -> Graph:
    """The run's steps and what they need. Raises ArtifactMissing, ProjectInvalid, CodeInvalid, GraphInvalid."""
    return _graph(context.artifacts.root, context.workspace.cache / "code", run.code_digest)


@lru_cache(maxsize=64)
def _graph(artifacts: Path, cache: Path, code: str) -> Graph:
    root, project = project_then(FolderStore(artifacts), cache, code)
    return build_graph(project, read_code(root, project.code))


def project_then(artifacts: FolderStore, cache: Path, code: str) -> tuple[Path, Project]:
    """A snapshot of code laid out as a folder below the cache, and its project file. Raises as `graph_of` does."""
    root = artifacts.unpack(code, cache / digest_json(code)[:16])
    return root, load_project(root / PROJECT_FILE, environ=Forgotten())


def project_of(root: Path) -> Project:
    """The project of a snapshot that lies in a folder; variables that are not set any more are empty. Raises ProjectInvalid."""
    return load_project(root / PROJECT_FILE, environ=Forgotten(os.environ))


class Forgotten(dict[str, str]):
    """Variables of an environment that may be gone, each empty: what the graph is does not hang on their values."""

    def __contains__(self, name: object) -> bool:
        return True
