"""What a project file must say about its environments, beyond names and types; their rollouts have their own rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from plimsoll.project.breach import (
    Breach,
    Values,
    among,
    duration,
    is_number,
    mapping,
    mappings,
    plain_name,
    seconds,
)
from plimsoll.project.problems import Path, describe
from plimsoll.project.rollout_rules import rollout_breaches


def environment_breaches(project: Values) -> Iterator[Breach]:
    environments = mapping(project, "environments")
    each = chain.from_iterable(
        _environment(name, environment, environments, project)
        for name, environment in mappings(project, "environments")
    )
    return chain(each, _ports(project), _circles(environments))


def _environment(name: str, environment: Values, environments: Values, project: Values) -> Iterator[Breach]:
    path: Path = ("environments", name)
    yield from plain_name(name, path)
    doors = environment.get("doors")
    if is_number(doors) and doors < 1:
        yield Breach(path=(*path, "doors"), found=describe(doors), expected="1 or more processes")
    others = [other for other in environments if other != name]
    none = "another environment; no other is defined under `environments:`"
    yield from among(environment.get("after"), (*path, "after"), others, otherwise=none)
    bake = environment.get("bake")
    yield from duration(bake, (*path, "bake"), zero=True)
    if seconds(bake) and environment.get("after") is None:
        yield Breach(
            path=(*path, "bake"),
            found="a time with no environment to spend it in",
            expected="`after:` and another environment beside it",
        )
    approvals = environment.get("approvals")
    for position, rule in enumerate(approvals if isinstance(approvals, list | tuple) else ()):
        count = rule.get("count") if isinstance(rule, Mapping) else None
        if is_number(count) and count < 1:
            yield Breach(
                path=(*path, "approvals", position, "count"),
                found=describe(count),
                expected="1 or more people; leave the rule out when nobody needs to approve",
            )
    yield from rollout_breaches(mapping(environment, "rollout"), (*path, "rollout"), project.get("model"))


def _ports(project: Values) -> Iterator[Breach]:
    taken: dict[tuple[object, float], str] = {}
    for name, environment in mappings(project, "environments"):
        path: Path = ("environments", name, "port")
        port = environment.get("port", 0)
        if is_number(port) and not 0 <= port <= 65535:
            yield Breach(path=path, found=describe(port), expected="a port from 1 to 65535, or 0 for a free one")
        elif is_number(port) and port:
            other = taken.setdefault((environment.get("host", "127.0.0.1"), port), name)
            if other != name:
                yield Breach(path=path, found=f"{port}, the port of {other}", expected="a port of its own, or 0")


def _circles(environments: Values) -> Iterator[Breach]:
    """Environments that wait for each other, so that no release could ever live in any; each circle once."""
    told: set[str] = set()
    for name in environments:
        way = [name]
        while (before := _before(environments, way[-1])) is not None and before not in way:
            way.append(before)
        if before == name and len(way) > 1 and not told & set(way):
            told |= set(way)
            yield Breach(
                path=("environments", name, "after"),
                found=f"a circle: {' after '.join([*way, name])}",
                expected="an environment to begin with, without `after:`",
            )


def _before(environments: Values, name: str) -> str | None:
    """The environment that comes before this one."""
    after = mapping(environments, name).get("after")
    return after if isinstance(after, str) and after in environments else None
