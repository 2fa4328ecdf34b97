"""Plimsoll decides with evidence whether a model may be released, releases it, watches it, and takes it back."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_CALLED_BY_PROJECTS = {
    "log": "plimsoll.pipeline.tracking",
    "log_file": "plimsoll.pipeline.tracking",
    "log_params": "plimsoll.pipeline.tracking",
    "track": "plimsoll.pipeline.tracking",
}
"""What a project's own code may call -> the module that has it, imported at the first call."""


def __getattr__(name: str) -> Any:
    if name not in _CALLED_BY_PROJECTS:
        message = f"module 'plimsoll' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_CALLED_BY_PROJECTS[name]), name)
