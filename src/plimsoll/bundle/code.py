"""The project's code inside a scorer: imported from the scorer's own folder, under the names it has in the project.

Pickled models refer to classes by module name, so these names cannot be changed. When another `steps` is already
imported in this process, both keep working: the later one's modules are put in place only while it is used.
Nothing is written into the folder, bytecode included, and bytecode lying there is not run: a bundle's files are signed.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path, PurePosixPath
from types import CodeType, ModuleType

_LOCK = threading.RLock()
_ROOTS: set[str] = set()


def module_of(entry: str) -> str:
    """The module's name for a project's `code` entry: `steps.py` -> `steps`, `src/fraud` -> `fraud`."""
    path = PurePosixPath(entry)
    return path.stem if path.suffix == ".py" else path.name


def import_roots(folder: Path, entry: str) -> tuple[Path, ...]:
    """The folders that go on the search path: the entry's own, then the project's, as when the pipeline runs."""
    return tuple(dict.fromkeys(((folder / entry).parent, folder)))


class ProjectCode:
    """One scorer's code folder. Use what comes from it inside `active()`."""

    def __init__(self, folder: Path, entry: str, *, alone: bool = False) -> None:
        """alone: leave the search path as it is, so that no import of others ever finds this folder's modules."""
        self._folder = folder.resolve()
        self._module = module_of(entry)
        roots = import_roots(self._folder, entry)
        self._paths = [str(root) for root in roots]
        self._names = {name for root in roots for name in _top_names(root)} - sys.stdlib_module_names
        self._modules: dict[str, ModuleType] = {}
        self._resident = False
        _read_source_only(self._folder)
        with _LOCK:
            if not alone and not self._strangers():
                self._resident = True
                sys.path[:0] = self._paths

    def load(self) -> ModuleType:
        """The project's code module. Raises whatever its import raises."""
        with self.active():
            return import_module(self._module)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Within, the project's module names mean this folder's modules. Costs nothing unless names clash."""
        if self._resident:
            yield
            return
        with _LOCK:
            strangers = self._strangers()
            _forget(strangers)
            sys.modules.update(self._modules)
            sys.path[:0] = self._paths
            try:
                yield
            finally:
                for path in self._paths:
                    sys.path.remove(path)
                self._modules = {name: module for name, module in sys.modules.items() if self._owns(name, module)}
                _forget(self._modules)
                sys.modules.update(strangers)

    def _strangers(self) -> dict[str, ModuleType]:
        """Imported modules that bear this code's names and come from elsewhere."""
        return {
            name: module
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] in self._names and not self._owns(name, module)
        }

    def _owns(self, name: str, module: ModuleType) -> bool:
        if name.partition(".")[0] not in self._names:
            return False
        places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", ())]
        return any(Path(place).resolve().is_relative_to(self._folder) for place in places if place)


def _forget(modules: dict[str, ModuleType]) -> None:
    for name in modules:
        sys.modules.pop(name, None)


def _top_names(root: Path) -> set[str]:
    files = {path.stem for path in root.glob("*.py")}
    return files | {path.name for path in root.iterdir() if path.is_dir() and next(path.rglob("*.py"), None)}


class SourceLoader(SourceFileLoader):
    """Compiles the source at every import; neither reads nor writes `__pycache__`."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _read_source_only(folder: Path) -> None:
    """From now on, modules below the folder are imported from their source, whatever bytecode is about."""
    if _finder not in sys.path_hooks:
        sys.path_hooks.insert(0, _finder)
    _ROOTS.add(str(folder))
    for place in [place for place in sys.path_importer_cache if Path(place).is_relative_to(folder)]:
        del sys.path_importer_cache[place]


def _finder(place: str) -> FileFinder:
    if not any(Path(place).is_relative_to(root) for root in _ROOTS):
        raise ImportError(place)
    return FileFinder(place, (SourceLoader, SOURCE_SUFFIXES))
