"""What a project file must say about its triggers, beyond names and types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from plimsoll.project.breach import Breach, Values, among, duration, is_number, mapping
from plimsoll.project.problems import Path, describe


def retrain_breaches(project: Values) -> Iterator[Breach]:
    rules = project.get("retrain")
    entries = enumerate(rules) if isinstance(rules, list | tuple) else ()
    limited = 0
    for position, rule in entries:
        if not isinstance(rule, Mapping):
            continue
        path: Path = ("retrain", position)
        limited += rule.get("limits") is not None
        if limited > 1 and rule.get("limits") is not None:
            yield Breach(path=(*path, "limits"), found="limits a second time", expected="one entry with limits")
        yield from _one_thing(rule, path)
        yield from _schedule(rule.get("schedule"), (*path, "schedule"))
        yield from _dataset(rule, path, project)
        environments = mapping(project, "environments")
        none = "an environment; none is defined under `environments:`"
        yield from among(rule.get("environment"), (*path, "environment"), environments, otherwise=none)
        yield from _limits(mapping(rule, "limits"), (*path, "limits"))


def _one_thing(rule: Values, path: Path) -> Iterator[Breach]:
    given = [name for name in ("schedule", "on", "limits") if rule.get(name) is not None]
    if len(given) != 1:
        yield Breach(
            path=path,
            found=" and ".join(given) or "no trigger",
            expected="one of schedule, on and limits in an entry",
        )


def _schedule(schedule: object, path: Path) -> Iterator[Breach]:
    if isinstance(schedule, str) and not _is_cron(schedule):
        yield Breach(path=path, found=describe(schedule), expected='five cron fields such as "0 3 * * 1"')


def _is_cron(schedule: str) -> bool:
    """Whether the text is a schedule that ever comes due."""
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    try:
        due = next(CronSim(schedule, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        return False
    return due is not None and len(schedule.split()) == 5


def _dataset(rule: Values, path: Path, project: Values) -> Iterator[Breach]:
    dataset = rule.get("dataset")
    if rule.get("on") == "new_data" and dataset is None:
        yield Breach(path=path, found="new_data of no dataset", expected="`dataset:` and the name of one")
    elif rule.get("on") != "new_data" and dataset is not None:
        yield Breach(path=(*path, "dataset"), found="a dataset without `on: new_data`", expected="`on: new_data`")
    elif isinstance(dataset, str) and mapping(mapping(project, "data"), dataset).get("query") is not None:
        expected = "a dataset with a `path:`, or `schedule:` instead: only a run asks a query"
        yield Breach(path=(*path, "dataset"), found=f"{dataset}, which is a query", expected=expected)
    none = "a dataset; none is defined under `data:`"
    yield from among(dataset, (*path, "dataset"), mapping(project, "data"), otherwise=none)


def _limits(limits: Values, path: Path) -> Iterator[Breach]:
    yield from duration(limits.get("cooldown"), (*path, "cooldown"), zero=True)
    per_day = limits.get("per_day")
    if is_number(per_day) and per_day < 1:
        yield Breach(path=(*path, "per_day"), found=describe(per_day), expected="1 or more")
