"""What a project file must say about its monitor, beyond names and types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from plimsoll.kernel.rates import parse_rate
from plimsoll.project.breach import Breach, Values, among, duration, is_number, mapping, seconds, texts
from plimsoll.project.entities import METRICS
from plimsoll.project.problems import Path, describe

DAY_S = 86_400
RATE = "a rate such as 1/year, 2/month, 1/week or 1/day"


def monitor_breaches(project: Values) -> Iterator[Breach]:
    monitor, path = mapping(project, "monitor"), ("monitor",)
    return chain(
        _window(monitor.get("window"), (*path, "window")),
        _drift(mapping(monitor, "drift"), (*path, "drift"), project.get("model")),
        _quality(mapping(monitor, "quality"), (*path, "quality"), project.get("model")),
        _notify(monitor.get("notify"), (*path, "notify")),
    )


def _window(window: object, path: Path) -> Iterator[Breach]:
    yield from duration(window, path)
    length = seconds(window)
    if length and DAY_S % length and length % DAY_S:
        yield Breach(
            path=path, found=describe(window), expected="a time that divides a day, such as 15m or 1h, or days"
        )


def _drift(drift: Values, path: Path, model: object) -> Iterator[Breach]:
    tolerance = drift.get("tolerance")
    if is_number(tolerance) and tolerance <= 0:
        yield Breach(path=(*path, "tolerance"), found=describe(tolerance), expected="a number above 0, such as 0.1")
    yield from _rate(drift.get("false_alarms"), (*path, "false_alarms"))
    if isinstance(model, Mapping):
        columns = [column for setting in ("context", "inputs") for _, column in texts(model.get(setting))]
        none = "a column listed under model.context or model.inputs"
        yield from among(drift.get("group"), (*path, "group"), columns, otherwise=none)


def _quality(quality: Values, path: Path, model: object) -> Iterator[Breach]:
    yield from duration(quality.get("label_delay"), (*path, "label_delay"), zero=True)
    yield from _rate(quality.get("false_alarms"), (*path, "false_alarms"))
    tolerance = quality.get("tolerance")
    if is_number(tolerance) and tolerance < 0:
        yield Breach(path=(*path, "tolerance"), found=describe(tolerance), expected="0 or more, such as 0.02")
    if isinstance(model, Mapping):
        metrics = next((METRICS[task] for task in METRICS if task == model.get("task")), ())
        if metrics:
            yield from among(quality.get("metric"), (*path, "metric"), metrics, otherwise="a metric of the task")
    elif quality:
        yield Breach(path=path, found="a metric without a `model`", expected="`model:`, or no `quality`")


def _notify(notify: object, path: Path) -> Iterator[Breach]:
    for position, url in texts(notify):
        if "://" not in url:
            yield Breach(
                path=(*path, position),
                found=describe(url),
                expected="an Apprise URL such as mailto://… or slack://…",
            )


def _rate(text: object, path: Path) -> Iterator[Breach]:
    if isinstance(text, str):
        try:
            parse_rate(text)
        except ValueError:
            yield Breach(path=path, found=describe(text), expected=RATE)
