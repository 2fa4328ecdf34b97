"""How pages say figures, spans of time and states. Pure."""

from __future__ import annotations

import json
from typing import Any, Literal

Tone = Literal["good", "bad", "wait", "none"]

_TONES: dict[str, Tone] = {
    **dict.fromkeys(
        (
            "live",
            "pass",
            "done",
            "cached",
            "settling",
            "promoted",
            "resolved",
            "steady",
            "deployed",
            "released",
            "judged",
        ),
        "good",
    ),
    **dict.fromkeys(
        (
            "unavailable",
            "fail",
            "failed",
            "interrupted",
            "cancelled",
            "rolled back",
            "held",
            "not ready",
            "open",
            "drifted",
            "refused",
        ),
        "bad",
    ),
    **dict.fromkeys(
        ("starting", "stopping", "running", "deploying", "stage", "paused", "ready", "acknowledged", "inconclusive"),
        "wait",
    ),
}


def tone(word: str) -> Tone:
    """How a state is shown; the word stands beside it always."""
    return _TONES.get(word, "none")


def ago(seconds: float) -> str:
    """`just now`, `5 min ago`, `3 h ago`, `12 days ago`."""
    if seconds < 5:
        return "just now"
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= size * (2 if unit == "days" else 1):
            return f"{seconds // size:.0f} {unit} ago"
    return "just now"


def duration(seconds: float | None) -> str:
    """`18 ms`, `0.79 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return ""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def number(value: float | None) -> str:
    """A figure with thousands apart; small ones to three digits."""
    if value is None:
        return "unknown"
    if value > 1e6 and not float(value).is_integer():
        return "over a million"
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"


def percent(share: float) -> str:
    """A share of 0..1 in percent."""
    return f"{share * 100:.3g} %"


def count(how_many: int, what: str) -> str:
    """`1 error`, `3 errors`."""
    return f"{how_many:,} {what}" if how_many == 1 else f"{how_many:,} {what}s"


def plainly(value: Any) -> str:
    """Any plain value as one line: lists with commas, objects as `name value`."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {plainly(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(plainly, value)) or "none"
    if value is None or value == "":
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def settings(values: dict[str, Any]) -> str:
    """Parameters as one types them: `trees=120, train_without=''`."""
    return ", ".join(
        f"{name}={value!r}" if isinstance(value, str) else f"{name}={plainly(value)}" for name, value in values.items()
    )


def gist(detail: dict[str, Any]) -> str:
    """What an event's details come to, in a line: why, when somebody said so, else what is short enough to read."""
    said = next((detail[name] for name in ("because", "why", "comment", "error") if detail.get(name)), "")
    short = [f"{name} {plainly(value)}" for name, value in detail.items() if value and len(plainly(value)) <= 24]
    return str(said) or ", ".join(short[:3]) or "more"
