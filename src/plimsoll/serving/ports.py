"""What routing and arms need of a loaded release; live.py has the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from plimsoll.serving.entities import ReleaseRef
from plimsoll.serving.oip import InferRequest, Output
from plimsoll.serving.pace import Pace


class Runner(Protocol):
    """What answers for a release elsewhere than in this process; link.py has the one of the door."""

    deaths: int

    @property
    def ready(self) -> bool:
        """Whether a request would be answered at once."""

    async def output(self, columns: Mapping[str, list[Any]], rows: int) -> NDArray[np.float64]:
        """The model's raw output: shape (rows, classes), or (rows,) for regression."""

    async def close(self) -> None:
        """Let it go; nothing may be waiting."""


class Release(Protocol):
    """A release that is loaded and answers."""

    ref: ReleaseRef
    pace: Pace

    @property
    def ready(self) -> bool:
        """Whether a request would be answered at once."""

    @property
    def worker_deaths(self) -> int:
        """How often its worker was lost since it was loaded."""

    def read(self, page: Mapping[str, Any]) -> InferRequest:
        """The request in a parsed body. Raises BadRequest that names every problem."""

    async def score(self, request: InferRequest) -> tuple[Output, ...]:
        """The answer's tensors. Raises a PlimsollError that says what went wrong."""

    def write(self, request: InferRequest, outputs: Sequence[Output], *, prediction_id: str) -> bytes:
        """The response body."""

    def begin(self) -> None:
        """One more request may need it."""

    def end(self) -> None:
        """One request needs it no more."""
