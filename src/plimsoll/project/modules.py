"""The project's own Python modules: which there are, where they lie, what their source says. Nothing is imported.

A module is the project's own when its file lies beside the code entry or below the project's root; everything else
that code imports is a package of the runtime, and the runtime's lock answers for it.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plimsoll.project.problems import Problem
from plimsoll.project.syntax import marked


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module as project code imports it."""

    name: str
    """Dotted, such as `steps` or `features.text`."""
    file: Path | None
    """None for a folder without `__init__.py`."""
    package: bool
    tree: ast.Module
    """Without docstrings, so that equal code has equal trees."""

    def absolute(self, name: str | None, level: int) -> str:
        """The dotted name that an import statement in this module means."""
        if not level:
            return name or ""
        parts = self.name.split(".")
        around = parts[: len(parts) - level + (1 if self.package else 0)]
        return ".".join([*around, *([name] if name else [])])


@dataclass(slots=True, kw_only=True)
class Reading:
    """Modules found so far, by name, and what is wrong with their source."""

    root: Path
    import_roots: tuple[Path, ...]
    modules: dict[str, Module]
    problems: list[Problem]

    def reach(self, name: str) -> None:
        """Read a module, the packages around it, and everything of the project's own that they import."""
        waiting = [name]
        while waiting:
            dotted = waiting.pop()
            parts = dotted.split(".")
            for size in range(1, len(parts) + 1):
                prefix = ".".join(parts[:size])
                module = self.modules.get(prefix)
                if module is None:
                    module = self._find(prefix)
                    if module is None:
                        break
                    self.modules[prefix] = module
                    waiting.extend(imported_names(module))

    def _find(self, dotted: str) -> Module | None:
        relative = Path(*dotted.split("."))
        for start in self.import_roots:
            folder = start / relative
            if (folder / "__init__.py").is_file():
                return self._read(dotted, folder / "__init__.py", package=True)
            file = folder.with_suffix(".py")
            if file.is_file():
                return self._read(dotted, file, package=False)
        if any((start / relative).is_dir() for start in self.import_roots):
            return Module(name=dotted, file=None, package=True, tree=ast.Module(body=[], type_ignores=[]))
        return None

    def _read(self, name: str, file: Path, *, package: bool) -> Module:
        tree = parse_file(file, self.root)
        if isinstance(tree, Problem):
            self.problems.append(tree)
            tree = ast.Module(body=[], type_ignores=[])
        return Module(name=name, file=file, package=package, tree=tree)


def imported_names(module: Module) -> Iterator[str]:
    """Dotted names that a module's import statements may mean; not all of them are modules."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = module.absolute(node.module, node.level)
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def parse_file(file: Path, root: Path) -> ast.Module | Problem:
    """A file's syntax tree without docstrings, or what is wrong with its source."""
    content = file.read_bytes()
    name = file.relative_to(root).as_posix()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content, filename=name)
    except SyntaxError as error:
        return _syntax_problem(error, content, name)
    except ValueError as error:
        return Problem(file=name, line=1, found=f"not valid Python: {error}")
    return _without_docstrings(tree)


def _syntax_problem(error: SyntaxError, content: bytes, file: str) -> Problem:
    lines = content.decode("utf-8", errors="replace").splitlines()
    line = min(error.lineno or 1, max(len(lines), 1))
    source = lines[line - 1] if lines else ""
    message = (error.msg or "invalid syntax").removeprefix("(unicode error) ")
    return Problem(
        file=file,
        line=line,
        found=f"not valid Python: {message}",
        source=marked(source, max((error.offset or 1) - 1, 0)),
    )


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return tree
