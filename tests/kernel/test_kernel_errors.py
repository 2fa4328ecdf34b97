"""Errors for people: text from facts, one table of exit codes and statuses, the same through pickles and JSON."""

from __future__ import annotations

import copy
import importlib
import json
import pickle
import pkgutil
import string
from pathlib import Path
from typing import Any

import pytest

import plimsoll
from plimsoll.kernel.errors import EXIT_CODES, HTTP_STATUSES, Kind, PlimsollError


class ShipOverloaded(PlimsollError):
    code = "test.overloaded"
    kind = Kind.CONFLICT
    text = "{ship} carries {load:.1f} t, {over:,} t too much."
    hint = "Unload {ship}, or ask {captain}."


def overloaded(**facts: Any) -> ShipOverloaded:
    return ShipOverloaded(**{"ship": "SS {x}", "load": 12.34, "over": 1200, "captain": "Ada", **facts})


def test_text_and_hint_are_made_from_the_facts() -> None:
    error = overloaded()
    assert str(error) == "SS {x} carries 12.3 t, 1,200 t too much."
    assert error.advice == "Unload SS {x}, or ask Ada."


@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_an_error_survives_the_way_between_processes(again: Any) -> None:
    error = overloaded(cargo=("coal", Path("hold")))
    other = again(error)
    assert type(other) is ShipOverloaded
    assert (str(other), other.facts) == (str(error), error.facts)


def test_an_error_is_json_whatever_its_facts_are() -> None:
    error = overloaded(where=Path("/hold"), seen={1: {2.5}}, worst=float("nan"), most=float("inf"), none=None)
    document = json.loads(json.dumps(error.as_dict(), allow_nan=False))
    assert document == {
        "code": "test.overloaded",
        "kind": "conflict",
        "text": str(error),
        "hint": error.advice,
        "facts": {
            "ship": "SS {x}",
            "load": 12.34,
            "over": 1200,
            "captain": "Ada",
            "where": "/hold",
            "seen": {"1": [2.5]},
            "worst": "nan",
            "most": "inf",
            "none": None,
        },
    }


def test_every_kind_has_its_exit_code_and_its_status() -> None:
    assert set(EXIT_CODES) == set(HTTP_STATUSES) == set(Kind)
    assert {str(kind): code for kind, code in EXIT_CODES.items()} == {
        "invalid": 2,
        "missing": 2,
        "conflict": 2,
        "denied": 4,
        "unavailable": 5,
        "check_failed": 1,
        "inconclusive": 3,
        "project_code": 6,
        "internal": 70,
    }
    assert all(400 <= status < 600 for status in HTTP_STATUSES.values())


def errors_of(module: Any) -> list[type[PlimsollError]]:
    return [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, PlimsollError) and item.__module__ == module.__name__
    ]


def all_errors() -> list[type[PlimsollError]]:
    names = [
        item.name for item in pkgutil.walk_packages(plimsoll.__path__, "plimsoll.") if "templates" not in item.name
    ]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    return [error for module in modules for error in errors_of(module) if error is not PlimsollError]


def test_every_code_means_one_thing_and_every_error_has_its_sentences() -> None:
    errors = all_errors()
    meanings: dict[str, tuple[Kind, str, str]] = {}
    for error in errors:
        meaning = (error.kind, error.text, error.hint)
        assert meanings.setdefault(error.code, meaning) == meaning or error.code == PlimsollError.code, error
    for error in errors:
        if error.code == PlimsollError.code:
            continue  # speaks with the words of a server
        area, _, name = error.code.partition(".")
        assert area.isidentifier(), error
        assert name.isidentifier(), error
        assert error.text, f"{error} says nothing"
        for sentence in (error.text, error.hint):
            list(string.Formatter().parse(sentence))
