"""What is wrong with a project, told so that a person can put it right, and the errors that carry it.

A problem names its place, what was found, what was expected and the nearest right word. Areas above that find
problems in the same files (the graph of steps, say) use the same type, so that all read alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from textwrap import indent
from typing import Any

from plimsoll.kernel.errors import Kind, PlimsollError

Path = tuple[str | int, ...]
"""The way from the top of a project file to a value: keys of mappings and positions in lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to put right in one file."""

    file: str
    line: int
    """Counted from 1; 0 when the problem belongs to no line."""
    where: str = ""
    """The setting, such as `gates[1].metric`, or the name in the code."""
    found: str
    expected: str = ""
    nearest: str = ""
    """The right word that the found one was probably meant to be."""
    source: str = ""
    """The source line, with a marker below it, when seeing it helps."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{self.where}: " if self.where else ""
        finding = f"found {self.found}, expected {self.expected}" if self.expected else self.found
        question = f"; did you mean {self.nearest}?" if self.nearest else ""
        sample = "".join(f"\n    {line}" for line in self.source.splitlines())
        return f"{place}  {subject}{finding}{question}{sample}"


class ProblemsFound(PlimsollError):
    """An error that lists problems. Raise with `problems=`, a sequence of Problem."""

    kind = Kind.INVALID
    headline = "{count} in {files}"

    def __init__(self, *, problems: Iterable[Problem | dict[str, Any]]) -> None:
        listed = [problem if isinstance(problem, Problem) else Problem(**problem) for problem in problems]
        super().__init__(problems=[asdict(problem) for problem in listed])
        self.problems = tuple(sorted(listed, key=lambda problem: (problem.file, problem.line)))

    def __str__(self) -> str:
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        files = ", ".join(dict.fromkeys(problem.file for problem in self.problems))
        listing = "\n".join(str(problem) for problem in self.problems)
        return f"{self.headline.format(count=count, files=files)}\n{indent(listing, '  ')}"


class ProjectInvalid(ProblemsFound):
    """A project file that cannot be used as it is."""

    code = "project.invalid"
    hint = "docs/project-file.md explains every setting; `plimsoll schema` lets an editor check the file as you type."


class CodeInvalid(ProblemsFound):
    """Project code that cannot be read, or whose functions cannot be steps."""

    code = "project.code_invalid"
    hint = "Nothing was run. docs/project-file.md says under `The steps` which functions are steps."


class ProjectFileMissing(PlimsollError):
    """A project file that is not there or cannot be read."""

    code = "project.file_missing"
    kind = Kind.MISSING
    text = "Cannot read {file}: {problem}."
    hint = "Change to your project's folder, or make a new project with `plimsoll init my-project`."


def place(path: Path) -> str:
    """A path as people write it: `gates[1].metric`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def describe(value: object) -> str:
    """A value found in a file, in the file's own words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case str():
            return repr(value if len(value) <= 60 else value[:57] + "...")
        case float() if value.is_integer():
            return repr(value).removesuffix(".0")
    return str(value)


def one_of(options: Iterable[str]) -> str:
    """`one of a, b, c`, or the one option itself."""
    names = list(options)
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"
