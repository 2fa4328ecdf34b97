"""Which code a retraining runs, on which data, by which rules: everything that is known before its run begins.

The code, its parameters and its model are those of the live release, as they were frozen, or those of a commit. The
data, the gates, the environments and the monitor are those of the project file as it is today.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from plimsoll.edge.context import Context
from plimsoll.pipeline.entities import Run
from plimsoll.pipeline.errors import RunMissing
from plimsoll.pipeline.operations import get_run
from plimsoll.project.entities import Project
from plimsoll.project.find import PROJECT_FILE
from plimsoll.project.git import Commit, export_commit, find_ref
from plimsoll.project.load import load_project
from plimsoll.release.operations.releases import get_release
from plimsoll.retrain.entities import Retraining, Running
from plimsoll.retrain.errors import NothingLive
from plimsoll.retrain.operations import runs_begun
from plimsoll.rollout.operations import live_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a run stands on."""

    context: Context
    """The same as before, with the code's folder as the root of its workspace."""
    project: Project
    params: dict[str, Any]
    """In place of those of its project file."""
    commit: Commit
    patch: str
    """Digest of what made the commit's files those of the code; empty when they were the same."""
    allow_dirty: bool
    """Whether the live release was made of files that no commit holds, on the record."""
    known: Mapping[str, str]
    """Scorers that would be nothing new, by their artifacts' digests -> the release that has each."""


def ground_of(context: Context, retraining: Retraining) -> Ground:
    """The code laid out below the workspace's cache; once its run exists, that run's.

    Raises NothingLive, UnknownRef, GitUnreadable, ProjectInvalid.
    """
    today = load_project(context.workspace.project_file)
    bound = known_run(context, retraining.run) or _run_of_the_release(context, retraining)
    if bound is not None:
        commit = Commit(commit=bound.commit, author_email=bound.commit_author, dirty=bound.dirty)
        folder = context.artifacts.unpack(bound.code_digest, _place(context, bound.code_digest))
    else:
        commit = find_ref(context.workspace.root, retraining.ref)
        folder = _exported(context, commit)
    there = replace(context, workspace=replace(context.workspace, root=folder))
    return Ground(
        context=there,
        project=_under_todays_rules(load_project(folder / PROJECT_FILE), today),
        params=dict(bound.params) if bound else {},
        commit=commit,
        patch=bound.patch if bound else "",
        allow_dirty=bool(commit.dirty or not commit.commit),
        known=_known_scorers(context, retraining),
    )


def known_run(context: Context, run: str) -> Run | None:
    """A retraining's run, once it was begun; a process that ended before it could say so may have done it."""
    try:
        return get_run(context, run)
    except RunMissing:
        return None


def _run_of_the_release(context: Context, retraining: Retraining) -> Run | None:
    """The run that made the release whose code runs; None where a ref names the code. Raises NothingLive."""
    if retraining.ref:
        return None
    state = retraining.state
    digest = state.of if isinstance(state, Running) else ""
    digest = digest or live_digest(context, retraining.environment)
    if not digest:
        raise NothingLive(environment=retraining.environment)
    return get_run(context, get_release(context, digest).run)


def _known_scorers(context: Context, retraining: Retraining) -> dict[str, str]:
    """What is live, and what earlier retrainings released, whether it is live by now or a candidate still."""
    made = runs_begun(context, environment=retraining.environment, ref=retraining.ref)
    known = {str(get_run(context, run).scorer): release for run, release in made.items() if release}
    digest = live_digest(context, retraining.environment)
    if digest:
        live = get_release(context, digest)
        known[str(get_run(context, live.run).scorer)] = live.name
    return known


def _under_todays_rules(then: Project, today: Project) -> Project:
    """The project of the code, with where its data lies and what is demanded of a model as they are today."""
    model = then.model
    if model is not None and today.model is not None:
        model = replace(model, slices=today.model.slices)
    return replace(
        then,
        data={name: today.data.get(name, dataset) for name, dataset in then.data.items()},
        model=model,
        gates=today.gates,
        environments=today.environments,
        monitor=today.monitor,
    )


def _exported(context: Context, commit: Commit) -> Path:
    """The project's folder as a commit has it, whole or not at all."""
    place = _place(context, commit.commit)
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="ref-", dir=place.parent))
    try:
        export_commit(context.workspace.root, commit.commit, scratch)
        scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return place


def _place(context: Context, digest: str) -> Path:
    return context.workspace.cache / "retrain" / digest
