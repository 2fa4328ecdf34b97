"""Curves of what runs logged, as pages draw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from plimsoll.edge.curves import Line, curve_chart


def drawn(heading: str, remark: str, curves: Sequence[tuple[str, Sequence[tuple[int, float | str]]]]) -> dict[str, Any]:
    """A drawing of some curves (name, points) with its heading and a sentence."""
    lines = [Line(name=name, points=[(step, float(value)) for step, value in points]) for name, points in curves]
    svg = curve_chart(lines, title=heading, description=remark)
    return {"heading": heading, "remark": remark, "svg": Markup(svg)}  # noqa: S704 - escaped where it is drawn


def worded(value: float | str | None) -> str:
    """A metric's value: five digits, or the word for what is no number."""
    if value is None:
        return "nan"
    return value if isinstance(value, str) else f"{value:.5g}"
