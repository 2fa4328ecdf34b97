"""The runtime as one text: the interpreter and every installed distribution, by exact version.

Two runtimes are the same when their texts are; that is what a release is held to. Installing a lock is not done here.
"""

from __future__ import annotations

import os
import platform
import re
import site
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import PathDistribution
from pathlib import Path

OURSELVES = "plimsoll-ml"
_FOLDER = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)(?:-py\d[^-]*)?\.(?:dist-info|egg-info)")


def lock_text() -> str:
    """`python==3.11.7 cpython linux-x86_64`, then `name==version` of each installed distribution, sorted; ends in a newline.

    Names are normalised (PEP 503). Only the interpreter's own site folders count, so that the text does not depend on
    the current folder. Plimsoll itself is left out: a release does not change because the tool that carries it does.
    Two copies of one distribution count once: the one that an import would find.
    """
    versions = {name: version for name, (version, _) in installed_distributions().items()}
    first = f"python=={platform.python_version()} {sys.implementation.name} {sysconfig.get_platform()}"
    return "\n".join([first, *(f"{name}=={versions[name]}" for name in sorted(versions))]) + "\n"


def installed_distributions() -> dict[str, tuple[str, str]]:
    """Normalised name -> version and metadata folder of every distribution that the lock counts."""
    found: dict[str, tuple[str, str]] = {}
    for folder in _site_folders():
        for name, version, metadata in _distributions(folder):
            found.setdefault(name, (version, metadata))
    found.pop(OURSELVES, None)
    return found


def lock_differences(released: str, running: str, *, most: int = 5) -> str:
    """What differs between two locks, in words: `numpy 2.4.6, here 2.5.5; xgboost 3.2, here none`; empty when equal."""
    if released == running:
        return ""
    changed = sorted(lock_changes(released, running))
    words = [f"{name} {was or 'none'}, here {now or 'none'}" for name, was, now in changed[:most]]
    if len(changed) > most:
        words.append(f"and {len(changed) - most} more")
    return "; ".join(words) or "the same packages in another order"


def lock_changes(before: str, after: str) -> list[tuple[str, str, str]]:
    """Name and both versions of each package that differs, Python itself first; a version is empty where it has none."""
    was, now = _versions(before), _versions(after)
    changed = [name for name in was.keys() | now.keys() if was.get(name) != now.get(name)]
    changed.sort(key=lambda name: (name != "python", name))
    return [(name, was.get(name, ""), now.get(name, "")) for name in changed]


def _versions(lock: str) -> dict[str, str]:
    pairs = (line.partition("==") for line in lock.splitlines() if line.strip())
    return {name: version for name, _, version in pairs}


def _site_folders() -> list[str]:
    known = {os.path.realpath(folder) for folder in (*site.getsitepackages(), site.getusersitepackages())}
    return list(dict.fromkeys(folder for folder in sys.path if os.path.realpath(folder) in known))


def _distributions(folder: str) -> Iterator[tuple[str, str, str]]:
    """Name, version and metadata folder of what is installed in one folder; the folders' names tell where they can."""
    if not os.path.isdir(folder):  # noqa: PTH112 - os.listdir below: a thousand Path objects would cost more than the rest
        return
    for entry in sorted(os.listdir(folder)):  # noqa: PTH208 - as above
        if not entry.endswith((".dist-info", ".egg-info")):
            continue
        match = _FOLDER.fullmatch(entry)
        if match:
            yield _normalised(match["name"]), match["version"], f"{folder}/{entry}"
            continue
        metadata = PathDistribution(Path(folder, entry)).metadata
        if metadata and "Name" in metadata and "Version" in metadata:
            yield _normalised(metadata["Name"]), metadata["Version"], f"{folder}/{entry}"


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
