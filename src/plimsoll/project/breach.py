"""A broken rule, and the small checks that several rules of a project file share.

All work on plain values and pass over whatever has the wrong type; the shape's own problems tell about that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, TypeGuard

from plimsoll.kernel.durations import parse_duration
from plimsoll.kernel.sizes import parse_size
from plimsoll.project.problems import Path, describe, one_of

Values = Mapping[str, Any]

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST_NAME = 50
DURATION = "a duration such as 90s, 30m or 1h30m"
SIZE = "a size such as 512Mi or 4Gi"
SHARE = "a percentage above 0% and below 100% such as 0.5%, or a number such as 0.005"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A rule that the values at a path break."""

    path: Path
    found: str
    expected: str
    word: str = ""
    """The word that may be a misspelling of one of the options."""
    options: tuple[str, ...] = ()


def is_plain_name(name: str) -> bool:
    """Whether a name can stand in folder names, host names and release names alike."""
    return _NAME.fullmatch(name) is not None and len(name) <= _LONGEST_NAME


def plain_name(name: str, path: Path) -> Iterator[Breach]:
    if not is_plain_name(name):
        yield Breach(
            path=path,
            found=describe(name),
            expected=f"at most {_LONGEST_NAME} lower-case letters, digits and single dashes, starting with a letter",
        )


def identifier(name: str, path: Path, because: str) -> Iterator[Breach]:
    if not name.isidentifier() or iskeyword(name):
        yield Breach(path=path, found=repr(name), expected=f"a Python name such as train_set: {because}")


def duration(text: object, path: Path, *, zero: bool = False) -> Iterator[Breach]:
    """zero: whether no time at all makes sense too."""
    if isinstance(text, str) and not (zero and seconds(text) == 0) and not seconds(text):
        yield Breach(path=path, found=describe(text), expected=DURATION)


def size(text: object, path: Path) -> Iterator[Breach]:
    try:
        known = parse_size(text) if isinstance(text, str) else 1
    except ValueError:
        known = 0
    if known < 1:
        yield Breach(path=path, found=describe(text), expected=SIZE)


def above_zero(value: object, path: Path, *, zero: bool = False) -> Iterator[Breach]:
    """A number; zero: whether it may be that."""
    if is_number(value) and (value < 0 or (value == 0 and not zero)):
        yield Breach(path=path, found=describe(value), expected="0 or more" if zero else "a number above 0")


def seconds(text: object) -> float | None:
    """Of a duration; None for what is none."""
    try:
        return parse_duration(text) if isinstance(text, str) else None
    except ValueError:
        return None


def among(word: object, path: Path, options: Iterable[str], *, otherwise: str) -> Iterator[Breach]:
    """A word that must be one of the options; `otherwise` says what is expected where there are none."""
    known = tuple(options)
    if isinstance(word, str) and word not in known:
        yield Breach(
            path=path, found=repr(word), expected=one_of(known) if known else otherwise, word=word, options=known
        )


def ordered(values: Values, path: Path) -> Iterator[Breach]:
    low, high = values.get("min"), values.get("max")
    if is_number(low) and is_number(high) and low > high:
        yield Breach(
            path=(*path, "min"), found=f"{describe(low)}, above max: {describe(high)}", expected="min not above max"
        )


def unique(entries: Iterable[tuple[int, str]], path: Path) -> Iterator[Breach]:
    seen: set[str] = set()
    for position, name in entries:
        if name in seen:
            yield Breach(path=(*path, position), found=f"{name!r} a second time", expected="each name once")
        seen.add(name)


def mapping(values: Values, key: str) -> Values:
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}


def mappings(values: Values, key: str) -> Iterator[tuple[str, Values]]:
    return ((name, value) for name, value in mapping(values, key).items() if isinstance(value, Mapping))


def texts(value: object) -> list[tuple[int, str]]:
    """Position and text of the texts in a list."""
    entries = enumerate(value) if isinstance(value, list | tuple) else ()
    return [(position, entry) for position, entry in entries if isinstance(entry, str)]


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
