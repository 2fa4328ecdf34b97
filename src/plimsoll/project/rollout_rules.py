"""What a project file must say about a rollout, beyond names and types, so that nothing is left to refuse later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import chain, pairwise
from typing import Any

from plimsoll.kernel.shares import parse_share
from plimsoll.project.breach import SHARE, Breach, Values, duration, is_number, mapping, seconds, texts
from plimsoll.project.entities import Rollout
from plimsoll.project.problems import Path, describe

_DEFAULTS: Mapping[str, Any] = asdict(Rollout())
_NOT_USED: Mapping[str, tuple[str, ...]] = {
    "all-at-once": (
        "stages",
        "hold",
        "stage_deadline",
        "stick_to",
        "candidate_deadline",
        "harm",
        "enough",
        "inconclusive",
    ),
    "blue-green": ("stages", "stick_to"),
}
"""The settings that a strategy never looks at; what copies requests (`shadow`) depends on the stages too."""

_HEADER = re.compile(r"header:[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def rollout_breaches(rollout: Values, path: Path, model: object) -> Iterator[Breach]:
    """model: what stands under `model`, whose columns a request carries."""
    return chain(
        _unused(rollout, path),
        _stages(rollout, path),
        _shadow(rollout, path),
        _durations(rollout, path),
        _stick_to(rollout.get("stick_to"), (*path, "stick_to"), model),
        _harm(rollout, (*path, "harm")),
        _enough(mapping(rollout, "enough"), (*path, "enough")),
    )


def _unused(rollout: Values, path: Path) -> Iterator[Breach]:
    """Settings that were changed, and so are relied on, while the strategy never looks at them."""
    strategy = _or_default(rollout, "strategy")
    for setting in _NOT_USED.get(strategy, ()) if isinstance(strategy, str) else ():
        if _differs(rollout.get(setting), _DEFAULTS[setting]):
            yield Breach(
                path=(*path, setting),
                found=f"{setting}, which {strategy} does not use",
                expected=f"another strategy, such as canary, or no {setting}",
            )


def _stages(rollout: Values, path: Path) -> Iterator[Breach]:
    stages = rollout.get("stages")
    if not isinstance(stages, list | tuple):
        return
    if not stages and rollout.get("strategy") == "canary":
        yield Breach(path=(*path, "stages"), found="an empty list", expected="at least one stage, such as [5, 25, 50]")
    for position, stage in enumerate(stages):
        if is_number(stage) and not (0 < stage <= 100 and round(stage, 1) == stage):
            yield Breach(
                path=(*path, "stages", position),
                found=describe(stage),
                expected="a percentage above 0 and up to 100, in steps of 0.1",
            )
    for position, (before, stage) in enumerate(pairwise(stages), start=1):
        if is_number(before) and is_number(stage) and stage <= before:
            yield Breach(
                path=(*path, "stages", position),
                found=f"{describe(stage)} after {describe(before)}",
                expected="percentages that rise from stage to stage",
            )


def _shadow(rollout: Values, path: Path) -> Iterator[Breach]:
    shadow, strategy, stages = rollout.get("shadow"), _or_default(rollout, "strategy"), _or_default(rollout, "stages")
    if not is_number(shadow):
        return
    if not 0 < shadow <= 100:
        yield Breach(path=(*path, "shadow"), found=describe(shadow), expected="a percentage above 0 and up to 100")
    elif shadow != _DEFAULTS["shadow"] and (
        strategy == "all-at-once" or (strategy == "canary" and isinstance(stages, list | tuple) and 100 not in stages)
    ):
        yield Breach(
            path=(*path, "shadow"),
            found="shadow, where no request is copied",
            expected="strategy blue-green or shadow-then-canary, a canary with a stage of 100, or no shadow",
        )


def _durations(rollout: Values, path: Path) -> Iterator[Breach]:
    for setting in ("hold", "warm"):
        yield from duration(rollout.get(setting), (*path, setting), zero=True)
    for setting in ("stage_deadline", "ready", "look", "candidate_deadline"):
        yield from duration(rollout.get(setting), (*path, setting))
    hold, deadline = _or_default(rollout, "hold"), _or_default(rollout, "stage_deadline")
    hold_s, deadline_s = seconds(hold), seconds(deadline)
    if hold_s is not None and deadline_s and deadline_s <= hold_s:
        yield Breach(
            path=(*path, "stage_deadline"),
            found=f"{describe(deadline)}, with hold: {hold}",
            expected="longer than hold, which each stage lasts at least",
        )


def _stick_to(stick_to: object, path: Path, model: object) -> Iterator[Breach]:
    """What callers stick by must be in every request; passed over when `model` is missing or cannot be read."""
    if not isinstance(stick_to, str) or not isinstance(model, Mapping):
        return
    if stick_to.startswith("header:"):
        if not _HEADER.fullmatch(stick_to):
            yield Breach(path=path, found=describe(stick_to), expected="a header's name, such as header:X-Customer")
        return
    columns = tuple(column for setting in ("context", "inputs") for _, column in texts(model.get(setting)))
    if stick_to not in columns:
        yield Breach(
            path=path,
            found=repr(stick_to),
            expected=f"header:NAME or a column listed under model.context or model.inputs: {', '.join(columns) or 'none'}",
            word=stick_to,
            options=columns,
        )


def _harm(rollout: Values, path: Path) -> Iterator[Breach]:
    harm = mapping(rollout, "harm")
    alpha = harm.get("alpha")
    if is_number(alpha) and not 0 < alpha < 1:
        yield Breach(path=(*path, "alpha"), found=describe(alpha), expected="a number between 0 and 1, both excluded")
    for test in ("errors", "latency_p99"):
        ratio = mapping(harm, test).get("ratio")
        if is_number(ratio) and ratio < 1:
            yield Breach(path=(*path, test, "ratio"), found=describe(ratio), expected="1 or more, such as 1.2")
    latency = mapping(harm, "latency_p99")
    if rollout.get("strategy") == "blue-green" and _differs(latency, _DEFAULTS["harm"]["latency_p99"]):
        yield Breach(
            path=(*path, "latency_p99"),
            found="latency_p99, which blue-green cannot test: all its requests are copied",
            expected="another strategy, such as canary, or no latency_p99",
        )


def _enough(enough: Values, path: Path) -> Iterator[Breach]:
    requests, added = enough.get("requests"), enough.get("max_added_errors")
    if is_number(requests) and requests < 1:
        yield Breach(path=(*path, "requests"), found=describe(requests), expected="1 or more: no data proves nothing")
    if isinstance(added, str) or is_number(added):
        try:
            share = parse_share(added)
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            yield Breach(path=(*path, "max_added_errors"), found=describe(added), expected=SHARE)


def _or_default(rollout: Values, setting: str) -> object:
    return rollout.get(setting, _DEFAULTS[setting])


def _differs(value: object, default: object) -> bool:
    """Whether a value, where one is given, says anything else than the default."""
    if isinstance(value, Mapping) and isinstance(default, Mapping):
        return any(_differs(part, default.get(name)) for name, part in value.items())
    if isinstance(value, list | tuple) and isinstance(default, list | tuple):
        return list(value) != list(default)
    return value is not None and value != default
