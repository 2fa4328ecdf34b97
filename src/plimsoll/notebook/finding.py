"""From what people call a release to its bundle as a folder, and the keys that its signature is held against."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from plimsoll.artifacts.folder import FolderStore
from plimsoll.bundle.layout import MANIFEST
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.nearest import nearest
from plimsoll.notebook.asking import Folder, advised, ask, workspace
from plimsoll.notebook.errors import ModelMissing, NoKeys, NothingLive
from plimsoll.project.find import ProjectNotFound
from plimsoll.release.errors import ReleaseMissing

_DIGEST = 64


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
    """The release that is meant. Raises ModelMissing, NothingLive."""
    first, at, number = name.rpartition("@")
    if (at and number.isdecimal()) or len(name) == _DIGEST:
        try:
            return dict(ask("releases.show", project=project, release=name))
        except PlimsollError as error:
            if error.code != ReleaseMissing.code:
                raise
            raise advised(_missing(name, project)) from error
    if number == "latest":
        newest = ask("releases.list", project=project, limit=1)
        if newest and first in ("", newest[0]["project"]):
            return dict(newest[0])
    elif not at:
        live = {one["environment"]: one["digest"] for one in ask("deployments.list", project=project)}
        if live.get(name):
            return dict(ask("releases.show", project=project, release=live[name]))
        if name in live or name in _environments(project):
            raise advised(NothingLive(environment=name))
    raise advised(_missing(name, project))


def _missing(name: str, project: Folder | None) -> ModelMissing:
    releases = [one["name"] for one in ask("releases.list", project=project, limit=1000)]
    environments = _environments(project)
    near = nearest(name, [*releases, *environments])
    known = [_listed("releases", releases), _listed("environments", environments)]
    return ModelMissing(
        name=name, near=f" (did you mean {near}?)" if near else "", known=" ".join(text for text in known if text)
    )


def _environments(project: Folder | None) -> list[str]:
    return [one["name"] for one in ask("environments.list", project=project)]


def _listed(what: str, names: Sequence[str]) -> str:
    return f"There are the {what} {', '.join(names[:10])}." if names else ""
