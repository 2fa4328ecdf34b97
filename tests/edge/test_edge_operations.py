"""The table of operations: one way in, which validates, authorises and answers in JSON-ready data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from plimsoll.edge import operations
from plimsoll.edge.context import Caller, Context, Denied, Grant, Role
from plimsoll.edge.operations import BadRequest, UnknownOperation, find, operation, perform, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Cargo:
    kind: str
    tonnes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    ship: str
    cargo: tuple[Cargo, ...] = ()
    environment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    ship: str
    tonnes: float
    by: str


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Load]]:
    """A table with one operation, which notes what it was called with."""
    seen: list[Load] = []
    monkeypatch.setattr(operations, "_TABLE", {})

    @operation("cargo.load", "POST", "/cargo", role=Role.OPERATOR, request=Load, response=Loaded)
    def load(context: Context, request: Load) -> Loaded:
        """Load a ship.

        What else is said is no summary.
        """
        seen.append(request)
        return Loaded(ship=request.ship, tonnes=sum(part.tonnes for part in request.cargo), by=context.caller.name)

    return seen


def context(*grants: Grant) -> Context:
    unused: Any = None
    return Context(
        caller=Caller(name="ada", grants=grants),
        clock=unused,
        database=unused,
        artifacts=unused,
        workspace=unused,
        project="fraud",
        plugin=unused,
    )


OPERATOR = Grant(role=Role.OPERATOR)


def test_an_operation_gets_typed_fields_and_answers_plain_data(calls: list[Load]) -> None:
    payload = {"ship": "Calypso", "cargo": [{"kind": "coal", "tonnes": 1}, {"kind": "tea", "tonnes": 0.5}]}
    answer = perform("cargo.load", payload, context(OPERATOR))
    assert answer == {"ship": "Calypso", "tonnes": 1.5, "by": "ada"}
    assert calls == [Load(ship="Calypso", cargo=(Cargo(kind="coal", tonnes=1.0), Cargo(kind="tea", tonnes=0.5)))]


def test_a_bad_request_names_every_problem_and_calls_nothing(calls: list[Load]) -> None:
    with pytest.raises(BadRequest) as caught:
        perform("cargo.load", {"cargo": [{"kind": "coal", "tonnes": "much"}], "crew": 3}, context(OPERATOR))
    assert str(caught.value) == (
        "The request to cargo.load is not valid: crew: there is no such field; ship: Field required; "
        "cargo.0.tonnes: Input should be a valid number, unable to parse string as a number."
    )
    with pytest.raises(BadRequest, match=r"crew: there is no such field\.$"):
        perform("cargo.load", {"ship": "Calypso", "crew": 3}, context(OPERATOR))
    assert calls == []


@pytest.mark.parametrize(
    ("grants", "environment", "allowed"),
    [
        ((), None, False),
        ((Grant(role=Role.VIEWER),), None, False),
        ((OPERATOR,), None, True),
        ((OPERATOR,), "production", True),
        ((Grant(role=Role.ADMIN),), "production", True),
        ((Grant(role=Role.OPERATOR, project="other"),), None, False),
        ((Grant(role=Role.OPERATOR, project="fraud"),), None, True),
        ((Grant(role=Role.OPERATOR, environment="staging"),), "production", False),
        ((Grant(role=Role.OPERATOR, environment="staging"),), "staging", True),
        ((Grant(role=Role.OPERATOR, environment="staging"),), None, False),
        ((Grant(role=Role.OPERATOR, environment="staging"),), "", False),
        ((OPERATOR,), "", True),
        ((Grant(role=Role.VIEWER), Grant(role=Role.OPERATOR, environment="staging")), "staging", True),
    ],
)
def test_only_a_caller_with_the_role_there_gets_through(
    calls: list[Load], grants: tuple[Grant, ...], environment: str | None, *, allowed: bool
) -> None:
    payload = {"ship": "Calypso", "environment": environment}
    if allowed:
        perform("cargo.load", payload, context(*grants))
    else:
        with pytest.raises(Denied, match=r"ada may not do cargo\.load: it needs the role operator"):
            perform("cargo.load", payload, context(*grants))
    assert bool(calls) is allowed


@pytest.mark.parametrize("role", list(Role))
def test_every_role_may_look_and_only_admin_may_do_everything(role: Role) -> None:
    caller = Caller(name="ada", grants=(Grant(role=role),))
    assert caller.holds(Role.VIEWER)
    assert caller.holds(role)
    assert {other for other in Role if caller.holds(other)} == (
        set(Role) if role is Role.ADMIN else {role, Role.VIEWER}
    )


def test_an_unknown_operation_is_told(calls: list[Load]) -> None:
    with pytest.raises(UnknownOperation, match=r"There is no operation 'cargo.burn'\."):
        perform("cargo.burn", {}, context(OPERATOR))


def test_the_table_knows_name_route_role_and_summary(calls: list[Load]) -> None:
    (row,) = table()
    assert find("cargo.load") is row
    assert (row.name, row.method, row.path, row.role, row.summary) == (
        "cargo.load",
        "POST",
        "/cargo",
        Role.OPERATOR,
        "Load a ship.",
    )


@pytest.mark.parametrize(("name", "path"), [("cargo.load", "/other"), ("cargo.other", "/cargo")])
def test_a_name_or_route_is_registered_once(calls: list[Load], name: str, path: str) -> None:
    with pytest.raises(RuntimeError, match="registered twice"):
        operation(name, "POST", path, role=Role.VIEWER, request=Load, response=Loaded)(lambda context, request: None)


def test_an_answer_is_json_even_when_a_figure_is_none(calls: list[Load]) -> None:
    payload = {"ship": "Calypso", "cargo": [{"kind": "air", "tonnes": float("inf")}]}
    answer = perform("cargo.load", payload, context(OPERATOR))
    assert json.loads(json.dumps(answer, allow_nan=False))["tonnes"] is None
