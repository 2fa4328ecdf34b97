"""How a notebook asks: the operations that commands ask, by name, in this process or over HTTP.

With a project's folder given, it is always this process that works, in that folder. In a plain script an error carries
its hint as a note; IPython shows errors by themselves (kernel/errors.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.edge.client import ask as ask_anywhere
from plimsoll.edge.context import Progress, silent
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.workspace import Workspace
from plimsoll.notebook.errors import BytesElsewhere
from plimsoll.project.find import ProjectNotFound

Folder = str | os.PathLike[str]


def ask(
    name: str,
    *,
    project: Folder | None = None,
    progress: Callable[[Progress], None] = silent,
    **payload: Any,
) -> Any:
    """Perform an operation by name and return its response as plain data. Raises PlimsollError."""
    try:
        if project is None:
            return ask_anywhere(name, progress, **payload)
        from plimsoll.server.wiring import call

        return call(name, payload, progress, folder=Path(project).absolute())
    except PlimsollError as error:
        advised(error)
        raise


def advised(error: PlimsollError) -> PlimsollError:
    """The error with its hint as a note, once: a plain traceback shows notes, and not hints."""
    if error.advice and error.advice not in getattr(error, "__notes__", ()):
        error.add_note(error.advice)
    return error


def workspace(*, project: Folder | None, what: str, store: str) -> Workspace:
    """The workspace here, which must hold the artifact `store`. Raises BytesElsewhere, ProjectNotFound.

    what: the thing whose bytes are wanted, in words.
    """
    from plimsoll.server.wiring import find_workspace

    url = "" if project is not None else os.environ.get("PLIMSOLL_URL", "")
    try:
        found = find_workspace(Path(project or "").absolute())
    except ProjectNotFound as error:
        if not url:
            advised(error)
            raise
        raise advised(BytesElsewhere(what=what, url=url)) from error
    if url and not FolderStore(found.artifacts).has(store):
        raise advised(BytesElsewhere(what=what, url=url))
    return found
