"""What gates need from areas above them: who the champion of an environment is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRelease:
    """An environment's live release, unpacked: its name, its digest and the folder that holds its scorer."""

    name: str
    digest: str
    scorer: Path


class Champions(Protocol):
    """Finds the live release of an environment."""

    def champion(self, *, project: str, environment: str) -> LiveRelease | None:
        """The live release, or None when nothing has been deployed there."""

    def live(self, *, project: str) -> Mapping[str, str | None]:
        """Environment -> digest of its live release, for every environment that has one."""
