"""Plimsoll decides with evidence whether a model may be released, releases it, watches it, and takes it back."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plimsoll.notebook.listings import releases as releases
    from plimsoll.notebook.listings import versions as versions
    from plimsoll.notebook.model import load as load
    from plimsoll.notebook.outputs import output as output
    from plimsoll.notebook.runs import compare as compare
    from plimsoll.notebook.runs import find_run as find_run
    from plimsoll.notebook.runs import run as run
    from plimsoll.notebook.runs import runs as runs
    from plimsoll.pipeline.tracking import log as log
    from plimsoll.pipeline.tracking import log_file as log_file
    from plimsoll.pipeline.tracking import log_params as log_params
    from plimsoll.pipeline.tracking import track as track

__version__ = "0.1.0"

_CALLED_BY_PROJECTS = {
    "compare": "plimsoll.notebook.runs",
    "find_run": "plimsoll.notebook.runs",
    "load": "plimsoll.notebook.model",
    "log": "plimsoll.pipeline.tracking",
    "log_file": "plimsoll.pipeline.tracking",
    "log_params": "plimsoll.pipeline.tracking",
    "output": "plimsoll.notebook.outputs",
    "releases": "plimsoll.notebook.listings",
    "run": "plimsoll.notebook.runs",
    "runs": "plimsoll.notebook.runs",
    "track": "plimsoll.pipeline.tracking",
    "versions": "plimsoll.notebook.listings",
}
"""What a project's own code, a notebook or a script may call -> the module that has it, imported at the first call."""


def __getattr__(name: str) -> Any:
    if name not in _CALLED_BY_PROJECTS:
        message = f"module 'plimsoll' has no attribute {name!r}"
        raise AttributeError(message)
    from plimsoll.kernel.extras import extras_named

    with extras_named():
        return getattr(import_module(_CALLED_BY_PROJECTS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_CALLED_BY_PROJECTS})
