"""Whether the monitor's error rates are what they are said to be: simulated years through the shipped judgement.

Run `make bench-monitor` (about ten minutes on two cores). Years without drift, with a strong daily and weekly
season, then such years whose days or customers move together: at most one false alarm a year. Shifts of three sizes:
the delay until they are found. Beside it what common rules would have said, and the published critical values.
Leaves with 1 when a bound is missed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, kolmogorov, ndtri

from plimsoll.data.entities import ColumnProfile
from plimsoll.data.phases import DAY, HOUR, WEEK, spans_of
from plimsoll.data.spread import spreads
from plimsoll.monitor.drift import Reference, alphas, judge_spans, likelihood_psi, psi, reference_of
from plimsoll.monitor.entities import DriftRule
from plimsoll.monitor.tails import tail_inverse

Array = NDArray[np.float64]

HOURS_A_WEEK, WEEKS_A_YEAR = 168, 52
YEAR_DAYS = 365.25
TOLERANCE = 0.1
NIGHT, NOON = 100, 1000
"""Rows of the emptiest and of the fullest hour."""
CATEGORIES = (2, 3, 4, 6, 10, 15, 20, 30)
NUMBERS = 12
DAY_PSI = 0.01
"""What a day's own effect alone moves a column by, on average, where days move together."""
ROWS_A_CUSTOMER = 5
MONDAY_S = 4 * DAY
"""1970-01-05, a Monday."""
STILL, AT_TOLERANCE, DAYS, CUSTOMERS = WORLDS = (
    "independent rows",
    "every column moved by the tolerance",
    "days move together",
    "customers repeat",
)
SIZES = {
    "large, PSI 1.0-1.5": ((1.0, 1.5), "the second window of 300 rows or more"),
    "medium, PSI 0.3-0.4": ((0.3, 0.4), "the end of the next day"),
    "small, PSI 0.15-0.2": ((0.15, 0.2), "the end of the second week"),
}
FULL_WINDOW = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Shares of every column in every hour of the week, without drift: 0 beyond a column's bins."""

    shares: Array
    """(columns, 168, bins)"""
    volume: Array
    """Rows expected in each hour of the week."""
    directions: Array
    """In which way a column's bins move when it moves, (columns, bins)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=200)
    parser.add_argument("--shifts", type=int, default=100, help="of each size")
    parser.add_argument("--draws", type=int, default=2_000_000, help="of each far tail")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    began = time.perf_counter()
    missed: list[str] = []
    critical_values(missed)
    far_tails(asked.draws, missed)
    with Pool(asked.processes) as pool:
        spread_over = partial(pool.imap_unordered, chunksize=1)
        season(make_world(seasonal=True))
        for world in WORLDS:
            quiet_years(world, asked.years if world == STILL else max(asked.years // 4, 1), spread_over, missed)
        delays(asked.shifts, spread_over, missed)
        other_rules(max(asked.years // 20, 1), spread_over)
    print(f"\n{time.perf_counter() - began:.0f} s; {'; '.join(missed) or 'every bound held'}")
    raise SystemExit(1 if missed else 0)


def critical_values(missed: list[str]) -> None:
    title(
        "Critical PSI at 5 %, ten bins, tolerance 0.1, and chances of PSI > 0.1 without drift (reference 10,000 rows)"
    )
    line("reference rows vs live rows", "critical", "published")
    for m, n, published in (
        (1e4, 100, 0.331),
        (1e4, 200, 0.236),
        (1e4, 1e3, 0.147),
        (1e5, 1e4, 0.112),
        (1e6, 1e6, 0.101),
    ):
        unit = np.array([1 / n + 1 / m])
        (found,) = unit * tail_inverse(np.array([0.05]), np.array([9.0]), TOLERANCE / unit)
        line(f"{m:,.0f} vs {n:,.0f}", f"{found:.3f}", f"{published:.3f}")
        check(missed, abs(found - published) < 0.0006, f"critical value {found:.4f} is not {published}")
    line("live rows", "10 bins", "published", "20 bins", "published")
    draw = np.random.default_rng(1)
    for n, published in ((100, (0.40, 0.97)), (200, (0.02, 0.48)), (500, (0.0, 0.0))):
        cells = []
        for bins, known in zip((10, 20), published, strict=True):
            even = np.full(bins, 1 / bins)
            reference, live = (draw.multinomial(rows, even, 4000) / rows for rows in (10_000, n))
            found = float((psi(reference, live, m=10_000, n=n) > 0.1).mean())
            cells += [f"{found:.0%}", f"{known:.0%}"]
            check(missed, abs(found - known) < 0.04, f"P(PSI > 0.1) {found:.2f} is not {known}")
        line(f"{n}", *cells)


def far_tails(draws: int, missed: list[str]) -> None:
    """How often each statistic exceeds the critical value of a small alpha, as a multiple of that alpha."""
    title(f"Far tails, in multiples of alpha (1 is right), reference of twenty times the rows, {draws:,} draws")
    line("", "1e-4: PSI", "likelihood", "the smaller", "1e-5: PSI", "likelihood", "the smaller")
    even = np.full(10, 0.1)
    uneven = normal(np.arange(1, 13.0) ** -1.5)
    away = tilted(uneven, np.linspace(-1, 1, 12), np.full((), TOLERANCE))
    for name, shares, live, n, tolerance in (
        *((f"deciles, {n // 10:,} rows a bin", even, even, n, 0.0) for n in (50, 100, 400, 1000, 3000)),
        ("12 uneven categories, 1,000 rows", uneven, uneven, 1000, 0.0),
        ("the same, moved by the tolerance", uneven, away, 1000, TOLERANCE),
    ):
        multiples = tail_multiples(shares, live, n, tolerance, draws)
        line(name, *(f"{multiple:.1f}" for by_alpha in multiples for multiple in by_alpha))
        for *_, smaller in multiples:
            check(missed, smaller <= 2.5, f"the tail is {smaller:.1f} times too heavy with {name}")


def tail_multiples(shares: Array, live: Array, n: int, tolerance: float, draws: int) -> list[list[float]]:
    draw = np.random.default_rng(3)
    m, unit = 20 * n, 1 / n + 1 / (20 * n)
    alphas_tried = (1e-4, 1e-5)
    (*critical,) = unit * tail_inverse(
        np.array(alphas_tried), np.full(2, len(shares) - 1.0), np.full(2, tolerance / unit)
    )
    over = np.zeros((2, 3))
    for _ in range(max(draws // 200_000, 1)):
        before, after = draw.multinomial(m, shares, 200_000) / m, draw.multinomial(n, live, 200_000) / n
        index, likelihood = psi(before, after, m=m, n=n), likelihood_psi(before, after, m=m, n=n)
        for row, bar in enumerate(critical):
            over[row] += [(found > bar).sum() for found in (index, likelihood, np.minimum(index, likelihood))]
    tried = max(draws // 200_000, 1) * 200_000
    return (over / tried / np.array(alphas_tried)[:, None]).tolist()


def season(world: World) -> None:
    """How far hours are from the whole although nothing drifts."""
    weight = world.volume / world.volume.sum()
    whole = np.einsum("h,chb->cb", weight, world.shares)
    far = index(world.shares, whole[:, None, :])
    title("The season of the simulated columns: PSI of one hour's true shares against the whole reference")
    line("column", "median hour", "largest hour")
    for name, column in (
        ("calmest", np.argmin),
        ("median", lambda x: np.argsort(x)[len(x) // 2]),
        ("wildest", np.argmax),
    ):
        place = int(column(far.max(axis=1)))
        line(name, f"{np.median(far[place]):.2f}", f"{far[place].max():.2f}")
    line("columns with an hour above 0.2", f"{(far.max(axis=1) > 0.2).sum()} of {len(far)}")


def quiet_years(
    world: str, years: int, spread_over: Callable[..., Iterator[dict[str, int]]], missed: list[str]
) -> None:
    title(f"{years} years without drift, {world}: false alarms a year, of 1 allowed")
    found = list(spread_over(partial(quiet_year, world), range(years)))
    line("span", "judgements", "allowed", "false alarms", "worst year")
    total = 0.0
    for span, seconds in spans_of(HOUR).items():
        alarms = [year[span] for year in found]
        total += sum(alarms) / years
        line(span, f"{WEEKS_A_YEAR * WEEK // seconds}", f"{1 / 3:.2f}", f"{sum(alarms) / years:.3f}", f"{max(alarms)}")
    line("all", "", "1.00", f"{total:.3f}", f"{max(sum(year.values()) for year in found)}")
    check(missed, total <= 1, f"{total:.2f} false alarms a year with {world}")


def quiet_year(kind: str, seed: int) -> dict[str, int]:
    """The judgements of one year, with a reference of its own of four to eight weeks, that found something."""
    draw = np.random.default_rng([WORLDS.index(kind), seed])
    world = make_world(seasonal=True)
    reference = make_reference(world, kind, int(draw.integers(4, 9)), draw)
    if kind == AT_TOLERANCE:
        for column in range(len(world.shares)):
            world = shifted(world, column, TOLERANCE)
    rules = rules_of_a_year()
    found = dict.fromkeys(rules, 0)
    for quarter in range(4):
        hours = WEEKS_A_YEAR // 4 * HOURS_A_WEEK
        counts = draw_hours(world, kind, hours, draw)
        for span, rule in rules.items():
            found[span] += int(alarms(reference, counts, rule, begin=quarter * hours).any(axis=1).sum())
    return found


def delays(shifts: int, spread_over: Callable[..., Iterator[tuple[float, bool]]], missed: list[str]) -> None:
    title(f"Delay until a shift in one of {NUMBERS + len(CATEGORIES)} columns is found, {shifts} of each size, hours")
    line("size", "found", "median", "p90", "in time", "", "stated: by")
    for number, (name, (_, stated)) in enumerate(SIZES.items()):
        found = list(spread_over(partial(shifted_weeks, name), range(1000 * number, 1000 * number + shifts)))
        hours = np.array([delay for delay, _ in found])
        in_time = float(np.mean([punctual for _, punctual in found]))
        line(
            name,
            f"{np.isfinite(hours).mean():.0%}",
            f"{np.median(hours):.0f}",
            f"{np.quantile(hours, 0.9, method='higher'):.0f}",
            f"{in_time:.0%}",
            "",
            stated,
        )
        check(missed, in_time >= 0.9, f"{in_time:.0%} of the {name.partition(',')[0]} shifts were found in time")


def shifted_weeks(size: str, seed: int) -> tuple[float, bool]:
    """Hours until a shift at a random hour was found, and whether by what is stated."""
    draw = np.random.default_rng([7, seed])
    world = make_world(seasonal=True)
    reference = make_reference(world, STILL, int(draw.integers(4, 9)), draw)
    column, begin = int(draw.integers(NUMBERS + len(CATEGORIES))), int(draw.integers(HOURS_A_WEEK))
    moved = shifted(world, column, draw.uniform(*SIZES[size][0]))
    hours = 3 * HOURS_A_WEEK
    counts = draw_hours(world, STILL, hours, draw)
    counts[begin:, column] = draw_hours(moved, STILL, hours, draw)[begin:, column]
    first = np.inf
    for span, rule in rules_of_a_year().items():
        length = spans_of(HOUR)[span] // HOUR
        ends = length * (1 + np.flatnonzero(alarms(reference, counts, rule)[:, column]))
        first = min([first, *(float(end) for end in ends if end > begin)])
    return first - begin, first <= stated_end(size, begin, counts[:, 0].sum(axis=1))


def stated_end(size: str, begin: int, rows: Array) -> float:
    """The hour by which a shift that began at `begin` is to be found."""
    if size.startswith("large"):
        return float(begin + 1 + np.flatnonzero(rows[begin:] >= FULL_WINDOW)[1])
    return float((begin // 24 + 2) * 24 if size.startswith("medium") else (begin // HOURS_A_WEEK + 2) * HOURS_A_WEEK)


def other_rules(years: int, spread_over: Callable[..., Iterator[dict[str, NDArray[np.int64]]]]) -> None:
    title(f"What other rules say of {years} such years without drift, hour by hour against the whole reference, a year")
    line("rule", "column alarms", "hours alarmed", "no season:", "column alarms", "hours alarmed")
    found = {seasonal: list(spread_over(partial(by_other_rules, seasonal), range(years))) for seasonal in (True, False)}
    for rule in found[True][0]:
        figures = [np.mean([year[rule] for year in found[seasonal]], axis=0) for seasonal in (True, False)]
        line(
            rule, f"{figures[0][0]:,.0f}", f"{figures[0][1]:,.0f}", "", f"{figures[1][0]:,.0f}", f"{figures[1][1]:,.0f}"
        )


def by_other_rules(seasonal: bool, seed: int) -> dict[str, NDArray[np.int64]]:
    """For each rule how many columns, and how many hours, it would have called drifted in a year."""
    draw = np.random.default_rng([9, seed])
    world = make_world(seasonal=seasonal)
    reference = draw_hours(world, STILL, 6 * HOURS_A_WEEK, draw).sum(axis=0)
    found: dict[str, NDArray[np.int64]] = {}
    for _ in range(4):
        live = draw_hours(world, STILL, WEEKS_A_YEAR // 4 * HOURS_A_WEEK, draw)
        for rule, drifted in verdicts_of_others(reference, live):
            hours = drifted if drifted.ndim == 1 else drifted.any(axis=1)
            found[rule] = found.get(rule, np.zeros(2, dtype=np.int64)) + np.array([drifted.sum(), hours.sum()])
    return found


def verdicts_of_others(reference: Array, live: Array) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Name and verdict, (hours, columns), of common rules; formulas as their documentation gives them."""
    m, n = reference.sum(axis=1), live.sum(axis=2)
    before, after = (reference / m[:, None])[None], live / n[:, :, None]
    filled = [np.where(shares > 0, shares, 1e-4) for shares in (before, after)]
    yield "PSI > 0.2", ((filled[1] - filled[0]) * np.log(filled[1] / filled[0]) * (before > 0)).sum(axis=2) > 0.2
    numeric = np.arange(live.shape[1]) < NUMBERS
    gap = np.abs(np.cumsum(after - before, axis=2))
    ks = kolmogorov(gap.max(axis=2) * np.sqrt(n * m / (n + m)))
    wanted = before * n[:, :, None]
    squares = np.divide((live - wanted) ** 2, wanted, out=np.zeros_like(live), where=wanted > 0).sum(axis=2)
    chi = chdtrc((before > 0).sum(axis=2) - 1.0, squares)
    yield "KS or chi-square, p < 0.05", np.where(numeric, ks, chi) < 0.05
    middles = ndtri((np.arange(10) + 0.5) / 10)  # values of the deciles' middles, if the column is normal
    distance = (gap[:, :, :9] * np.diff(middles)).sum(axis=2) / np.std(middles)
    mean = (before + after) / 2
    divergence = [np.where(s > 0, s * np.log(np.where(s > 0, s, 1) / np.where(mean > 0, mean, 1)), 0) for s in (before + 0 * after, after)]  # fmt: skip
    jensen = np.sqrt(np.maximum((divergence[0] + divergence[1]).sum(axis=2) / 2, 0))
    by_column = np.where(numeric, distance, jensen) >= 0.1
    yield "Wasserstein/std or JS >= 0.1", by_column
    yield "  of half the columns", by_column.mean(axis=1) >= 0.5


