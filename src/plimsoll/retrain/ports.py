"""What retraining needs from elsewhere: the alerts that are open, and somebody who does the long work."""

from __future__ import annotations

from typing import Protocol

from plimsoll.monitor.entities import Alert
from plimsoll.retrain.entities import Retraining


class Alerts(Protocol):
    """Knows what the monitor found."""

    def open(self, *, project: str, environment: str) -> tuple[Alert, ...]:
        """The environment's alerts that are not resolved, acknowledged ones too, the newest first."""


class Hands(Protocol):
    """Carries out what takes long: runs, gates, releases."""

    def see_to(self, retraining: Retraining) -> bool:
        """See to it that somebody works on a retraining that nobody has taken on; returns at once or when it is done.

        False when whoever was sent for this attempt has ended without having taken it on.
        """

    def let_go(self, working: frozenset[str]) -> None:
        """End the work on whatever is not among these retrainings."""
