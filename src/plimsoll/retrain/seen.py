"""What is known of the world around a retraining when its next step is decided, and that step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from plimsoll.retrain.entities import Limits, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How the rollout of a release in an environment stands."""

    rollout: str
    is_over: bool
    """Live, or taken back."""
    is_live: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an environment does not admit a release now."""

    code: str
    text: str
    passes: bool
    """Whether waiting may cure it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of the world around one retraining at one moment; only what its state asks about is filled in."""

    # Before the run
    limits: Limits = field(default_factory=Limits)
    live: str = ""
    """The name of the environment's live release."""
    other_run: str = ""
    """A retraining of the project whose run is under way."""
    rollout: str = ""
    """The release that is being rolled out in the environment."""
    last_ended: datetime | None = None
    """When the latest run of a retraining ended."""
    begun: tuple[datetime, ...] = ()
    """When runs of retrainings began, within the last day."""
    # While it runs
    worker_gone: bool = False
    """Whether the process that carried it out has ended without a word."""
    run_is_lost: bool = False
    """Whether its run ended half-way; another one goes on from what is cached."""
    new_run: str = ""
    """An id for the run that would begin now."""
    # After the release
    order: tuple[str, ...] = ()
    """Environments to which releases of triggers are deployed by themselves, in their order."""
    newer: str = ""
    """A later retraining that has made a release, or a later release that is live where this one would go."""
    course: Course | None = None
    """The rollout of its release in the present environment."""
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The next state of a retraining, and why."""

    state: State
    sentence: str
