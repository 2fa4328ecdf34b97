"""How an environment's settings are shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentView:
    """Where a release can live, and by which policy it comes there."""

    name: str
    target: str
    after: str
    """The environment in which a release must have been live before; empty for none."""
    bake: str
    """How long it must have been live there."""
    strategy: str
    stages: tuple[float, ...]
    """Shares of requests in percent, for the strategies that have stages."""
    auto_deploy: bool
