"""The nouns of retraining: what fires and why, one retraining from its request to its end, and its states.

A retraining is what becomes of one or more firings: a run of the live release's code on fresh data, judged, released
and deployed as far as each environment's policy goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias


class Trigger(StrEnum):
    """What can start a run."""

    HAND = "hand"
    SCHEDULE = "schedule"
    DRIFT = "drift"
    DECAY = "decay"
    NEW_DATA = "new_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One reason for a run. A trigger fires once for each key, for good."""

    id: str
    trigger: Trigger
    key: str
    """What it fired for: an alert's id, a due moment of a schedule, a state of a dataset's files."""
    because: str
    """A sentence for people."""
    evidence: Mapping[str, Any]
    """What it stands on, JSON-ready: the alert, the data version."""
    fired_at: str
    asked_by: str = ""
    """Who asked, by hand; empty for what fired by itself."""
    at_once: bool = False
    """By hand: whether not even a rollout under way is waited for."""
    note: str = ""
    """Why it does not hold any more; empty while it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often runs may begin without a person asking."""

    cooldown_s: float = 6 * 3600.0
    per_day: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Requested, and not begun."""

    what: str
    """What it waits for, as it reads after `waits for`."""
    until: datetime | None = None
    """When that is over, where it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Its run is bound to it, and is to be carried out and judged."""

    run: str
    attempt: int
    since: datetime
    of: str = ""
    """Digest of the release whose code runs, live when it began; another one may be live by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Its run passed its gates, and is to be released."""

    run: str
    verdict: str
    attempt: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """Its run is a release; what follows is each environment's policy."""

    release: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploying:
    """Its release is on its way to an environment, or waits for its admission there."""

    release: str
    digest: str
    environment: str
    rollout: str = ""
    """The rollout's id; empty while the environment does not admit it."""
    waiting_for: str = ""
    """What keeps it out, as a sentence; empty while it is on its way."""
    passed: tuple[str, ...] = ()
    """Environments in which it is live already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The end: its release is live wherever policy lets it be, or a candidate that nobody deployed."""

    release: str
    """Empty when its run made the model of an earlier release."""
    deployed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The end: the evidence said no, in the gates or in a rollout."""

    because: str
    finding: str = ""
    """The verdict's, where it was that: fail or inconclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The end: it could not be carried out."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """The end: something newer took its place while it waited."""

    by: str
    """The retraining or the release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The end: a person called it off."""

    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """The end before a beginning: none of its reasons holds any more."""

    because: str


ITS_TURN = Waiting(what="its turn")
"""Nobody has looked at it yet, or not since one more reason joined it."""

Working: TypeAlias = Running | Judged
Open: TypeAlias = Waiting | Running | Judged | Released | Deploying
Ended: TypeAlias = Done | Refused | Failed | Superseded | Cancelled | Dropped
State: TypeAlias = Open | Ended

OPEN = (Waiting, Running, Judged, Released, Deploying)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """One retraining and where it stands."""

    id: str
    project: str
    environment: str
    """Whose live release's code runs."""
    ref: str
    """The branch, tag or commit whose code runs instead; empty for the live release's."""
    state: State
    sentence: str
    """How it came to stand there, for people."""
    firings: tuple[Firing, ...]
    """Every reason, oldest first, with those that ceased to hold."""
    owners: tuple[str, ...] = ()
    """Whose run it is, known once it begins: they cannot approve what comes of it."""
    run: str = ""
    """Its latest run."""
    release: str = ""
    """The release that it made."""
    worker: str = ""
    """Identity of the process that carries it out; empty while none has taken it on."""
    version: int = 1
    """Grows with everything that is saved."""
    created_at: str
    began_at: str = ""
    """When its run began."""
    run_ended_at: str = ""
    """When its run was judged, or ended otherwise."""
    ended_at: str = ""
    """Empty while it is open."""

    @property
    def holding(self) -> tuple[Firing, ...]:
        """The reasons that still hold."""
        return tuple(firing for firing in self.firings if not firing.note)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One line of a retraining's record: from then on it stood there."""

    at: str
    state: State
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A rule of the project file that starts runs by itself, with its environment known."""

    trigger: Trigger
    environment: str
    ref: str = ""
    schedule: str = ""
    dataset: str = ""

    @property
    def name(self) -> str:
        """What it is, as it is remembered: a rule that is changed is another one."""
        what = self.schedule or self.dataset
        place = f"{self.environment} {self.ref}".strip()
        return f"{self.trigger} {what} in {place}" if what else f"{self.trigger} in {place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far a watch has looked, and what kept it from looking further."""

    seen_until: datetime
    note: str = ""
