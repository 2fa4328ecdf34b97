"""The JSON Schema of plimsoll.yaml, so that editors complete it and mark mistakes as one types."""

from __future__ import annotations

from typing import Any

from plimsoll.project.entities import METRICS
from plimsoll.project.shape import project_type

_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-.*)?\}"}


def project_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a project file, made from the entities and their descriptions."""
    schema = project_type().json_schema(by_alias=True)
    schema["$defs"]["Gate"]["properties"]["metric"]["enum"] = sorted(
        {name for names in METRICS.values() for name in names}
    )
    for owner in (schema, *schema["$defs"].values()):
        owner["properties"] = {name: _setting(setting) for name, setting in owner["properties"].items()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "plimsoll.yaml"}


def _setting(setting: dict[str, Any]) -> dict[str, Any]:
    """A setting without pydantic's made-up title; numbers and switches may also come from a `${VARIABLE}`."""
    setting = {key: value for key, value in setting.items() if key != "title"}
    if setting.get("type") in {"integer", "number", "boolean"}:
        setting["anyOf"] = [{"type": setting.pop("type")}, _VARIABLE]
    elif any(option.get("type") in {"integer", "number", "boolean"} for option in setting.get("anyOf", ())):
        setting["anyOf"] = [*setting["anyOf"], _VARIABLE]
    return setting
