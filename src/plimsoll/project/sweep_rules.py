"""What the settings of a sweep must say about themselves, whether they come from the file or from a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from plimsoll.kernel.canonical import canonical_json
from plimsoll.project.breach import Breach, Values, identifier, is_number
from plimsoll.project.problems import Path, describe

RANGES = ("uniform", "log", "int", "log_int")
"""Words for a range: numbers, numbers by their magnitude, whole numbers, whole numbers by their magnitude."""

MOST_TRIALS = 10_000
MOST_JOBS = 64
_RANGE = "a list of values, or one of {uniform: [a, b]}, {log: [a, b]}, {int: [a, b]}, {log_int: [a, b]}"


def sweep_breaches(project: Values) -> Iterator[Breach]:
    settings = project.get("sweep")
    if isinstance(settings, Mapping):
        yield from setting_breaches(settings, ("sweep",))


def setting_breaches(settings: Values, path: Path) -> Iterator[Breach]:
    """Every broken rule of a sweep's plain values."""
    goals = [name for name in ("maximize", "minimize") if settings.get(name)]
    if len(goals) != 1:
        found = " and ".join(goals) or "no metric"
        yield Breach(path=path, found=found, expected="one of maximize and minimize, with the metric's name")
    for name, least, most in (("trials", 1, MOST_TRIALS), ("jobs", 1, MOST_JOBS), ("max_failures", 0, None)):
        value = settings.get(name)
        if is_number(value) and (value < least or (most is not None and value > most)):
            expected = f"{least} or more" if most is None else f"{least} to {most:,}"
            yield Breach(path=(*path, name), found=describe(value), expected=expected)
    seed = settings.get("seed")
    if is_number(seed) and not 0 <= seed < 2**32:
        yield Breach(path=(*path, "seed"), found=describe(seed), expected="0 or more, below 2 to the power of 32")
    params = settings.get("params")
    if isinstance(params, Mapping):
        if not params:
            yield Breach(path=(*path, "params"), found="no parameter", expected="at least one parameter to try")
        yield from _space(params, settings.get("method") or "grid", (*path, "params"))
        yield from _grid(params, settings, (*path, "trials"))


def _space(params: Values, method: object, path: Path) -> Iterator[Breach]:
    for name, tried in params.items():
        here: Path = (*path, name)
        yield from identifier(str(name), here, "steps receive it by this name")
        if isinstance(tried, list | tuple):
            yield from _choices(tried, here)
        elif isinstance(tried, Mapping) and len(tried) == 1 and next(iter(tried)) in RANGES:
            kind, ends = next(iter(tried.items()))
            if method == "grid":
                yield Breach(path=here, found=f"a range ({kind}) in a grid", expected="a list, or method: random")
            yield from _range(str(kind), ends, (*here, str(kind)))
        else:
            yield Breach(path=here, found=describe(tried), expected=_RANGE)


def _choices(values: list[object] | tuple[object, ...], path: Path) -> Iterator[Breach]:
    if not values:
        yield Breach(path=path, found="an empty list", expected="at least one value")
    seen: set[bytes] = set()
    for position, value in enumerate(values):
        try:
            said = canonical_json(value)
        except (TypeError, ValueError) as error:
            yield Breach(path=(*path, position), found=f"{describe(value)}: {error}", expected="what JSON can say")
            continue
        if said in seen:
            yield Breach(path=(*path, position), found=f"{describe(value)} a second time", expected="each value once")
        seen.add(said)


def _range(kind: str, ends: object, path: Path) -> Iterator[Breach]:
    numbers = [end for end in ends if is_number(end)] if isinstance(ends, list | tuple) else []
    if not isinstance(ends, list | tuple) or len(ends) != 2 or len(numbers) != 2:
        yield Breach(path=path, found=describe(ends), expected="two numbers, such as [0.001, 0.3]")
        return
    low, high = numbers
    if low >= high:
        yield Breach(path=path, found=f"{low} to {high}", expected="the lower number first")
    elif kind.startswith("log") and low <= 0:
        yield Breach(path=path, found=describe(low), expected="ends above 0 in a range by magnitude")
    elif kind.endswith("int") and not all(isinstance(end, int) for end in numbers):
        yield Breach(path=path, found=f"{low} to {high}", expected="two whole numbers")


def _grid(params: Values, settings: Values, path: Path) -> Iterator[Breach]:
    lists = [tried for tried in params.values() if isinstance(tried, list | tuple)]
    if (settings.get("method") or "grid") != "grid" or len(lists) != len(params):
        return
    size = 1
    for values in lists:
        size *= len(values)
    trials = settings.get("trials")
    if is_number(trials) and trials != size:
        expected = f"no trials in a grid, which tries all its {size:,} combinations; or method: random"
        yield Breach(path=path, found=describe(trials), expected=expected)
    elif size > MOST_TRIALS:
        yield Breach(
            path=(*path[:-1], "params"),
            found=f"a grid of {size:,} combinations",
            expected=f"{MOST_TRIALS:,} at most; method: random needs no more trials than you have time for",
        )
