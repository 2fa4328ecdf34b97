"""The order of a graph: which steps wait for each other in a circle, and an order in which each comes after its needs."""

from __future__ import annotations

from collections.abc import Mapping

from plimsoll.pipeline.entities import Step


def circles(needs: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """Each circle once, from the step that comes first in the source, in the order in which outputs flow."""
    found: dict[frozenset[str], list[str]] = {}
    done: set[str] = set()

    def visit(step: str, trail: list[str]) -> None:
        if step in trail:
            circle = trail[trail.index(step) :]
            found.setdefault(frozenset(circle), circle)
            return
        if step in done:
            return
        for other in needs[step]:
            visit(other, [*trail, step])
        done.add(step)

    for step in needs:
        visit(step, [])
    order = list(needs)
    return [_from_first(circle[::-1], order) for circle in found.values()]


def _from_first(circle: list[str], order: list[str]) -> list[str]:
    start = circle.index(min(circle, key=order.index))
    return circle[start:] + circle[:start]


def in_order(
    steps: list[Step], inputs: Mapping[str, tuple[str, ...]], *, makers: Mapping[str, str]
) -> tuple[Step, ...]:
    """Each step after those whose outputs it takes, else in the order of the source. There are no circles."""
    waiting = {step.name: step for step in steps}
    placed: list[Step] = []
    while waiting:
        free = next(name for name in waiting if not any(makers.get(given) in waiting for given in inputs[name]))
        placed.append(waiting.pop(free))
    return tuple(placed)
