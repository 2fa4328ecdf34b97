"""The project's code as its source tells it: the step functions, their fingerprints, the files of a snapshot.

Only syntax trees are read; user code is never imported here, so it cannot run, fail or hang.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from plimsoll.bundle.code import import_roots
from plimsoll.kernel.hashing import digest_json
from plimsoll.kernel.nearest import nearest
from plimsoll.project.find import PROJECT_FILE
from plimsoll.project.modules import Module, Reading
from plimsoll.project.problems import CodeInvalid, Problem
from plimsoll.project.reach import reach_digests

_IGNORED = {"__pycache__"}
_Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One step function."""

    name: str
    parameters: tuple[str, ...]
    """In the order of the signature; all can be passed by name."""
    defaulted: frozenset[str]
    """Parameters that have a default."""
    line: int
    file: str
    """The file that defines it, relative to the project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The project's code: its step functions, and every module of the project's own that it imports."""

    root: Path
    entry: str
    """The `code` setting: a file or a package folder, relative to the project."""
    module: str
    """The name under which the entry is imported, with `import_roots` in front of `sys.path`."""
    import_roots: tuple[Path, ...]
    functions: Mapping[str, Function]
    """By name, in the order of the source."""
    modules: Mapping[str, Module]


def read_code(project_root: Path, code: str) -> Code:
    """The code named by a project's `code` setting. Raises CodeInvalid with every problem of every file."""
    root = project_root.resolve()
    entry = root / code
    module = _module_name(root, entry, code)
    roots = import_roots(root, code)
    reading = Reading(root=root, import_roots=roots, modules={}, problems=[])
    reading.reach(module)
    if entry.is_dir():
        for name in _modules_below(entry):
            reading.reach(name)
    problems = list(reading.problems)
    found = _step_definitions(reading.modules, module)
    definitions = list({(name, id(node)): (name, origin, node) for name, origin, node in found}.values())
    if not problems:
        problems = list(_step_problems(definitions, root, code))
    if problems:
        raise CodeInvalid(problems=problems)
    return Code(
        root=root,
        entry=code,
        module=module,
        import_roots=roots,
        functions={name: _function(name, origin, node, root) for name, origin, node in definitions},
        modules=reading.modules,
    )


def fingerprint(code: Code, function: str) -> str:
    """SHA-256 of a step function and of all the project's own code that it reaches; see `reach`."""
    return digest_json([code.module, function, reached(code, function)])


def reached(code: Code, function: str) -> dict[str, str]:
    """The parts of a fingerprint, so that a change can be named: dotted name in the project's code -> SHA-256.

    Equal exactly when the fingerprints are.
    """
    return reach_digests(code.modules, code.module, function)


def project_files(root: Path, code: str) -> list[Path]:
    """The files that a snapshot of the code holds, sorted: the entry, and the project's own modules it imports.

    A package that is reached is held whole, with the data files in it. Raises CodeInvalid.
    """
    read = read_code(root, code)
    files: set[Path] = set()
    for module in read.modules.values():
        if module.file is None:
            continue
        files.update(_files_below(module.file.parent) if module.package else [module.file])
    return sorted(files)


def _module_name(root: Path, entry: Path, code: str) -> str:
    """The entry's import name. Raises CodeInvalid when there is nothing to import."""
    is_file = entry.is_file() and entry.suffix == ".py"
    is_package = (entry / "__init__.py").is_file()
    name = entry.stem if is_file else entry.name
    if (is_file or is_package) and name.isidentifier():
        return name
    found = f"{code!r}, which does not exist"
    expected = "a Python file, or a package folder with an __init__.py"
    known = [path.relative_to(root).as_posix() for path in (*root.glob("*.py"), *root.glob("*/*.py"))]
    near = nearest(code, known)
    if is_file or is_package:
        found, expected = f"{code!r}, which Python cannot import", "a name of letters, digits and underscores"
        near = str(Path(code).with_name(re.sub(r"\W", "_", name) + entry.suffix))
    elif entry.is_dir():
        found = f"{code!r}, a folder without an __init__.py"
    elif entry.exists():
        found = f"{code!r}, which is not a Python file"
    problem = Problem(file=PROJECT_FILE, line=0, where="code", found=found, expected=expected, nearest=near)
    raise CodeInvalid(problems=[problem])


def _step_definitions(
    modules: Mapping[str, Module], name: str, above: tuple[str, ...] = ()
) -> Iterator[tuple[str, Module, _Definition]]:
    """Public functions of a module; for a package also those that its `__init__` imports from its own modules."""
    module = modules[name]
    for statement in module.tree.body:
        if isinstance(statement, _Definition) and not statement.name.startswith("_"):
            yield statement.name, module, statement
        elif isinstance(statement, ast.ImportFrom) and (module.package or above):
            origin = module.absolute(statement.module, statement.level)
            inside = origin.partition(".")[0] == name.partition(".")[0]
            if inside and origin in modules and origin not in (name, *above):
                found = list(_step_definitions(modules, origin, (name, *above)))
                for alias in statement.names:
                    yield from _imported_steps(found, alias)


def _imported_steps(
    found: list[tuple[str, Module, _Definition]], alias: ast.alias
) -> Iterator[tuple[str, Module, _Definition]]:
    for name, module, definition in found:
        if alias.name == "*":
            yield name, module, definition
        elif name == alias.name and not (alias.asname or name).startswith("_"):
            yield alias.asname or name, module, definition


def _step_problems(definitions: list[tuple[str, Module, _Definition]], root: Path, code: str) -> Iterator[Problem]:
    if not definitions:
        expected = "at least one function without a leading underscore: the steps"
        yield Problem(file=code, line=0, found="no public function", expected=expected)
    first: dict[str, int] = {}
    for name, module, node in definitions:
        file = _relative(module, root)

        def problem(
            found: str, expected: str, *, file: str = file, node: _Definition = node, name: str = name
        ) -> Problem:
            return Problem(file=file, line=node.lineno, where=f"{name}()", found=found, expected=expected)

        if name in first:
            yield problem(f"a second function of this name (the first is on line {first[name]})", "each name once")
        first.setdefault(name, node.lineno)
        variadic = [f"*{node.args.vararg.arg}"] if node.args.vararg else []
        variadic += [f"**{node.args.kwarg.arg}"] if node.args.kwarg else []
        if variadic:
            yield problem(" and ".join(variadic), "named parameters; each is a dataset, an output or a param")
        if node.args.posonlyargs:
            yield problem("positional-only parameters (before `/`)", "parameters that can be passed by name")
        if isinstance(node, ast.AsyncFunctionDef):
            yield problem("async def", "a plain def, or a leading underscore if it is no step")


def _function(name: str, module: Module, node: _Definition, root: Path) -> Function:
    positional, named = node.args.args, node.args.kwonlyargs
    defaulted = [argument.arg for argument in positional[len(positional) - len(node.args.defaults) :]]
    defaulted += [
        argument.arg for argument, default in zip(named, node.args.kw_defaults, strict=True) if default is not None
    ]
    return Function(
        name=name,
        parameters=tuple(argument.arg for argument in (*positional, *named)),
        defaulted=frozenset(defaulted),
        line=node.lineno,
        file=_relative(module, root),
    )


def _modules_below(package: Path) -> Iterator[str]:
    for file in sorted(_files_below(package)):
        if file.suffix == ".py":
            parts = file.relative_to(package.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _files_below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part in _IGNORED or part.startswith(".") for part in parts):
            yield path


def _relative(module: Module, root: Path) -> str:
    return module.file.relative_to(root).as_posix() if module.file else module.name
