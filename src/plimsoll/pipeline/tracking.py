"""What a project's code calls: `plimsoll.log`, `log_params` and `log_file`, and `track` around a notebook's own.

In a step the records go to the step's logbook, and the engine commits them with the step. Within `track` they go in
batches, from a thread, to the operation `metrics.log`: in this process, or over HTTP when PLIMSOLL_URL is set.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from plimsoll.pipeline.errors import BadLogged, NothingToLogTo
from plimsoll.pipeline.points import MOST_A_CALL, MOST_NAME

if TYPE_CHECKING:
    from plimsoll.artifacts.folder import FolderStore

_MOST_STEP = 2**53
_MOST_PARAM = 10_000


class Book(Protocol):
    """Takes what is logged."""

    def point(self, metric: str, step: int | None, value: float, at: float) -> None: ...

    def note(self, **what: Any) -> None: ...


_book: Book | None = None
_artifacts: FolderStore | None = None


def log(metrics: Mapping[str, float] | None = None, /, *, step: int | None = None, **named: float) -> None:
    """Log numbers by name, at a step of whatever is counted; without one, the next of each metric.

    Raises NothingToLogTo outside of a run, BadLogged for what is no number.
    """
    book = _book
    if book is None:
        raise NothingToLogTo(call="log")
    given = {**(metrics or {}), **named}
    if len(given) > MOST_A_CALL:
        raise BadLogged(what=f"{len(given):,} metrics", problem="they are too many for one call")
    if step is not None and (isinstance(step, float) or not 0 <= step <= _MOST_STEP):
        raise BadLogged(what=f"step {step!r}", problem="it is not a whole number from 0 to 2^53")
    checked = [(_name(name), _number(name, value)) for name, value in given.items()]
    at = time.time()
    for name, value in checked:
        book.point(name, None if step is None else int(step), value, at)


def log_params(params: Mapping[str, Any] | None = None, /, **named: Any) -> None:
    """Log values that describe how something was made, beside the run's own parameters; the last of a name counts."""
    if _book is None:
        raise NothingToLogTo(call="log_params")
    given = {_name(name): value for name, value in {**(params or {}), **named}.items()}
    for name, value in given.items():
        _require_plain(name, value)
    _book.note(params=given)


def log_file(path: str | os.PathLike[str], name: str | None = None) -> None:
    """Keep a copy of a file among the artifacts, under its own name or another. In steps only.

    Raises NothingToLogTo, BadLogged, SourceUnreadable.
    """
    if _book is None:
        raise NothingToLogTo(call="log_file")
    place = Path(path)
    called = _name(name or place.name)
    if _artifacts is None:
        raise BadLogged(what=f"the file {called}", problem="only steps keep files")
    digest = _artifacts.put_file(place)
    _book.note(file={"name": called, "digest": digest, "bytes": place.stat().st_size})


@contextmanager
def track(run: str = "latest") -> Iterator[None]:
    """Within, what is logged is added to a run that is there already, such as an evaluation to what it evaluates.

    Leaving it sends the rest and raises what the sending met.
    """
    from plimsoll.pipeline.sending import Batches

    with Batches(run) as batches, _into(batches, None):
        yield


@contextmanager
def logging_to(book: Book, artifacts: FolderStore) -> Iterator[None]:
    """For a step's process: within, what its code logs goes to the book."""
    with _into(book, artifacts):
        yield


@contextmanager
def _into(book: Book, artifacts: FolderStore | None) -> Iterator[None]:
    global _book, _artifacts
    before = _book, _artifacts
    _book, _artifacts = book, artifacts
    try:
        yield
    finally:
        _book, _artifacts = before


def _name(name: Any) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= MOST_NAME or not name.isprintable():
        raise BadLogged(what=f"the name {str(name)[:40]!r}", problem=f"it is not 1 to {MOST_NAME} printable characters")
    return name


def _number(name: str, value: Any) -> float:
    if isinstance(value, str | bytes):
        raise BadLogged(what=name, problem=f"{value[:40]!r} is text")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadLogged(what=name, problem=f"a {type(value).__name__} is not one number") from error


def _require_plain(name: str, value: Any) -> None:
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadLogged(what=f"the parameter {name}", problem=str(error)) from error
    if len(text) > _MOST_PARAM:
        raise BadLogged(what=f"the parameter {name}", problem=f"it takes more than {_MOST_PARAM:,} characters")
