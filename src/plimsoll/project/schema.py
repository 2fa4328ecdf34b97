"""The JSON Schema of plimsoll.yaml, so that editors complete it and mark mistakes as one types."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from plimsoll.project import entities
from plimsoll.project.entities import METRICS
from plimsoll.project.shape import project_type

_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-.*)?\}"}


def project_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a project file, made from the entities and their descriptions."""
    schema = project_type().json_schema(by_alias=True)
    schema["$defs"]["Gate"]["properties"]["metric"]["enum"] = sorted(
        {name for names in METRICS.values() for name in names}
    )
    told = _descriptions()
    for name, owner in (("Project", schema), *schema["$defs"].items()):
        owner["properties"] = {
            setting: {**_setting(shape), "description": told[name, setting]}
            for setting, shape in owner["properties"].items()
        }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "plimsoll.yaml"}


def _descriptions() -> dict[tuple[str, str], str]:
    """Entity and setting -> the text below its field. Pydantic can read them, too, in 80 ms of every command."""
    module = ast.parse(inspect.getsource(entities))
    return {
        (entity.name, field.target.id.rstrip("_")): inspect.cleandoc(text.value.value)
        for entity in module.body
        if isinstance(entity, ast.ClassDef)
        for field, text in zip(entity.body, entity.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _setting(setting: dict[str, Any]) -> dict[str, Any]:
    """A setting without pydantic's made-up title; numbers and switches may also come from a `${VARIABLE}`."""
    setting = {key: value for key, value in setting.items() if key != "title"}
    if setting.get("type") in {"integer", "number", "boolean"}:
        setting["anyOf"] = [{"type": setting.pop("type")}, _VARIABLE]
    elif any(option.get("type") in {"integer", "number", "boolean"} for option in setting.get("anyOf", ())):
        setting["anyOf"] = [*setting["anyOf"], _VARIABLE]
    return setting
