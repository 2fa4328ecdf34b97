"""Turns the OpenAPI document into what the page of operations shows: fields in words, and a call to copy. Pure."""

from __future__ import annotations

import json
import shlex
from typing import Any

_EXAMPLES: dict[str, Any] = {
    "release": "fraud@1",
    "environment": "production",
    "subject": "fraud@1",
    "run": "latest",
    "person": "ada",
    "role": "approver",
    "token": "5dc39fb7ed74",
    "email": "ada@example.org",
    "comment": "slices look right",
}


def operations_by_area(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Area (the part of the name before the dot) -> its operations, each with fields, answer and an example."""
    areas: dict[str, list[dict[str, Any]]] = {}
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            area = operation["tags"][0]
            areas.setdefault(area, []).append(_entry(method.upper(), path, operation, schemas))
    return dict(sorted(areas.items()))


def _entry(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    needed = set(body.get("required", ()))
    fields = [
        *(
            _field(item["name"], item["schema"], where=item["in"], required=item["required"])
            for item in operation["parameters"]
        ),
        *(
            _field(name, schema, where="body", required=name in needed)
            for name, schema in body.get("properties", {}).items()
        ),
    ]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return {
        "name": operation["operationId"],
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "role": operation["x-role"],
        "fields": fields,
        "answer": in_words(answer),
        "answer_fields": [_field(name, schema) for name, schema in _properties(answer, schemas).items()],
        "example": _example(operation["operationId"], fields, schemas),
    }


def in_words(schema: dict[str, Any]) -> str:
    """A JSON Schema as a person says it: `text`, `list of Release`, `number or nothing`."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2]).rpartition("__")[2]
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " or ".join(in_words(option) for option in schema["anyOf"])
    if "prefixItems" in schema:
        return f"({', '.join(in_words(item) for item in schema['prefixItems'])})"
    if schema.get("type") == "array":
        return f"list of {in_words(schema.get('items', {}))}"
    words = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true | false",
        "null": "nothing",
    }
    return words.get(str(schema.get("type")), "object" if schema.get("type") == "object" else "any value")


def _field(name: str, schema: dict[str, Any], *, where: str = "", required: bool = False) -> dict[str, Any]:
    default = json.dumps(schema["default"]) if "default" in schema else ""
    return {
        "name": name,
        "type": in_words(schema),
        "where": where,
        "required": required,
        "default": default,
        "schema": schema,
    }


def _properties(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The fields of an answer, or of the things that it lists."""
    if schema.get("type") == "array":
        schema = schema.get("items", {})
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    properties: dict[str, Any] = schema.get("properties", {})
    return properties


def _example(name: str, fields: list[dict[str, Any]], schemas: dict[str, Any]) -> str:
    """A curl command that calls the operation by name; ADDRESS stands for the server's."""
    payload = {field["name"]: _value(field, schemas) for field in fields if field["required"]}
    data = shlex.quote(json.dumps(payload))
    return f'curl -H "Authorization: Bearer $PLIMSOLL_TOKEN" ADDRESS/api/call/{name} -d {data}'


def _value(field: dict[str, Any], schemas: dict[str, Any]) -> Any:
    schema = field["schema"]
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if field["name"] in _EXAMPLES:
        return _EXAMPLES[field["name"]]
    if "enum" in schema:
        return schema["enum"][0]
    return {"integer": 1, "number": 0.5, "boolean": True, "array": [], "object": {}}.get(
        str(schema.get("type")), "text"
    )
