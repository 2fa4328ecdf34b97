"""Bundles where an environment needs them, and its live release as gates see it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from plimsoll.artifacts.folder import FolderStore
from plimsoll.bundle.layout import verify_bundle
from plimsoll.edge.context import Context, Progress
from plimsoll.gates.ports import LiveRelease
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database
from plimsoll.release.entities import Release
from plimsoll.release.operations.releases import find_release, get_release
from plimsoll.rollout import store
from plimsoll.rollout.entities import DesiredRelease
from plimsoll.rollout.operations.place import champions
from plimsoll.rollout.ports import Target
from plimsoll.rollout.rollouts import ReleaseRef


class LedgerChampions:
    """The champions as the ledger knows them; implements gates.ports.Champions."""

    def __init__(self, workspace: Workspace, database: Database) -> None:
        self._workspace = workspace
        self._database = database

    def champion(self, *, project: str, environment: str) -> LiveRelease | None:
        """The live release of an environment, unpacked; None when nothing was ever live there."""
        with self._database.read() as transaction:
            found = store.find(transaction, project=project, environment=environment)
        if found is None or not found.digest:
            return None
        release = find_release(self._database, found.digest)
        folder = unpack_release(self._workspace, release, environment)
        return LiveRelease(name=release.name, digest=release.digest, scorer=folder / "scorer")

    def live(self, *, project: str) -> Mapping[str, str | None]:
        """Environment -> digest of its live release."""
        with self._database.read() as transaction:
            return champions(transaction, project=project)


def prepare_release(context: Context, release: Release, environment: str, *, target: str) -> None:
    """See to it that a release could be loaded: its bundle is whole, and its target has what it needs.

    Raises bundle.tampered, and what the target raises.
    """

    def say(text: str) -> None:
        context.progress(Progress(task=release.name, message=text))

    carrier: Target = context.plugin("target", target)
    ref = ReleaseRef(name=release.name, digest=release.digest)
    carrier.prepare(desired_release(context, ref, environment), say=say)


def desired_release(context: Context, ref: ReleaseRef, environment: str) -> DesiredRelease:
    """A release as a target needs it, with its bundle unpacked. Raises bundle.tampered."""
    release = get_release(context, ref.digest)
    bundle = unpack_release(context.workspace, release, environment)
    return DesiredRelease(name=ref.name, digest=ref.digest, bundle=bundle)


def unpack_release(workspace: Workspace, release: Release, environment: str) -> Path:
    """The release's bundle as a folder below its environment, verified. Raises bundle.tampered."""
    folder = workspace.environment(environment) / "releases" / release.digest
    FolderStore(workspace.artifacts).unpack(release.tree, folder)
    verify_bundle(folder, workspace.keys)
    return folder