def rules_of_a_year() -> dict[str, DriftRule]:
    budget = alphas(HOUR, 1 / YEAR_DAYS)
    return {span: DriftRule(span=span, alpha=alpha, tolerance=TOLERANCE) for span, alpha in budget.items()}


def alarms(reference: Reference, counts: Array, rule: DriftRule, *, begin: int = 0) -> NDArray[np.bool_]:
    """Which columns drifted in each whole span of these hours, judged as the monitor does. begin: hours since Monday."""
    length = spans_of(HOUR)[rule.span] // HOUR
    spans = len(counts) // length
    hours = np.arange(begin, begin + spans * length) % HOURS_A_WEEK
    rows = np.zeros((spans, HOURS_A_WEEK))
    np.add.at(rows, (np.arange(spans * length) // length, hours), counts[: spans * length, 0].sum(axis=1))
    summed = counts[: spans * length].reshape(spans, length, *counts.shape[1:]).sum(axis=1)
    parts = [slice(at, at + 512) for at in range(0, spans, 512)]
    return np.concatenate([judge_spans(reference, summed[part], rows[part], rule)[1] for part in parts])


def make_world(*, seasonal: bool) -> World:
    """The same twenty columns each time: deciles and Zipf's categories, tilted by hour and on weekends."""
    draw = np.random.default_rng(20)
    hours = np.arange(HOURS_A_WEEK)
    volume = NIGHT + (NOON - NIGHT) * (0.5 - 0.5 * np.cos(2 * np.pi * (hours % 24 - 1) / 24)) ** 1.5
    volume = volume * np.where(hours >= 5 * 24, 0.7, 1.0)
    bases = [np.full(10, 0.1)] * NUMBERS + [(z := 1 / np.arange(1, k + 1.0)) / z.sum() for k in CATEGORIES]
    width = max(map(len, bases)) + 2
    shares = np.zeros((len(bases), HOURS_A_WEEK, width))
    directions = np.zeros((len(bases), width))
    for place, base in enumerate(bases):
        lean = np.linspace(-1, 1, len(base)) if place < NUMBERS else draw.permutation(np.linspace(-1, 1, len(base)))
        daily, weekend = (draw.uniform(0.1, 1.0), draw.uniform(0, 0.5)) if seasonal else (0.0, 0.0)
        tilt = daily * np.sin(2 * np.pi * (hours + draw.integers(24)) / 24) + weekend * (hours >= 5 * 24)
        shares[place, :, : len(base)] = normal(base * np.exp(np.outer(tilt, lean)))
        directions[place, : len(base)] = lean
    shares[::3] *= 0.98  # every third column lacks 2 % of its values: the last bin is theirs
    missing = np.array([len(base) + (1 if place >= NUMBERS else 0) for place, base in enumerate(bases)])
    for place in range(0, len(bases), 3):
        shares[place, :, missing[place]] = 0.02
    return World(shares=shares, volume=volume, directions=directions)


def shifted(world: World, column: int, size: float) -> World:
    """The world with one column tilted so that its PSI is `size` in every hour."""
    shares = world.shares.copy()
    shares[column] = tilted(world.shares[column], world.directions[column], np.full(HOURS_A_WEEK, size))
    return World(shares=shares, volume=world.volume, directions=world.directions)


def tilted(shares: Array, direction: Array, size: Array) -> Array:
    """Shares tilted in a direction until their PSI is of this size."""
    low, high = np.zeros(size.shape), np.full(size.shape, 20.0)
    moved = shares
    for _ in range(50):
        middle = (low + high) / 2
        moved = normal(shares * np.exp(middle[..., None] * direction))
        less = index(moved, shares) < size
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return moved


def draw_hours(world: World, kind: str, hours: int, draw: np.random.Generator) -> Array:
    """Counts of so many hours from a Monday on, (hours, columns, bins)."""
    when = np.arange(hours) % HOURS_A_WEEK
    rows = draw.poisson(world.volume[when]) + 1
    counts = np.zeros((hours, *world.shares[:, 0].shape))
    for column, shares in enumerate(world.shares):
        hourly = shares[when]
        if kind == DAYS:
            lean = world.directions[column] / np.std(world.directions[column][hourly[0] > 0])
            effect = draw.normal(scale=np.sqrt(DAY_PSI), size=hours // 24 + 1)[np.arange(hours) // 24]
            hourly = normal(hourly * np.exp(np.outer(effect, lean)))
        used = np.flatnonzero(hourly.sum(axis=0))
        if kind == CUSTOMERS:
            counts[:, column, used] = repeated(rows, hourly[:, used], draw)
        else:
            counts[:, column, used] = draw.multinomial(rows, hourly[:, used])
    return counts


def repeated(rows: NDArray[np.int64], shares: Array, draw: np.random.Generator) -> Array:
    """Rows of customers who send one, five or nine of the same kind within the hour."""
    sizes = np.array([1, ROWS_A_CUSTOMER, 2 * ROWS_A_CUSTOMER - 1])
    customers = draw.multinomial(np.maximum(rows // ROWS_A_CUSTOMER, 1), np.full(len(sizes), 1 / len(sizes)))
    counts = sum(size * draw.multinomial(customers[:, at], shares) for at, size in enumerate(sizes)).astype(float)
    left = rows - counts.sum(axis=1).astype(np.int64)
    counts += draw.multinomial(np.maximum(left, 0), shares)  # so that each column has the hour's rows, or more
    over = np.maximum(-left, 0)
    for hour in np.flatnonzero(over):
        counts[hour] -= draw.multivariate_hypergeometric(counts[hour].astype(np.int64), over[hour])
    return counts


def make_reference(world: World, kind: str, weeks: int, draw: np.random.Generator) -> Reference:
    """Profiles of so many weeks, from their hours' counts as `profile_of` makes them."""
    hours = weeks * HOURS_A_WEEK
    counts = draw_hours(world, kind, hours, draw).astype(np.int64)
    moments = MONDAY_S + HOUR * np.arange(hours, dtype=np.int64)
    phases = np.arange(hours) % HOURS_A_WEEK
    return reference_of([profile(f"x{place}", counts[:, place], moments, phases) for place in range(counts.shape[1])])


def profile(
    name: str, cells: NDArray[np.int64], moments: NDArray[np.int64], phases: NDArray[np.int64]
) -> ColumnProfile:
    by_phase = np.zeros((HOURS_A_WEEK, cells.shape[1]), dtype=np.int64)
    np.add.at(by_phase, phases, cells)
    return ColumnProfile(
        name=name,
        kind="categorical",
        rows=int(cells.sum()),
        missing=0,
        low=None,
        high=None,
        categories=tuple(map(str, range(cells.shape[1] - 2))),
        counts=tuple(cells.sum(axis=0).tolist()),
        phases=tuple(map(tuple, by_phase.tolist())),
        spread=spreads(cells, moments, phases, spans=spans_of(HOUR), clustered={}),
    )


def index(one: Array, other: Array) -> Array:
    """PSI of true shares."""
    there = (one > 0) & (other > 0)
    ratio = np.where(there, one, 1) / np.where(there, other, 1)
    return ((one - other) * np.log(ratio)).sum(axis=-1)


def normal(shares: Array) -> Array:
    return shares / shares.sum(axis=-1, keepdims=True)


def check(missed: list[str], held: bool, otherwise: str) -> None:
    if not held:
        missed.append(otherwise)


def title(text: str) -> None:
    print(f"\n{text}", flush=True)


def line(first: str, *cells: str) -> None:
    print(f"  {first:<34}" + "".join(f"{cell:>15}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
