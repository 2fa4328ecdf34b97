"""The table of operations: what can be asked of Plimsoll, each registered once.

From this table come the HTTP routes, the OpenAPI page and the client; the command line calls by name. An area
registers its own with `@operation` in its `operations.py`. `perform` is the only way in: it checks the request,
then the caller's role, then calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from plimsoll.edge.context import Context, Role
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.kernel.extras import extras_named

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_Function = TypeVar("_Function", bound=Callable[..., Any])


class BadRequest(PlimsollError):
    """A request whose fields are missing, unknown or of the wrong type."""

    code = "edge.bad_request"
    kind = Kind.INVALID
    text = "The request to {operation} is not valid: {problems}."
    hint = "`plimsoll --help` and the page /docs of the server show what each operation takes."


class UnknownOperation(PlimsollError):
    """A name that is not in the table."""

    code = "edge.unknown_operation"
    kind = Kind.MISSING
    text = "There is no operation {name!r}."
    hint = "Client and server may be of different versions: compare `plimsoll --version` on both sides."


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """A request without conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of the table. Request and response are frozen dataclasses; the role is checked before the call."""

    name: str
    method: str
    path: str
    role: Role
    request: type[Any]
    response: Any
    function: Callable[..., Any]
    summary: str


_TABLE: dict[str, Operation] = {}


def operation(
    name: str, method: str, path: str, *, role: Role, request: type[Any], response: Any
) -> Callable[[_Function], _Function]:
    """Register a function `(context, request) -> response` under a name, an HTTP method and a path.

    The first line of its docstring is its summary. A name or a route registered twice is an error at import.
    """

    def register(function: _Function) -> _Function:
        row = Operation(
            name=name,
            method=method,
            path=path,
            role=role,
            request=request,
            response=response,
            function=function,
            summary=(function.__doc__ or "").strip().partition("\n")[0],
        )
        if name in _TABLE or any((other.method, other.path) == (method, path) for other in _TABLE.values()):
            message = f"operation {name} or its route {method} {path} is registered twice"
            raise RuntimeError(message)
        _TABLE[name] = row
        return function

    return register


def table() -> tuple[Operation, ...]:
    """Every registered operation, by name. Complete once the areas' `operations` modules are imported."""
    return tuple(_TABLE[name] for name in sorted(_TABLE))


def find(name: str) -> Operation:
    """The operation of that name. Raises UnknownOperation."""
    if name not in _TABLE:
        raise UnknownOperation(name=name)
    return _TABLE[name]


def perform(name: str, payload: dict[str, Any], context: Context) -> Any:
    """Validate, authorise, call; returns the response as JSON-ready data.

    Raises UnknownOperation, BadRequest, Denied, and whatever PlimsollError the operation raises.
    """
    row = find(name)
    request = read_request(row, payload)
    return write_response(row, call(row, request, context))


def call(row: Operation, request: Any, context: Context) -> Any:
    """Authorise and call with an already validated request. Raises PackageMissing where an extra is not installed."""
    context.caller.require(
        row.role,
        operation=row.name,
        project=context.project,
        environment=getattr(request, "environment", None) or None,  # a filter left empty is no environment
    )
    with extras_named():
        return row.function(context, request)


def read_request(row: Operation, payload: dict[str, Any]) -> Any:
    """The payload as the operation's request type. Raises BadRequest with every problem at once."""
    from pydantic import ValidationError

    known = {field.name for field in fields(row.request)}
    problems = [f"{name}: there is no such field" for name in sorted(payload.keys() - known)]
    try:
        request = request_type(row).validate_python(payload)
    except ValidationError as error:
        problems += [
            f"{'.'.join(str(part) for part in item['loc']) or 'request'}: {item['msg']}" for item in error.errors()
        ]
        raise BadRequest(operation=row.name, problems="; ".join(problems)) from error
    if problems:
        raise BadRequest(operation=row.name, problems="; ".join(problems))
    return request


def write_response(row: Operation, response: Any) -> Any:
    """The response as JSON-ready data."""
    return _finite(response_type(row).dump_python(response, mode="json"))


@cache
def request_type(row: Operation) -> TypeAdapter[Any]:
    """Reads requests; made once, since that takes milliseconds."""
    from pydantic import TypeAdapter

    return TypeAdapter(row.request)


@cache
def response_type(row: Operation) -> TypeAdapter[Any]:
    """Writes responses; made once as well."""
    from pydantic import TypeAdapter

    return TypeAdapter(row.response)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: what cannot be said as a number is null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
