"""Profiles as JSON documents, as a bundle keeps them, and back. The documents hold nothing that changes by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from plimsoll.data.entities import ColumnProfile, Profile, Spread


def profile_document(profile: Profile) -> dict[str, Any]:
    """The profile as JSON-ready data; equal profiles give equal bytes as canonical JSON."""
    return {
        "rows": profile.rows,
        "time_column": profile.time_column,
        "begin": profile.begin.isoformat() if profile.begin else None,
        "end": profile.end.isoformat() if profile.end else None,
        "phase": profile.phase,
        "columns": [_column_document(column) for column in profile.columns],
    }


def read_profile(document: Mapping[str, Any]) -> Profile:
    """The profile that `profile_document` wrote."""
    begin, end = document["begin"], document["end"]
    return Profile(
        rows=document["rows"],
        time_column=document["time_column"],
        begin=datetime.fromisoformat(begin) if begin else None,
        end=datetime.fromisoformat(end) if end else None,
        phase=document["phase"],
        columns=tuple(_read_column(column) for column in document["columns"]),
    )


def _column_document(column: ColumnProfile) -> dict[str, Any]:
    """What the kind does not have is left out."""
    document = asdict(column)
    unused = ("edges", "low", "high") if column.kind == "categorical" else ("categories",)
    for name in (*unused, *(("phases",) if not column.phases else ())):
        del document[name]
    return {name: _listed(value) for name, value in document.items()}


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def _read_column(document: Mapping[str, Any]) -> ColumnProfile:
    return ColumnProfile(
        name=document["name"],
        kind=document["kind"],
        rows=document["rows"],
        missing=document["missing"],
        low=document.get("low"),
        high=document.get("high"),
        edges=tuple(float(edge) for edge in document.get("edges", ())),
        categories=tuple(document.get("categories", ())),
        counts=tuple(document["counts"]),
        phases=tuple(tuple(row) for row in document.get("phases", ())),
        spread={span: Spread(**figures) for span, figures in document["spread"].items()},
    )
