"""Which trials would do the same work at the same time, so that the later one waits and finds it cached. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from plimsoll.kernel.canonical import canonical_json
from plimsoll.pipeline.entities import Graph

Work = tuple[str, bytes]
"""A step, and the values of the tried parameters that its result can depend on."""


def reach_of(graph: Graph, tried: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Step -> the tried parameters that it takes, or that a step before it takes."""
    swept, reach = set(tried), dict[str, frozenset[str]]()
    for step in graph.steps:
        own = {step.source_of(name) for name in step.parameters} & swept
        makers = {maker.name for maker in graph.steps if set(maker.outputs) & set(graph.inputs[step.name])}
        reach[step.name] = frozenset(own).union(*(reach[name] for name in makers))
    return {name: tuple(sorted(params)) for name, params in reach.items()}


def works_of(reach: Mapping[str, tuple[str, ...]], params: Mapping[str, Any]) -> dict[str, Work]:
    """Step -> its work in a trial with these parameters; equal works give equal results."""
    return {
        step: (step, canonical_json({name: params[name] for name in names if name in params}))
        for step, names in reach.items()
    }
