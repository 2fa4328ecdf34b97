"""Tracebacks as the project's author needs them: the frames of their own files, and the last one."""

from __future__ import annotations

import traceback
from pathlib import Path

from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.extras import cure
from plimsoll.pipeline.jobs import Trouble

_MOST_FRAMES = 12


def trouble_of(error: BaseException, *, root: Path) -> Trouble:
    """An exception raised by a project's code, with its traceback trimmed to files below `root` and the last frame."""
    if isinstance(error, PlimsollError):
        return Trouble(problem=str(error))
    if isinstance(error, SystemExit):
        return Trouble(problem=f"it called sys.exit({error.code!r})", trace=_trimmed(error, root))
    problem = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    if cured := cure(error):
        problem = f"{problem}; {cured}"
    return Trouble(problem=problem, trace=_trimmed(error, root))


def _trimmed(error: BaseException, root: Path) -> str:
    told = traceback.TracebackException.from_exception(error)
    _trim(told, root)
    return "".join(told.format()).rstrip()


def _trim(told: traceback.TracebackException, root: Path) -> None:
    frames = list(told.stack)
    own = [frame for frame in frames if _is_own(frame.filename, root)]
    last = frames[-1:] if frames and (not own or own[-1] is not frames[-1]) else []
    told.stack = traceback.StackSummary.from_list([*own[-_MOST_FRAMES:], *last])
    for inner in (told.__cause__, told.__context__):
        if inner is not None:
            _trim(inner, root)


def _is_own(filename: str, root: Path) -> bool:
    path = Path(filename)
    return path.is_relative_to(root) and "site-packages" not in path.parts
