"""The executors by name. Each is imported only when it is chosen."""

from __future__ import annotations

from importlib import import_module

from plimsoll.pipeline.executors.ground import Ground, ManagedExecutor
from plimsoll.project.entities import ExecutorName

EXECUTORS: dict[ExecutorName, str] = {
    "local": "plimsoll.pipeline.executors.local:open_executor",
    "ray": "plimsoll.pipeline.executors.ray_executor:open_executor",
}


def open_executor(name: ExecutorName, ground: Ground) -> ManagedExecutor:
    """The executor of that name for one run, to be used as a context that ends everything that it started."""
    module, _, function = EXECUTORS[name].partition(":")
    opened: ManagedExecutor = getattr(import_module(module), function)(ground)
    return opened
