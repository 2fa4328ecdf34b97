"""The one root of all errors that people see, and the kinds that edges translate.

A subclass states its code, its kind and its sentences once; raising it takes only the facts. Edges turn the
kind into an exit code or an HTTP status; nothing here knows about either protocol beyond that table.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any, ClassVar


class Kind(StrEnum):
    """What sort of trouble it is: decides the exit code and the HTTP status."""

    INVALID = "invalid"
    MISSING = "missing"
    CONFLICT = "conflict"
    DENIED = "denied"
    UNAVAILABLE = "unavailable"
    CHECK_FAILED = "check_failed"
    INCONCLUSIVE = "inconclusive"
    PROJECT_CODE = "project_code"
    INTERNAL = "internal"


EXIT_CODES: dict[Kind, int] = {
    Kind.INVALID: 2,
    Kind.MISSING: 2,
    Kind.CONFLICT: 2,
    Kind.DENIED: 4,
    Kind.UNAVAILABLE: 5,
    Kind.CHECK_FAILED: 1,
    Kind.INCONCLUSIVE: 3,
    Kind.PROJECT_CODE: 6,
    Kind.INTERNAL: 70,
}

HTTP_STATUSES: dict[Kind, int] = {
    Kind.INVALID: 400,
    Kind.MISSING: 404,
    Kind.CONFLICT: 409,
    Kind.DENIED: 403,
    Kind.UNAVAILABLE: 503,
    Kind.CHECK_FAILED: 422,
    Kind.INCONCLUSIVE: 422,
    Kind.PROJECT_CODE: 422,
    Kind.INTERNAL: 500,
}


class PlimsollError(Exception):
    """An error for people: a stable code, a kind, a sentence made from facts, and what to try.

    `text` and `hint` are format strings over the facts given to the constructor.
    """

    code: ClassVar[str] = "internal.error"
    kind: ClassVar[Kind] = Kind.INTERNAL
    text: ClassVar[str] = "{problem}"
    hint: ClassVar[str] = ""

    def __init__(self, **facts: Any) -> None:
        super().__init__(facts)
        self.facts = facts

    def __str__(self) -> str:
        return self.text.format(**self.facts)

    @property
    def advice(self) -> str:
        """The hint with its facts filled in; empty when there is none."""
        return self.hint.format(**self.facts)

    def as_dict(self) -> dict[str, Any]:
        """The error as JSON-ready data, the same on the command line and over HTTP."""
        return {
            "code": self.code,
            "kind": str(self.kind),
            "text": str(self),
            "hint": self.advice,
            "facts": {name: _plain(value) for name, value in self.facts.items()},
        }

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback: the frames that led here are Plimsoll's, not the reader's."""
        return [f"{self.code}: {self}", *([f"  {self.advice}"] if self.advice else [])]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_revive, (type(self), self.facts))


def _revive(error: type[PlimsollError], facts: dict[str, Any]) -> PlimsollError:
    return error(**facts)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)
