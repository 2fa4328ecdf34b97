"""Imports the project's own modules from their source, never from bytecode that lies beside it.

Python trusts bytecode by the source's size and its time in seconds, so an edit of the same size within a second would
run old code and record its result under the new code's cache key. Packages of the runtime keep their bytecode.
"""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder
from pathlib import Path

from plimsoll.bundle.code import SourceLoader


def import_from_source(roots: tuple[Path, ...]) -> None:
    """From now on, put these folders in front of the search path and import what is below them from source."""

    def finder(place: str) -> FileFinder:
        if not is_own(Path(place), roots):
            raise ImportError(place)
        return FileFinder(place, (ExtensionFileLoader, EXTENSION_SUFFIXES), (SourceLoader, SOURCE_SUFFIXES))

    sys.path[:0] = [str(root) for root in roots]
    sys.path_hooks.insert(0, finder)
    sys.path_importer_cache.clear()


def is_own(path: Path, roots: tuple[Path, ...]) -> bool:
    """Whether a file or folder is the project's, and not of an environment that lies inside the project's folder."""
    foreign = (Path(sys.prefix), Path(sys.base_prefix))
    return any(
        path.is_relative_to(root)
        and not any(place.is_relative_to(root) and path.is_relative_to(place) for place in foreign)
        for root in roots
    )
