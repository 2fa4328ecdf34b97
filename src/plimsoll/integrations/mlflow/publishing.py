"""Shows releases in MLflow's registry: observe what is there, decide what is missing, act; then note it down.

A release is a version of the registered model that has the project's name; the live release of one environment has the
alias `champion`. MLflow is a projection: what somebody changes there is put right again, and nothing is read from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plimsoll.artifacts.sweeping import at_work
from plimsoll.bundle.layout import verify_bundle
from plimsoll.edge.context import Context
from plimsoll.gates.operations import get_verdict
from plimsoll.gates.ports import Champions
from plimsoll.integrations.mlflow.address import client_environ, experiment_of, impatient, tracking_uri
from plimsoll.integrations.mlflow.errors import MlflowBehind
from plimsoll.integrations.mlflow.hand import Hand, MlflowTrouble
from plimsoll.kernel.clock import from_text, to_text
from plimsoll.kernel.extras import require
from plimsoll.kernel.files import replace_text
from plimsoll.project.entities import Project
from plimsoll.project.load import load_project
from plimsoll.release.entities import Release
from plimsoll.release.operations.releases import get_release, list_releases
from plimsoll.release.requests import Listing
from plimsoll.retrain.watches import default_environment

MOST = 50
"""So many releases are shown, the newest; and the champion, however old."""
PATIENCE_S = 300.0
"""How long one model may take to be uploaded."""
AGAIN = timedelta(minutes=5)
"""So often MLflow is looked at although nothing has changed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What MLflow shall show."""

    uri: str
    model: str
    releases: tuple[str, ...]
    """Their digests, the oldest first."""
    champion: str | None
    """The digest of the release that has the alias."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What MLflow shows."""

    model: str
    environment: str
    """Whose live release is the champion."""
    versions: Mapping[str, str]
    """Release -> version, of those that are to be shown."""
    champion: str | None
    """The version with the alias."""
    changed: tuple[str, ...]
    """What was done now, in words."""


def is_due(context: Context, project: Project) -> bool:
    """Whether something has changed here since it was last shown, or that is five minutes ago."""
    if project.mlflow is None or project.model is None:
        return False
    wanted = _wanted(context, project)
    if not wanted.releases:
        return False
    try:
        note = json.loads(_note(context).read_text(encoding="utf-8"))
        return bool(note["shown"] != _shown(wanted) or from_text(note["at"]) + AGAIN <= context.machine.now())
    except (OSError, ValueError, KeyError):
        return True


def publish(context: Context) -> Published:
    """Bring MLflow to what the ledger says. May be called again at any time. Raises MlflowBehind, PackageMissing."""
    project = load_project(context.workspace.project_file)
    require("mlflow")
    wanted = _wanted(context, project)
    environ = impatient(client_environ(wanted.uri))
    with Hand(environ, patience_s=PATIENCE_S) as hand:
        try:
            published = _bring(context, project, wanted, hand)
        except MlflowTrouble as error:
            raise MlflowBehind(project=project.project, problem=str(error)) from error
    note = {"shown": _shown(wanted), "at": to_text(context.machine.now())}
    context.workspace.mlflow.mkdir(parents=True, exist_ok=True)
    replace_text(_note(context), json.dumps(note) + "\n")
    return published


def _bring(context: Context, project: Project, wanted: Wanted, hand: Hand) -> Published:
    seen = hand.ask("versions", model=wanted.model)
    versions: dict[str, str] = seen["versions"]
    changed: list[str] = []
    names: dict[str, str] = {}
    for digest in wanted.releases:
        release = get_release(context, digest)
        names[digest] = release.name
        if digest not in versions:
            versions[digest] = _register(context, project, release, hand)
            changed.append(f"{release.name} is version {versions[digest]}")
    champion = versions[wanted.champion] if wanted.champion is not None else None
    if champion != seen["champion"]:
        hand.ask("move_champion", model=wanted.model, version=champion)
        whose = names[wanted.champion] if wanted.champion is not None else "no release"
        changed.append(f"the alias champion belongs to {whose}")
    return Published(
        model=wanted.model,
        environment=environment_of(project),
        versions={names[digest]: versions[digest] for digest in wanted.releases},
        champion=champion,
        changed=tuple(changed),
    )


def _register(context: Context, project: Project, release: Release, hand: Hand) -> str:
    """Unpack a release, verify it, and upload its model directory."""
    context.workspace.cache.mkdir(parents=True, exist_ok=True)
    with at_work(context.artifacts), TemporaryDirectory(dir=context.workspace.cache, prefix="mlflow-") as scratch:
        bundle = context.artifacts.unpack(release.tree, Path(scratch) / "bundle")
        verify_bundle(bundle, context.workspace.keys)
        version: str = hand.ask(
            "register",
            model=project.project,
            experiment=experiment_of(project),
            release=release.name,
            folder=os.fspath(bundle / "scorer" / "model"),
            tags=_tags(context, release),
        )
    return version


def _tags(context: Context, release: Release) -> dict[str, str]:
    verdict = get_verdict(context, release.verdict)
    return {
        "plimsoll.release": release.name,
        "plimsoll.digest": release.digest,
        "plimsoll.project": release.project,
        "plimsoll.run": release.run,
        "plimsoll.commit": release.commit,
        "plimsoll.verdict": str(verdict.finding),
        "plimsoll.created_by": release.created_by,
    }


def environment_of(project: Project) -> str:
    """The environment whose live release is the champion; empty without any."""
    named = project.mlflow.champion if project.mlflow is not None else None
    return named or default_environment(project)


def _wanted(context: Context, project: Project) -> Wanted:
    champions: Champions = context.plugin("champions", "ledger")
    champion = champions.live(project=project.project).get(environment_of(project))
    newest = [release.digest for release in reversed(list_releases(context, Listing(limit=MOST)))]
    older = [champion] if champion is not None and champion not in newest else []
    return Wanted(
        uri=tracking_uri(project, context.workspace),
        model=project.project,
        releases=(*older, *newest),
        champion=champion,
    )


def _note(context: Context) -> Path:
    return context.workspace.mlflow / "shown.json"


def _shown(wanted: Wanted) -> dict[str, Any]:
    return {
        "uri": wanted.uri,
        "model": wanted.model,
        "releases": list(wanted.releases),
        "champion": wanted.champion,
    }
