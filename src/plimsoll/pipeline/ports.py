"""What a pipeline needs from elsewhere: somebody who tells another tracking system of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from plimsoll.pipeline.entities import Run
from plimsoll.project.entities import Project


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
