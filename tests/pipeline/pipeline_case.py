"""A tiny project of a test's own in a folder, and the operations on it as a command would call them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.data.operations import resolve
from plimsoll.edge.context import Caller, Context, Grant, Progress, Role
from plimsoll.kernel.clock import SystemClock
from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import connect
from plimsoll.ledger.migrate import migrate
from plimsoll.pipeline.codecs import read_artifact
from plimsoll.pipeline.entities import Run
from plimsoll.pipeline.operations import execute, plan
from plimsoll.project.entities import ExecutorName
from plimsoll.project.load import load_project

STEPS = """
from pathlib import Path


def raw(size):
    _note("raw")
    return list(range(size))


def doubled(raw, factor):
    _note("doubled")
    return [value * factor for value in raw]


def summed(raw):
    _note("summed")
    return sum(raw)


def report(doubled, summed):
    _note("report")
    return {"doubled": doubled, "summed": summed}


def _note(step):
    with (Path(__file__).parent / "calls.txt").open("a") as stream:
        stream.write(step + "\\n")
"""
"""A diamond of four steps, each of which notes that it was called."""

PARAMS = "pipeline:\n  params: {size: 3, factor: 2}\n"


@dataclass
class Case:
    """A project folder. Every call reads the project file and the data anew, as a command does."""

    root: Path
    context: Context
    messages: list[Progress] = field(default_factory=list)
    executor: ExecutorName | None = None

    def run(self, **params: Any) -> Run:
        project, versions = self._read()
        return execute(self.context, project, versions=versions, params=params, executor=self.executor)

    def plan(self, **params: Any) -> dict[str, str]:
        """Step -> what the plan says about it."""
        project, versions = self._read()
        return {item.step: item.because for item in plan(self.context, project, versions=versions, params=params)}

    def value(self, run: Run, output: str) -> Any:
        return read_artifact(self.context.artifacts, run.outputs[output])

    def calls(self) -> list[str]:
        """The steps that noted their call since the last time this was asked, in their order."""
        file = self.root / "calls.txt"
        noted = file.read_text().split() if file.exists() else []
        file.unlink(missing_ok=True)
        return noted

    def write(self, name: str, text: str) -> None:
        place = self.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text))

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))

    @contextmanager
    def edited(self, name: str, old: str, new: str) -> Iterator[None]:
        """An edit that is taken back afterwards."""
        before = (self.root / name).read_text()
        self.edit(name, old, new)
        yield
        (self.root / name).write_text(before)

    def _read(self) -> tuple[Any, Mapping[str, Any]]:
        project = load_project(self.root / "plimsoll.yaml")
        return project, resolve(self.context, project, root=self.root)


def make_case(root: Path, steps: str = STEPS, settings: str = PARAMS, **files: str) -> Case:
    """A project `tiny` below `root`; `settings` follow `project` and `code` in its file."""
    root.mkdir(parents=True, exist_ok=True)
    messages: list[Progress] = []
    case = Case(root=root, context=open_context(root, messages), messages=messages)
    case.write("plimsoll.yaml", f"project: tiny\ncode: steps.py\n{textwrap.dedent(settings)}")
    case.write("steps.py", steps)
    for name, text in files.items():
        case.write(name, text)
    return case


def open_context(root: Path, messages: list[Progress]) -> Context:
    state = root / ".plimsoll"
    workspace = Workspace(root=root, state=state, ledger_url=f"sqlite:///{state}/ledger.sqlite")
    database = connect(workspace.ledger_url)
    migrate(database, clock=SystemClock())
    return Context(
        caller=Caller(name="ada", grants=(Grant(role=Role.DEVELOPER),)),
        clock=SystemClock(),
        database=database,
        artifacts=FolderStore(workspace.artifacts),
        workspace=workspace,
        project="tiny",
        plugin=lambda group, name: None,
        progress=messages.append,
    )
