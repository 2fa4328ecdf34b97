"""The project's releases and data versions, as lists that show themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from plimsoll.notebook import text
from plimsoll.notebook.asking import Folder, ask

if TYPE_CHECKING:
    import pandas as pd


def releases(*, limit: int = 20, project: Folder | None = None) -> Releases:
    """The project's releases, latest first."""
    return Releases(ask("releases.list", project=project, limit=limit))


def versions(dataset: str | None = None, *, project: Folder | None = None) -> Versions:
    """The recorded data versions, newest first within each dataset, each with where it was used."""
    return Versions(ask("data.versions", project=project, dataset=dataset))


class Listing(Sequence[Mapping[str, Any]]):
    """What an operation lists, item by item as plain data."""

    def __init__(self, items: Sequence[Mapping[str, Any]]) -> None:
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, place: int) -> Mapping[str, Any]: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Mapping[str, Any]]: ...

    def __getitem__(self, place: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        return self._items[place]

    @property
    def frame(self) -> pd.DataFrame:
        """One row each."""
        import pandas as pd

        return pd.json_normalize([dict(item) for item in self._items])


class Releases(Listing):
    """Releases, latest first."""

    def __repr__(self) -> str:
        return text.releases_text(self) if self else "No releases yet. `plimsoll release` makes one."

    def _repr_html_(self) -> str:
        from plimsoll.notebook.look import releases_html

        return releases_html(self)


class Versions(Listing):
    """Data versions, newest first within each dataset."""

    def __repr__(self) -> str:
        return text.versions_text(self) if self else "No data versions yet. `plimsoll run` records them."

    def _repr_html_(self) -> str:
        from plimsoll.notebook.look import versions_html

        return versions_html(self)
