"""The sentences of a verdict: what decided a check, with the figures, in words that can be acted on."""

from __future__ import annotations

import math


def figure(value: float) -> str:
    """A number as verdicts print it: four decimals, fewer and more where the size asks for it."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.2f}"
    if size >= 0.001:
        return f"{value:.4f}"
    return f"{value:.5f}" if size >= 0.00001 else f"{value:.1e}"


def limit(value: float) -> str:
    """A number as its author wrote it."""
    return f"{value:.10g}"


def p_value(value: float) -> str:
    """A p-value to two digits; very small ones as a bound."""
    return "below 0.0001" if value < 0.0001 else f"{value:.2g}"


def rows_needed(rows: int, *, reach: float, room: float) -> int:
    """How many rows shrink a bound's distance from the figure to the room there is; distance goes with 1/sqrt(rows)."""
    exact = rows * (reach / room) ** 2
    magnitude = int(10 ** max(math.floor(math.log10(exact)) - 1, 0))
    return math.ceil(exact / magnitude) * magnitude


def limit_met(*, side: str, bound: float, wanted: float) -> str:
    return f"The {side} 95 % bound {figure(bound)} clears {limit(wanted)}."


def limit_broken(*, value: float, side: str, bound: float, wanted: float) -> str:
    direction = "below" if side == "upper" else "above"
    return f"{figure(value)}; even the {side} 95 % bound {figure(bound)} is {direction} {limit(wanted)}."


def limit_open(*, value: float, side: str, bound: float, wanted: float, more: str) -> str:
    direction = "below" if side == "lower" else "above"
    return (
        f"{figure(value)}, but the {side} 95 % bound {figure(bound)} is {direction} {limit(wanted)}: not proven. {more}"
    )


def value_held(*, value: float, wanted: float, met: bool) -> str:
    return f"The value {figure(value)} {'meets' if met else 'misses'} {limit(wanted)}; how sure it is was not asked."


def harmless(*, bound: float, margin: float) -> str:
    if bound > 0:
        return f"Better by at least {figure(bound)} (95 % bound)."
    return f"Worse by at most {figure(-bound)} (95 % bound), within the margin {limit(margin)}."


def harmful(*, value: float, bound: float, margin: float) -> str:
    allowed = f"more than the margin {limit(margin)}" if margin else "and no margin is allowed"
    return f"Worse by {figure(-value)}, at the very least by {figure(-bound)} (95 % bound): {allowed}."


def undecided(*, bound: float, margin: float, more: str) -> str:
    return f"Could be worse by {figure(max(-bound, 0.0))} (95 % bound), margin {limit(margin)}: not proven harmless. {more}"


def by_chance(*, value: float, margin: float, adjusted: float, among: int) -> str:
    return (
        f"Worse by {figure(-value)}, more than the margin {limit(margin)}, but with {among} slices that can be chance "
        f"(Holm-adjusted p {p_value(adjusted)})."
    )


def powerless(*, rows: int, unit: str, smallest: float, needed: int | None) -> str:
    """What the holdout could have shown, and how many rows would do."""
    power = f"{rows:,} {unit} show shortfalls from {figure(smallest)} up with 80 % power"
    return f"{power}; about {needed:,} would settle it." if needed else f"{power}."


def too_small(*, rows: int, unit: str, min_rows: int) -> str:
    return f"Reported only: {rows:,} {unit}, fewer than min_rows {min_rows:,}."
