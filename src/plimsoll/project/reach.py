"""Which of the project's own code a function reaches, and a digest of it: the code's part of a cache key.

The walk follows names and imports through the project's modules, in doubt further than needed: a step that runs
once too often costs seconds, a stale result costs trust. Comments, formatting and docstrings leave no trace in a
syntax tree; defaults, decorators, annotations and constants do. Code found by string (`getattr`, `importlib`) and
files read without an import are not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from plimsoll.kernel.hashing import digest_json
from plimsoll.project.modules import Module

Use = tuple[str, tuple[str, ...]]
"""A name that code reads, and the attributes read from it: `helpers.text.clean` is (helpers, (text, clean))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Import:
    """One name that an import statement binds."""

    origin: str
    """The dotted module."""
    member: str | None
    """What is taken from it; None for `import origin`."""
    text: str


@dataclass(slots=True)
class _Contents:
    """The top level of a module, by what its statements do."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, list[_Import]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    effects: list[ast.stmt] = field(default_factory=list)
    """Statements that run for their effect, such as `pd.set_option(…)`: they count for everything in the module."""


def reach_digests(modules: Mapping[str, Module], module: str, name: str) -> dict[str, str]:
    """A top-level name and everything of the project's own that it reaches: dotted name -> SHA-256 of its source.

    A module's top-level statements that bind no name count under the module's own name.
    """
    walk = _Walk(modules)
    walk.touch(module)
    walk.resolve(module, name, ())
    walk.finish()
    sources: dict[str, list[str]] = {}
    for origin, bound, source in sorted(walk.parts):
        sources.setdefault(f"{origin}.{bound}" if bound else origin, []).append(source)
    return {dotted: digest_json(parts) for dotted, parts in sources.items()}


class _Walk:
    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.parts: set[tuple[str, str, str]] = set()
        self._modules = modules
        self._contents: dict[str, _Contents] = {}
        self._seen: set[tuple[str, str, tuple[str, ...]]] = set()
        self._touched: set[str] = set()
        self._whole: set[str] = set()
        self._waiting: list[tuple[str, ast.stmt]] = []

    def finish(self) -> None:
        """Follow what the statements found so far use, until nothing new turns up."""
        while self._waiting:
            module, statement = self._waiting.pop()
            for name, attributes in _uses(statement):
                self.resolve(module, name, attributes)
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    for _, origin in _bindings(node, self._modules[module]):
                        self._follow_import(origin, ())

    def resolve(self, module: str, name: str, attributes: tuple[str, ...]) -> None:
        """Take in whatever a module's top level means by a name; names it does not define mean nothing."""
        if (module, name, attributes) in self._seen:
            return
        self._seen.add((module, name, attributes))
        contents = self._of(module)
        for statement in contents.definitions.get(name, ()):
            self._take(module, name, statement)
        for origin in contents.imports.get(name, ()):
            self.parts.add((module, name, origin.text))
            self._follow_import(origin, attributes)
        if name not in contents.definitions and name not in contents.imports:
            for star in contents.stars:
                self.touch(star)
                self.resolve(star, name, attributes)

    def touch(self, name: str) -> None:
        """Take in what importing a module runs: its effects, and those of the packages around it."""
        parts = name.split(".")
        for size in range(1, len(parts) + 1):
            module = ".".join(parts[:size])
            if module in self._modules and module not in self._touched:
                self._touched.add(module)
                for statement in self._of(module).effects:
                    self._take(module, "", statement)

    def _follow_import(self, origin: _Import, attributes: tuple[str, ...]) -> None:
        if origin.member is not None:
            attributes = (origin.member, *attributes)
        module = origin.origin
        while attributes and f"{module}.{attributes[0]}" in self._modules:
            module, attributes = f"{module}.{attributes[0]}", attributes[1:]
        if module not in self._modules:
            return
        self.touch(module)
        if attributes:
            self.resolve(module, attributes[0], attributes[1:])
        else:
            self._take_all(module)

    def _take_all(self, module: str) -> None:
        """Take in a whole module: it was handed on as a value, or imported with a star."""
        if module in self._whole:
            return
        self._whole.add(module)
        contents = self._of(module)
        for name in [*contents.definitions, *contents.imports]:
            self.resolve(module, name, ())
        for star in contents.stars:
            self.touch(star)
            self._take_all(star)

    def _take(self, module: str, name: str, statement: ast.stmt) -> None:
        part = (module, name, ast.dump(statement, annotate_fields=False))
        if part not in self.parts:
            self.parts.add(part)
            self._waiting.append((module, statement))

    def _of(self, module: str) -> _Contents:
        if module not in self._modules:
            return _Contents()
        if module not in self._contents:
            self._contents[module] = _sort(self._modules[module])
        return self._contents[module]


