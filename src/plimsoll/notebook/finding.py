"""From what people call a release to its bundle as a folder, and the keys that its signature is held against."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from plimsoll.artifacts.folder import FolderStore
from plimsoll.bundle.layout import MANIFEST
from plimsoll.kernel.errors import PlimsollError
from plimsoll.notebook.asking import Folder, advised, ask, workspace
from plimsoll.notebook.errors import NoKeys
from plimsoll.project.find import ProjectNotFound
from plimsoll.rollout.naming import named_release


class Found(NamedTuple):
    """A bundle's folder, not verified yet; the folder of the keys; where runtimes made from locks are kept."""

    bundle: Path
    keys: Path
    runtimes: Path


def find_bundle(name: Folder, *, project: Folder | None, keys: Folder | None) -> Found:
    """The bundle of a release by name, environment or digest, unpacked; or a bundle's own folder."""
    folder = Path(name)
    if (folder / MANIFEST).is_file():
        return _given(folder, project=project, keys=keys)
    release = _release(str(name), project)
    place = workspace(project=project, what=release["name"], store=release["tree"])
    bundle = place.cache / "bundles" / release["digest"]
    FolderStore(place.artifacts).unpack(release["tree"], bundle)
    return Found(bundle, Path(keys) if keys is not None else place.keys, place.runtimes)


def _given(folder: Path, *, project: Folder | None, keys: Folder | None) -> Found:
    from plimsoll.server.wiring import find_workspace

    try:
        place = find_workspace(Path(project or "").absolute())
    except ProjectNotFound as error:
        if keys is None:
            raise advised(NoKeys(folder=str(folder))) from error
        return Found(folder, Path(keys), Path(tempfile.gettempdir()) / "plimsoll-runtimes")
    return Found(folder, Path(keys) if keys is not None else place.keys, place.runtimes)


def _release(name: str, project: Folder | None) -> dict[str, Any]:
    """The release that is meant. Raises ReleaseUnknown, NothingLive."""
    try:
        return named_release(name, partial(ask, project=project))
    except PlimsollError as error:
        advised(error)
        raise
