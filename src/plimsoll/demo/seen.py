"""What an act was to show and what it showed, and what acts look up to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plimsoll.demo.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an act was to show, what it showed, and whether they agree."""

    expected: str
    seen: str
    ok: bool


def deployment_of(stage: Stage, environment: str) -> dict[str, Any]:
    """What an environment runs, as `plimsoll status` has it."""
    views: list[dict[str, Any]] = stage.ask("ada", "status")
    return next(view for view in views if view["environment"] == environment)
