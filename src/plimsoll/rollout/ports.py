"""What carries a deployment: the Protocol that every target implements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from plimsoll.capture.counts import StageCounts
from plimsoll.rollout.entities import Desired, DesiredRelease, Observed


class Target(Protocol):
    """Carries deployments. Every method may be called again at any time, from any process."""

    def prepare(self, release: DesiredRelease, *, say: Callable[[str], None]) -> None:
        """Make whatever the release needs to be loaded here, however long that takes. say: is told what goes on.

        Raises PlimsollError that names what cannot be made.
        """

    def apply(self, desired: Desired) -> Observed:
        """Tell what is wanted, and return as soon as that is known there; `observe` says when it has become so.

        Telling the same revision again changes nothing. Raises PlimsollError: kind conflict for a revision older than
        what was told before, unavailable when the target cannot be told now.
        """

    def observe(self, environment: str) -> Observed | None:
        """What runs now; None when nothing was ever applied."""

    def counts(self, environment: str, rollout: str) -> Mapping[int, StageCounts]:
        """The cumulative counts of a rollout by stage, over every door that there is or was.

        They hold each outcome from the moment at which it would have been known however it went: not what failed soon
        before what succeeded late. Raises PlimsollError and nothing else, whatever the disk or the network does: kind
        unavailable when they cannot be read now, internal when they are lost. Where they are kept small meanwhile, a
        failure of that is no reason.
        """

    def stop(self, environment: str, *, revision: int) -> None:
        """End every process of the environment. An older revision than what was told before is refused, as by apply."""
