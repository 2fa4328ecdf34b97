"""The OpenAPI document of the table of operations: types from the dataclasses, errors in the one form they have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from plimsoll.edge.operations import Operation, request_type, response_type

REF = "#/components/schemas/{model}"
ERROR: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong, the same on the command line and over HTTP.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "kind", "text", "hint", "facts"],
            "properties": {
                "code": {"type": "string", "description": "Stable; docs/errors.md explains each."},
                "kind": {"type": "string"},
                "text": {"type": "string", "description": "What happened, to which object."},
                "hint": {"type": "string", "description": "What to try."},
                "facts": {"type": "object"},
            },
        }
    },
}


def path_parameters(row: Operation) -> tuple[str, ...]:
    """The names in braces in an operation's path."""
    return tuple(re.findall(r"{(\w+)}", row.path))


def takes_query(row: Operation) -> bool:
    """Whether fields that are not in the path come in the query (else in a JSON body)."""
    return row.method in ("GET", "DELETE")


def openapi_document(rows: Iterable[Operation], *, version: str) -> dict[str, Any]:
    """OpenAPI 3.1 for the typed routes below /api."""
    from pydantic import TypeAdapter

    rows = tuple(rows)
    requests = [(row.name, "validation", request_type(row)) for row in rows]
    responses = [(row.name, "serialization", response_type(row)) for row in rows]
    found, definitions = TypeAdapter.json_schemas([*requests, *responses], ref_template=REF)  # type: ignore[list-item] # its modes are literals
    schemas = dict(definitions.get("$defs", {}))
    paths: dict[str, Any] = {}
    for row in rows:
        request = _resolved(found[row.name, "validation"], schemas)
        response = found[row.name, "serialization"]
        paths.setdefault(f"/api{row.path}", {})[row.method.lower()] = _described(row, request, response)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Plimsoll",
            "version": version,
            "description": "Every operation; each can also be called by name.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Error": ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(row: Operation, request: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    in_path = path_parameters(row)
    fields: dict[str, Any] = request.get("properties", {})
    required = set(request.get("required", ()))
    document: dict[str, Any] = {
        "operationId": row.name,
        "summary": row.summary,
        "tags": [row.name.partition(".")[0]],
        "x-role": str(row.role),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": fields.get(name, {"type": "string"})}
            for name in in_path
        ],
        "responses": {
            "200": {"description": "The result.", "content": {"application/json": {"schema": response}}},
            "default": {
                "description": "An error.",
                "content": {"application/json": {"schema": {"$ref": REF.format(model="Error")}}},
            },
        },
    }
    rest = {name: schema for name, schema in fields.items() if name not in in_path}
    if takes_query(row):
        document["parameters"] += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in rest.items()
        ]
    elif rest:
        wanted = sorted(required & rest.keys())
        body = {"type": "object", "properties": rest, "required": wanted, "additionalProperties": False}
        document["requestBody"] = {"required": bool(wanted), "content": {"application/json": {"schema": body}}}
    return document


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return schemas[reference.rpartition("/")[2]] if reference else schema
