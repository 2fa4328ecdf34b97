"""The nouns of pipelines: steps and their graph, a run, what became of each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One function of the project: what it is given and what it returns, read from its source, not by import."""

    name: str
    parameters: tuple[str, ...]
    defaulted: frozenset[str]
    """Parameters that have a default and may stay unwired."""
    outputs: tuple[str, ...]
    """Names of what it returns; its own name unless the project file names the parts of a tuple."""
    line: int
    source: str
    """File that defines it, relative to the project."""
    timeout_s: float | None = None
    retries: int = 0
    backoff_s: float = 1.0
    """How long the first retry waits; each one after it twice as long."""
    cpu: float = 1.0
    """How many cores it counts for."""
    memory: int | None = None
    """The most bytes that its processes may use together."""
    gpu: int = 0
    """How many GPUs it has to itself."""
    env: tuple[str, ...] = ()
    """Environment variables that its result depends on."""
    each: tuple[str, str] | None = None
    """The parameter that takes one item at a time, and the list that the items come from."""
    built_in: bool = False
    """Whether it is Plimsoll's own last step, which makes the scorer."""

    def source_of(self, parameter: str) -> str:
        """The name under which a parameter's value is known."""
        return self.each[1] if self.each is not None and parameter == self.each[0] else parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The steps in an order in which each comes after what it needs."""

    steps: tuple[Step, ...]
    inputs: Mapping[str, tuple[str, ...]]
    """Step name -> names it is given that are steps' outputs or datasets."""

    def maker(self, output: str) -> str:
        """The step that returns an output. Raises KeyError."""
        for step in self.steps:
            if output in step.outputs:
                return step.name
        raise KeyError(output)


class StepState(StrEnum):
    CACHED = "cached"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What became of one step in one run."""

    step: str
    state: StepState
    key: str
    """The cache key: digest of code, inputs, parameters and runtime."""
    because: str
    """Why it ran, or `cached`."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Output name -> artifact digest."""
    seconds: float = 0.0
    """Of the last attempt."""
    attempts: int = 0
    """How often it was tried; 0 for one that was not called."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPiece:
    """A part of what one step printed."""

    step: str
    """`import` for what the project's code printed while it was loaded."""
    text: str
    end: int
    """Where the part ends in the log, in bytes: what comes next begins there."""


class RunState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a pipeline, with everything needed to say where its outputs come from."""

    id: str
    project: str
    state: RunState
    created_by: str
    started_at: str
    ended_at: str | None = None
    commit: str = ""
    """The git commit of the code; empty when the project is not in git."""
    commit_author: str = ""
    """E-mail of that commit's author."""
    dirty: tuple[str, ...] = ()
    """Files that differ from the commit."""
    code_digest: str = ""
    """Artifact digest of the tree of the project's code and project file as they were."""
    lock_digest: str = ""
    """Artifact digest of the runtime's lock text."""
    params: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    """Dataset name -> data version digest."""
    steps: tuple[StepOutcome, ...] = ()
    scorer: str | None = None
    """Artifact digest of the scorer's tree; None without a model."""
    verdict: str | None = None
    """Id of the verdict."""
    error: str = ""
    because: str = ""
    """Why a trigger began it; empty when a person did who said no reason."""
    owners: tuple[str, ...] = ()
    """On whose behalf a trigger began it; empty when whoever created it did so themselves."""
    runtime: str = ""
    """Artifact digest of what its steps ran on; where all was cached, of what the last of them ran on. Empty until its end."""
    patch: str = ""
    """Artifact digest of the patch that makes the commit's files those of the run; empty when nothing differed."""

    @property
    def outputs(self) -> dict[str, str]:
        """Every output of every finished step: name -> artifact digest."""
        return {name: digest for step in self.steps for name, digest in step.outputs.items()}
