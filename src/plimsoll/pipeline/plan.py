"""What a run would do and why: for every step `cached`, or the exact cause for which it runs. Pure.

The cause is told in comparison with the latest run that came to the step. An output that comes out as it was before
leaves the steps after it cached, which nobody can know before; the plan then says that they will run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.bundle.runtime import lock_changes
from plimsoll.pipeline.entities import Graph, Step
from plimsoll.pipeline.keys import Basis, Ingredients, cache_key, ingredients, unknown

CACHED = "cached"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """What a run would do with one step."""

    step: str
    cached: bool
    because: str
    """`cached`, or `will run because` and the causes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What the latest run that came to a step knew about it."""

    run: str
    failed: bool
    parts: Ingredients


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is remembered of earlier runs' ingredients, to tell a change in its own words."""

    lock_text: Callable[[str], str]
    """Digest of a lock -> its text; empty when it is gone."""
    files: Callable[[str, str], Mapping[str, str]]
    """Dataset and digest of a version -> name and digest of each of its files; empty when it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """One step before a run: its ingredients as far as known, its cached outputs, or why it has to run."""

    step: Step
    parts: Ingredients
    key: str
    """Empty as long as an input is unknown."""
    outputs: Mapping[str, str] | None
    """Of the cached step; None when it has to run."""
    because: str


def foresee(
    graph: Graph,
    basis: Basis,
    *,
    find: Callable[[str], Mapping[str, str] | None],
    earlier: Mapping[str, Earlier],
    past: Past,
) -> tuple[Prospect, ...]:
    """Walk the graph once. find: cache key -> stored outputs."""
    outputs: dict[str, str] = {}
    prospects: list[Prospect] = []
    for step in graph.steps:
        given = graph.inputs[step.name]
        parts = ingredients(step, basis, given=given, outputs=outputs)
        missing = unknown(basis, given=given, outputs=outputs)
        key = "" if missing else cache_key(step.name, parts)
        found = find(key) if key else None
        if found is not None:
            outputs.update(found)
            prospects.append(Prospect(step=step, parts=parts, key=key, outputs=found, because=CACHED))
            continue
        first = tuple(dict.fromkeys(graph.maker(name) for name in missing))
        because = explain(parts, earlier.get(step.name), after=first, missing=missing, past=past)
        prospects.append(Prospect(step=step, parts=parts, key=key, outputs=None, because=because))
    return tuple(prospects)


def planned(prospects: tuple[Prospect, ...]) -> tuple[PlannedStep, ...]:
    """The plan as people read it."""
    return tuple(
        PlannedStep(
            step=prospect.step.name,
            cached=prospect.outputs is not None,
            because=CACHED if prospect.outputs is not None else f"will run because {prospect.because}",
        )
        for prospect in prospects
    )


def explain(
    parts: Ingredients,
    earlier: Earlier | None,
    *,
    after: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
    past: Past,
) -> str:
    """Why a step that is not cached runs. after: the steps that run before it. missing: its inputs not known yet."""
    if earlier is None:
        return "it has not run before"
    causes = [*changes(parts, earlier.parts, missing, past), *(f"{name} will run" for name in after)]
    if causes:
        return "; ".join(causes)
    return f"it failed in {earlier.run}" if earlier.failed else "its stored outputs are gone"


def changes(now: Ingredients, before: Ingredients, missing: tuple[str, ...], past: Past) -> list[str]:
    """What differs between two executions of a step, each in words. missing: its inputs that are not known yet."""
    causes = [f"the code of {name} changed" for name in _differing(now.code, before.code)]
    causes += [_data_change(name, now.data, before.data, past) for name in _differing(now.data, before.data)]
    causes += [
        _input_change(name, now.inputs, before.inputs)
        for name in _differing(now.inputs, before.inputs)
        if name not in missing
    ]
    causes += [_value_change(name, now.params, before.params) for name in _differing(now.params, before.params)]
    causes += [
        _value_change(
            f"model.{name}", {f"model.{name}": now.settings.get(name)}, {f"model.{name}": before.settings.get(name)}
        )
        for name in _differing(now.settings, before.settings)
    ]
    causes += [_env_change(name, now.env, before.env) for name in _differing(now.env, before.env)]
    if now.outputs != before.outputs:
        causes.append(f"its outputs are now {', '.join(now.outputs)}")
    if now.lock != before.lock:
        causes.append(_lock_change(past.lock_text(before.lock), past.lock_text(now.lock)))
    return causes


def _differing(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    names = dict.fromkeys((*now, *before))
    return [name for name in names if name not in now or name not in before or now[name] != before[name]]


def _data_change(name: str, now: Mapping[str, str], before: Mapping[str, str], past: Past) -> str:
    if name not in now:
        return f"it is no longer given the data {name}"
    if name not in before:
        return f"it is now given the data {name}"
    files = _file_changes(past.files(name, before[name]), past.files(name, now[name]))
    return f"the data {name} changed ({before[name][:8]} -> {now[name][:8]}{f': {files}' if files else ''})"


def _file_changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Which files make the difference between two versions, at most three by name; empty where they are not known."""
    if not before or not now:
        return ""
    said = [
        f"{name} {'changed' if name in before and name in now else 'is new' if name in now else 'is gone'}"
        for name in _differing(now, before)
    ]
    rest = f" and {len(said) - 3} more files" if len(said) > 3 else ""
    return f"{', '.join(said[:3])}{rest}"


def _input_change(name: str, now: Mapping[str, str], before: Mapping[str, str]) -> str:
    if name not in now:
        return f"it is no longer given {name}"
    return f"{name} changed" if name in before else f"it is now given {name}"


def _value_change(name: str, now: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    if name not in now:
        return f"{name} is no longer set (was {_shown(before[name])})"
    if name not in before:
        return f"{name} is now set to {_shown(now[name])}"
    return f"{name} {_shown(before[name])} -> {_shown(now[name])}"


def _env_change(name: str, now: Mapping[str, str], before: Mapping[str, str]) -> str:
    if name not in now:
        return f"the environment variable {name} is not set or not declared any more"
    return f"the environment variable {name} {'changed' if name in before else 'is now set and declared'}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _lock_change(before: str, now: str) -> str:
    """Which packages of the runtime changed, at most three by name."""
    changed = lock_changes(before, now)
    shown = [f"{name} {old or 'absent'} -> {new or 'absent'}" for name, old, new in changed[:3]]
    rest = f" and {len(changed) - 3} more packages" if len(changed) > 3 else ""
    return f"the runtime changed: {', '.join(shown)}{rest}"
