"""What an executor is given for one run, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from plimsoll.pipeline.jobs import Surroundings
from plimsoll.pipeline.ports import Executor

ManagedExecutor = AbstractContextManager[Executor]
"""Left, everything that it started has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A run's surroundings here, and what a machine without these folders needs to make them anew."""

    surroundings: Surroundings
    code_tree: str
    """Artifact digest of the code snapshot."""
    entry: str
    """The `code` setting."""
    env: Mapping[str, str]
    """The environment variables that steps declare, and their values; they may be secrets."""