def _sort(module: Module) -> _Contents:
    """Sort a module's top-level statements by what they do."""
    contents = _Contents()
    for statement in module.tree.body:
        if _is_main_guard(statement):
            continue
        match statement:
            case ast.Import() | ast.ImportFrom():
                _sort_import(statement, module, contents)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                contents.definitions.setdefault(statement.name, []).append(statement)
            case _:
                names = set(_bound_names(statement, module))
                for name in names:
                    contents.definitions.setdefault(name, []).append(statement)
                if not names or _has_effect(statement):
                    contents.effects.append(statement)
    return contents


def _sort_import(statement: ast.Import | ast.ImportFrom, module: Module, contents: _Contents) -> None:
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        contents.effects.append(statement)
        return
    for name, origin in _bindings(statement, module):
        if name == "*":
            contents.stars.append(origin.origin)
        else:
            contents.imports.setdefault(name, []).append(origin)


def _bindings(statement: ast.Import | ast.ImportFrom, module: Module) -> Iterator[tuple[str, _Import]]:
    """Each name that an import statement binds, and what it is bound to; `*` for a star import."""
    for alias in statement.names:
        text = ast.dump(alias, annotate_fields=False)
        if isinstance(statement, ast.ImportFrom):
            origin = module.absolute(statement.module, statement.level)
            member = None if alias.name == "*" else alias.name
            yield alias.asname or alias.name, _Import(origin=origin, member=member, text=f"from {origin} {text}")
        elif alias.asname:
            yield alias.asname, _Import(origin=alias.name, member=None, text=text)
        else:
            top = alias.name.partition(".")[0]
            yield top, _Import(origin=top, member=None, text=text)


def _uses(node: ast.AST) -> Iterator[Use]:
    """Names that code reads, each with the longest chain of attributes read from it.

    A function's parameters and local variables are its own, whatever the module means by these names: steps are wired
    by parameter name, so nearly every parameter is named like another step.
    """
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            local = _local_names(node)
            body = node.body if isinstance(node.body, list) else [node.body]
            for child in ast.iter_child_nodes(node):
                inside = child in body
                yield from (use for use in _uses(child) if not (inside and use[0] in local))
        case ast.Attribute():
            attributes: list[str] = []
            inner: ast.expr = node
            while isinstance(inner, ast.Attribute):
                attributes.insert(0, inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name):
                yield inner.id, tuple(attributes)
            else:
                yield from _uses(inner)
        case ast.Name():
            yield node.id, ()
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _uses(child)


_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ClassDef,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


def _local_names(function: _Function) -> set[str]:
    """Parameters, and names assigned in the function's own scope and nowhere declared global."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    local = {argument.arg for argument in every if argument is not None}
    waiting: list[ast.AST] = list(function.body) if isinstance(function.body, list) else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            local.add(node.id)
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))
    return local - {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}


def _bound_names(statement: ast.stmt, module: Module) -> Iterator[str]:
    for node in ast.walk(statement):
        match node:
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Import() | ast.ImportFrom():
                yield from (name for name, _ in _bindings(node, module))


def _has_effect(statement: ast.stmt) -> bool:
    """Whether a statement may do more than bind names: calls for effect, changes of parts of things."""
    return any(
        isinstance(node, ast.Expr | ast.Delete)
        or (isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load))
        for node in ast.walk(statement)
    )


def _is_main_guard(statement: ast.stmt) -> bool:
    match statement:
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"), comparators=[ast.Constant(value="__main__")])):
            return True
    return False
