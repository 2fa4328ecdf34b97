"""The scorer's page on disk, `scorer.json`; read without pandas, which a door must not import."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plimsoll.bundle.entities import Field, ScorerSpec
from plimsoll.kernel.canonical import canonical_json

SPEC = "scorer.json"


def read_spec(scorer: Path) -> ScorerSpec:
    """What a scorer folder says of itself, without loading its model or its code."""
    page: dict[str, Any] = json.loads((scorer / SPEC).read_bytes())
    for name in ("inputs", "context"):
        page[name] = tuple(Field(**item) for item in page[name])
    return ScorerSpec(**{**page, "classes": tuple(page["classes"]), "transform": tuple(page["transform"])})


def write_spec(scorer: Path, spec: ScorerSpec) -> None:
    """Write the page as canonical JSON."""
    (scorer / SPEC).write_bytes(canonical_json(asdict(spec)))
