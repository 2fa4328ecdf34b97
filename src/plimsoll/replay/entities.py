"""The nouns of a replay: what is replayed and how, one moment's rows, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a replay is begun with, and goes on with after it was killed."""

    files: str
    """The recorded rows: a file or a glob, absolute."""
    time: str
    label: str
    """Empty: the rows hold none."""
    environment: str
    label_delay_s: float
    label_every_s: float
    """Labels come in batches at multiples of this; 0: each when it is due."""
    feed: str
    """The dataset that rows are appended to once their label is due; empty: none."""
    run_time_s: float
    """How much replayed time may pass while a triggered run is under way."""
    approve_as: str
    batch: int
    """The most rows of one moment in one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What there is to replay."""

    rows: int
    begin: datetime
    end: datetime
    """The moment of the last row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One column of a request, as the door describes it."""

    name: str
    datatype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of one moment that go into one request."""

    at: datetime
    first: int
    """The number of the first one; the others follow."""
    values: tuple[tuple[Any, ...], ...]
    """One tuple a row, in the order of the tensors."""
    labels: tuple[Any, ...] = ()
    """What is true of each row; None where it is not known, nothing where no label is replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request that was answered, or failed."""

    first: int
    count: int
    prediction: str
    """Empty when it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """How answers did on the rows of one week."""

    begin: datetime
    rows: int
    """With an answer and a label."""
    value: float | None
    """None where the metric has no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The metric on all answers whose label was replayed."""

    metric: str
    rows: int
    value: float | None
    weeks: tuple[Week, ...]
    days: tuple[Week, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was sent in this session, and what failed."""

    rows: int = 0
    requests: int = 0
    failed: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    labels: int = 0
    turns: int = 0
    seconds: float = 0.0
    """Real ones, of the whole session."""
    sending_s: float = 0.0
    """Of these, with requests under way."""
    waiting_s: float = 0.0
    """Of these, for runs and rollouts."""
