"""What carries a deployment: the Protocol that every target implements."""

from __future__ import annotations

from typing import Protocol

from plimsoll.rollout.entities import Desired, Observed


class Target(Protocol):
    """Carries deployments. Every method may be called again at any time, from any process."""

    def apply(self, desired: Desired) -> Observed:
        """Make it so and return once the live release answers. Raises PlimsollError of kind unavailable."""

    def observe(self, environment: str) -> Observed | None:
        """What runs now; None when nothing was ever applied."""

    def stop(self, environment: str) -> None:
        """End every process of the environment."""
