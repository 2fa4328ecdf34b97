"""What a pipeline needs from elsewhere: who carries its jobs out, who writes down what became of them, who is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from plimsoll.pipeline.entities import Run, Step, StepOutcome
from plimsoll.pipeline.jobs import Ended, ImportTrouble, Job, Started
from plimsoll.pipeline.keys import Ingredients
from plimsoll.pipeline.tasks import Task
from plimsoll.project.entities import Project


class Executor(Protocol):
    """Runs jobs somewhere, each in a process of its own: on this machine, on a cluster's nodes.

    A job is a small message. What it needs and makes is in the artifacts, by digest; how it gets from there to where
    the job runs and back is the executor's business. When a job's end is told, its outputs are in the artifacts, and its
    result, its log and what it logged are in the files that the job names.
    """

    def require(self, steps: Iterable[Step]) -> None:
        """Raises NoSuchRoom when one of these steps asks for more than it can ever get here."""

    def has_room(self, cpu: float, gpu: int = 0) -> bool:
        """Whether a job that counts for so many cores and needs so many GPUs may be started now."""

    def start(self, job: Job) -> None:
        """Begin a job, or let it wait for its turn; `wait` tells when it runs."""

    def stop(self, job: str) -> None:
        """End a job and all that it started; `wait` tells its end as any other."""

    def wait(self, timeout_s: float | None) -> Started | Ended | ImportTrouble | None:
        """The next thing that happens; None when nothing did in that time."""

    def close(self) -> None:
        """End everything that it started; returns when that is gone. Closing again changes nothing."""


class Journal(Protocol):
    """Where the engine looks finished work up and writes it down. Everything written is durable on return."""

    def find(self, key: str) -> Mapping[str, str] | None:
        """The outputs kept under a cache key, all of them present."""

    def why(self, step: str, parts: Ingredients) -> str:
        """Why a step that is not cached runs."""

    def items(self, source: str, parts: Ingredients) -> Sequence[Any]:
        """The list for each of whose items a step is called. Raises NotAList."""

    def gather(self, digests: Sequence[str]) -> str:
        """One output that is the list of these."""

    def keep(self, task: Task, outputs: Mapping[str, str]) -> None:
        """Remember what one of several calls returned."""

    def write(self, outcome: StepOutcome, parts: Ingredients | None) -> None:
        """Record what became of a step; its outputs are in the artifacts."""


class Tracked(Protocol):
    """One run that a tracking system has been told of, or could not be."""

    @property
    def environ(self) -> Mapping[str, str]:
        """Variables for the processes of the run's steps."""

    @property
    def around(self) -> str:
        """`module:function` of a context manager that holds while a step's function is called; it takes the job."""

    @property
    def problem(self) -> str:
        """Why the system could not be told yet; empty when it was."""

    def end(self, run: Run | None) -> str:
        """Tell what became of the run; None when that is not known. Returns why it could not be told, and raises nothing."""


class Tracker(Protocol):
    """Tells a tracking system of runs. Whatever that system does, the run goes on."""

    def begin(self, project: Project, run: Run) -> Tracked:
        """Tell that a run begins. Raises PackageMissing alone."""
