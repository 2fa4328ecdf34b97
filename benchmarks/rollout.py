"""What the tests of a rollout really do, looked at all the time: simulated rollouts through the shipped code.

Run `make bench-rollout` (two or three minutes). Each line says what came out, what the design expects of it, and within
which tolerance; it ends with status 1 when a line has missed its own. `--quick` takes few replicates, so its figures
are coarse and its status always 0.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, ndtr

from plimsoll.kernel.histogram import RATIO, buckets_apart
from plimsoll.rollout.sequential import (
    BETS,
    log_bar,
    log_e_added_errors_path,
    log_e_errors_path,
    log_e_latency_path,
    log_e_split_path,
)

Floats = NDArray[np.float64]
Counts = NDArray[Any]
Cells = Callable[[int], tuple[Floats, Floats]]
Paths = Callable[[NDArray[np.intp], slice], Floats]

RAMP = ((0.01, 20_000), (0.05, 20_000), (0.25, 40_000), (0.5, 80_000))
"""The ramp of the acceptance table: the candidate's share, and how many requests have it."""
SHARES = np.array([share for share, _ in RAMP])
ENDS = np.cumsum([requests for _, requests in RAMP])
SWING, PERIOD = 0.5, 10_000
"""The base rate swings by half around its mean, once in so many requests: whole swings in each stage."""
BAR = log_bar(0.05)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    replicates = 60 if options.quick else options.replicates
    began = time.monotonic()
    table = Table()
    table.heading(f"Errors: alpha 5 %, looked at after each error ({replicates:,} replicates)")
    peeking(table, replicates)
    ramps_without_harm(table, replicates)
    hanging(table, replicates)
    ramps_with_harm(table, replicates)
    errors_to_verdict(table, replicates)
    table.heading(
        "Latency: p99, lognormal with sigma .5, buckets of 2 %, alpha 5 %, looked at every 500 or 1,000 requests"
    )
    latency(table, max(replicates // 2, 50))
    table.heading("Split: alpha 0.1 %, looked at every 100 requests")
    split(table, replicates)
    table.heading("Enough seen: at most 0.5 % added errors, alpha 5 %, looked at every 20 requests of the candidate")
    enough(table, replicates)
    print(f"\n{table.missed} missed; {time.monotonic() - began:.0f} s", flush=True)
    return 1 if table.missed and not options.quick else 0


@dataclass(slots=True)
class Table:
    """Prints its lines as they come, and counts those that missed."""

    missed: int = 0
    names: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        print(f"\n{text}\n  {'':<68}{'measured':>10}{'expected':>14}{'tolerance':>18}", flush=True)

    def line(self, name: str, measured: float, expected: str, between: tuple[float, float] | None, form: str) -> None:
        """`between`: the lowest and highest figure that is right; None for a line that only explains another."""
        self.names.append(name)
        if between is None:
            shown, finding = "", "-"
        else:
            fits = between[0] <= measured <= between[1]
            self.missed += not fits
            shown = f"{show(between[0], form)} to {show(between[1], form)}"
            finding = "ok" if fits else "MISSED"
        print(f"  {name:<68}{show(measured, form):>10}{expected:>14}{shown:>18}  {finding}", flush=True)

    def rate(self, name: str, measured: float, expected: str, *, at_most: float, at_least: float = 0.0) -> None:
        self.line(name, measured, expected, (at_least, at_most), ".2%" if at_most < 0.01 else ".1%")

    def near(self, name: str, measured: float, expected: float, *, within: float = 0.15) -> None:
        spread = max(within * expected, 1)
        self.line(name, measured, f"{expected:,.0f}", (expected - spread, expected + spread), ",.0f")

    def soon(self, name: str, measured: float, expected: str, *, by: float) -> None:
        self.line(name, measured, expected, (0, by), ",.0f")

    def remark(self, name: str, measured: float, form: str = ".1%") -> None:
        self.line(name, measured, "", None, form)


# Errors.


def peeking(table: Table, replicates: int) -> None:
    """The share of errors that are the candidate's, judged after every error by a z-test and by the e-process."""
    steps = np.arange(1, 4001)
    for share in (0.5, 0.1, 0.01):
        ours = np.cumsum(np.random.default_rng(1).random((replicates, len(steps))) < share, axis=1)
        z = (ours - steps * share) / np.sqrt(steps * share * (1 - share))
        crossed = ended(first_crossing(replicates, len(steps), fixed_split(ours, share), bar=BAR))
        if share == 0.5:
            peeked = float((z[:, 9:] > 1.6449).any(axis=1).mean())
            table.rate(
                "z-test of 5 %, no harm, p = .5, peeked from 10 errors", peeked, "45 %", at_least=0.4, at_most=0.5
            )
        table.rate(f"e-process, no harm, p = {share}, 4,000 errors", crossed, "2-4 %", at_most=0.05)


def ramps_without_harm(table: Table, replicates: int) -> None:
    for ratio, expected in ((1.0, "2.4 %"), (1.2, "3.4 %")):
        ends = list(ramps(np.random.default_rng(2), replicates, base=0.01, ratio=ratio, tolerated=ratio))
        name = f"ramp 1-5-25-50 %, swinging base of 1 %, r = r0 = {ratio}"
        table.rate(name, ended(end.errors for end in ends), expected, at_most=0.05)


def hanging(table: Table, replicates: int) -> None:
    """Two equal arms, 1 % of whose requests hang for ten seconds: 300 a second, 25 % to the candidate, deadline 1 s.

    A candidate is given up at its deadline, a champion is not. Looked at every half second of the first half minute.
    """
    draw = np.random.default_rng(10)
    looks, every_s, share = 60, 0.5, 0.25
    errors = draw.binomial(round(300 * every_s), 0.01, (replicates, looks))
    ours = draw.binomial(errors, share)

    def known(counts: Counts, *, after_s: float) -> Counts:
        """At each look, what arrived so long ago or longer."""
        late = round(after_s / every_s)
        shifted: Counts = np.pad(np.cumsum(counts, axis=1), ((0, 0), (late, 0)))[:, :looks]
        return shifted

    def taken_back(candidate: Counts, champion: Counts) -> float:
        path = log_e_errors_path([share], candidate[..., None], (candidate + champion)[..., None], ratio=1.2)
        return float((path >= BAR).any(axis=1).mean())

    theirs = errors - ours
    due = taken_back(known(ours, after_s=1), known(theirs, after_s=1))
    table.rate("equal arms, 1 % of requests hang for 10 s, known when due", due, "<= 5 %", at_most=0.05)
    table.remark(
        "  had each been counted when it was done", taken_back(known(ours, after_s=1), known(theirs, after_s=10))
    )


def ramps_with_harm(table: Table, replicates: int) -> None:
    """How many errors and requests of the candidate it takes; a ramp that ends without a verdict counts as endless."""
    for base, ratio, errors, requests in (
        (0.01, 2.0, 20, 969),
        (0.01, 3.0, 9, 239),
        (0.01, 5.0, 5, 70),
        (0.01, 1.5, 75, 5456),
        (0.001, 3.0, 10, 2637),
    ):
        ends = list(ramps(np.random.default_rng(3), replicates, base=base, ratio=ratio, tolerated=1.0))
        name = f"ramp, base {base:.1%}, r = {ratio}: median candidate"
        table.soon(
            f"{name} errors", median(end.errors for end in ends), f"{errors:,}", by=max(1.15 * errors, errors + 1)
        )
        table.soon(f"{name} requests", median(end.requests for end in ends), f"{requests:,}", by=1.15 * requests)
    ends = list(ramps(np.random.default_rng(3), replicates, base=0.001, ratio=1.5, tolerated=1.0))
    found = ended(end.errors for end in ends)
    table.rate("ramp, base 0.1%, r = 1.5: power", found, "43 %", at_least=0.38, at_most=0.48)


@dataclass(frozen=True, slots=True)
class End:
    """Where a ramp was stopped for harm; infinite counts when it never was."""

    errors: float
    requests: float


def ramps(draw: np.random.Generator, replicates: int, *, base: float, ratio: float, tolerated: float) -> Iterator[End]:
    """Ramps through the shipped test; only errors are simulated, as nothing else can move it."""
    for begin in range(0, replicates, 100):
        rows = min(100, replicates - begin)
        at, ours = ramp_errors(draw, rows, base=base, ratio=ratio)
        stage = np.searchsorted(ENDS, at, side="left")[..., None] == np.arange(len(RAMP))
        total, candidate = np.cumsum(stage, axis=1), np.cumsum(stage & ours[..., None], axis=1)

        path = error_paths(SHARES, candidate, total, tolerated=tolerated)
        for row, step in enumerate(first_crossing(rows, at.shape[1], path, bar=BAR)):
            if not np.isfinite(step):
                yield End(errors=np.inf, requests=np.inf)
                continue
            passed = np.diff(np.minimum(at[row, int(step) - 1], ENDS), prepend=0)
            yield End(
                errors=float(candidate[row, int(step) - 1].sum()), requests=float(draw.binomial(passed, SHARES).sum())
            )


def ramp_errors(draw: np.random.Generator, rows: int, *, base: float, ratio: float) -> tuple[Counts, NDArray[np.bool_]]:
    """At which requests errors happen, and whether they are the candidate's; shape (rows, most errors of any row).

    Drawn by thinning: candidates for errors come at the highest rate there is. Rows with fewer errors end with
    requests behind the ramp's end, which belong to no stage.
    """
    highest = base * (1 + SWING) * (1 + SHARES.max() * (ratio - 1))
    mean = ENDS[-1] * highest
    at = np.cumsum(draw.geometric(highest, (rows, int(mean + 6 * np.sqrt(mean) + 10))), axis=1)
    share = SHARES[np.minimum(np.searchsorted(ENDS, at, side="left"), len(RAMP) - 1)]
    rate = base * (1 + SWING * np.sin(2 * np.pi * at / PERIOD)) * (1 + share * (ratio - 1))
    happened = (draw.random(at.shape) * highest < rate) & (at <= ENDS[-1])
    ours = draw.random(at.shape) < share * ratio / (1 + share * (ratio - 1))
    order = np.argsort(~happened, axis=1, kind="stable")[:, : happened.sum(axis=1).max()]
    kept = np.take_along_axis(happened, order, axis=1)
    return np.where(kept, np.take_along_axis(at, order, axis=1), ENDS[-1] + 1), np.take_along_axis(ours, order, axis=1)


def errors_to_verdict(table: Table, replicates: int) -> None:
    """At a fixed split: the one-sided Beta form of the design's table, and the shipped test beside it."""
    for share, ratio, half, ninth, most in (
        (0.5, 2.0, 55, 121, 1500),
        (0.5, 1.5, 142, 357, 4000),
        (0.1, 2.0, 97, 248, 2500),
        (0.1, 1.5, 337, 879, 8000),
        (0.01, 3.0, 240, 705, 6000),
    ):
        chance = share * ratio / (1 + share * (ratio - 1))
        ours = np.cumsum(np.random.default_rng(4).random((replicates, most)) < chance, axis=1)
        crossed = ours >= least_candidate_errors(share, most, prior=10)
        beta = np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 1, np.inf)
        shipped = first_crossing(replicates, most, fixed_split(ours, share), bar=BAR)
        name = f"errors to verdict, p = {share}, r = {ratio}"
        table.near(f"{name}, Beta k=10: median", median(beta), half)
        table.near(f"{name}, Beta k=10: 90 %", quantile(beta, 0.9), ninth)
        table.remark("  the shipped grid, which survives a ramp: median", median(shipped), ",.0f")
        table.remark("  90 %", quantile(shipped, 0.9), ",.0f")


def error_paths(shares: Floats, candidate: Counts, total: Counts, *, tolerated: float) -> Paths:
    """The shipped test at every moment; candidate, total: shape (rows, moments, stages)."""
    return lambda alive, part: log_e_errors_path(shares, candidate[alive, part], total[alive, part], ratio=tolerated)


def fixed_split(ours: Counts, share: float) -> Paths:
    """The shipped test after each error at one share; ours: the candidate's among the first, shape (rows, errors)."""
    total = np.broadcast_to(np.arange(1, ours.shape[1] + 1), ours.shape)
    return error_paths(np.array([share]), ours[..., None], total[..., None], tolerated=1.0)


def least_candidate_errors(share: float, most: int, *, prior: float) -> Floats:
    """For 1 to `most` errors, how many must be the candidate's for the one-sided Beta form of Lindon & Malek to cross.

    Found by halving, as evidence grows with them; not shipped, since it does not survive a change of the share.
    """
    total = np.arange(1, most + 1, dtype=np.float64)
    a, b = prior * share, prior * (1 - share)
    low, high = np.floor(total * share), total + 1
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        alike = middle * np.log(share) + (total - middle) * np.log1p(-share)
        larger = 1 - betainc(a + middle, b + total - middle, share)
        with np.errstate(divide="ignore"):
            log_e = betaln(a + middle, b + total - middle) + np.log(larger)
        log_e -= betaln(a, b) + np.log(1 - betainc(a, b, share)) + alike
        high, low = np.where(log_e >= BAR, middle, high), np.where(log_e >= BAR, low, middle)
    return high


# Latency.


def latency(table: Table, replicates: int) -> None:
    usual = lognormal_cells(0.05)
    slower, tail = lognormal_cells(0.075), 0.95 * usual + 0.05 * lognormal_cells(0.15)
    for share, split_name in ((0.5, "50/50"), (0.1, "10/90")):
        never = latency_verdicts(replicates, share, lambda _: (usual, usual), looks=20, every=1000)
        table.rate(f"no harm, {split_name}, 20,000 requests", ended(never), "0 of 600", at_most=0.05)
    tolerated = lognormal_cells(0.05 * 1.2)
    never = latency_verdicts(replicates, 0.5, lambda _: (usual, tolerated), looks=20, every=1000, ratio=1.2)
    table.rate("all 1.2x slower and 1.2x tolerated, 50/50", ended(never), "0 %", at_most=0.05)
    loads = [lognormal_cells(0.05 * (1 + 0.4 * np.sin(look / 2))) for look in range(20)]
    never = latency_verdicts(replicates, 0.1, lambda look: (loads[look], loads[look]), looks=20, every=1000)
    table.rate("no harm, 10/90, all times swing by 40 % together", ended(never), "0 %", at_most=0.05)
    for name, cells, share, expected, by in (
        ("p99 +50 %, 50/50: median requests", slower, 0.5, "2,500-3,000", 3000),
        ("p99 +50 %, 10/90: median requests", slower, 0.1, "3,000-4,000", 4000),
        ("5 % of requests 3x slower, 50/50: median requests", tail, 0.5, "3,000-4,000", 4000),
        ("5 % of requests 3x slower, 10/90: median requests", tail, 0.1, "7,000-10,000", 10_000),
    ):
        found = latency_verdicts(replicates, share, lambda _, cells=cells: (usual, cells), looks=40)  # type: ignore[misc]
        table.soon(name, median(found), expected, by=by)


FASTEST_S, CELLS = 0.02, 200
"""Buckets are simulated from 20 ms, below which 3 % lie, to 1 s; what lies outside falls into the outermost."""


def lognormal_cells(median_s: float, *, sigma: float = 0.5) -> Floats:
    """The chance of each simulated bucket."""
    edges = np.log(FASTEST_S) + np.log(RATIO) * np.arange(1, CELLS)
    reached: Floats = ndtr((edges - np.log(median_s)) / sigma)
    return np.diff(reached, prepend=0, append=1)


def latency_verdicts(
    replicates: int,
    share: float,
    cells: Cells,
    *,
    looks: int,
    every: int = 500,
    ratio: float = 1.0,
) -> Floats:
    """After how many requests the candidate is called slower; infinite when it never is.

    cells: the chances of the champion's and the candidate's buckets from each look to the next.
    """
    draw = np.random.default_rng(5)
    chunks = range(0, replicates, 50)  # as many as stay in the processor's cache
    return np.concatenate([latency_chunk(draw, share, cells, looks, every, buckets_apart(ratio)) for _ in chunks])


def latency_chunk(draw: np.random.Generator, share: float, cells: Cells, looks: int, every: int, apart: int) -> Floats:
    alive, found = np.arange(50), np.full(50, np.inf)
    champion, candidate = np.zeros((50, CELLS)), np.zeros((50, CELLS))
    until_cell = np.minimum(np.arange(CELLS + 1) + apart, CELLS - 1)
    for look in range(looks):
        ours = draw.binomial(every, share, len(alive))
        usual, other = cells(look)
        champion[alive] += draw.multinomial(every - ours, usual)
        candidate[alive] += draw.multinomial(ours, other)
        reached, until = champion[alive].cumsum(axis=1), candidate[alive].cumsum(axis=1)
        log_e = log_e_latency_path(
            np.concatenate([np.zeros((len(alive), 1)), reached], axis=1),
            until[:, until_cell],
            champion=reached[:, -1],
            candidate=until[:, -1],
            quantile=0.99,
        )
        found[alive[log_e >= BAR]] = float(every * (look + 1))
        alive = alive[log_e < BAR]
    return found


# The split.


def split(table: Table, replicates: int) -> None:
    for share in (0.5, 0.05, 0.01):
        found = split_verdicts(5 * replicates, share, share, looks=500)
        table.rate(f"split as it should be, {share:.0%}, 50,000 requests", ended(found), "<= 0.1 %", at_most=0.001)
    for share, true, expected in ((0.5, 0.48, 10_500), (0.05, 0.04, 7500), (0.01, 0.008, 41_000)):
        found = split_verdicts(replicates // 2, share, true, looks=1500)
        name = f"{share:.0%} intended, {true:.1%} sent: median requests until noticed"
        table.near(name, median(found), expected, within=0.2)
    table.remark("counting each request of sticky callers with 10 on average, 5 %", sticky_requests(replicates))


def split_verdicts(replicates: int, share: float, true: float, *, looks: int) -> Floats:
    draw = np.random.default_rng(6)
    total = 100 * np.arange(1, looks + 1)
    found = []
    for begin in range(0, replicates, 500):
        ours = np.cumsum(draw.binomial(100, true, (min(500, replicates - begin), looks)), axis=1)
        found.append(100 * first_crossing(len(ours), looks, split_paths(ours, total, share), bar=log_bar(0.001)))
    return np.concatenate(found)


def split_paths(ours: Counts, total: Counts, share: float) -> Paths:
    return lambda alive, part: log_e_split_path(
        ours[alive, part], np.broadcast_to(total, ours.shape)[alive, part], share=share
    )


def sticky_requests(replicates: int) -> float:
    """How often a sound split looks broken when requests are counted although callers stick: why units are counted."""
    draw = np.random.default_rng(7)
    rows = min(replicates, 200)
    requests = draw.geometric(0.1, (rows, 5000))
    sent = requests * (draw.random(requests.shape) < 0.05)
    log_e = log_e_split_path(np.cumsum(sent, axis=1), np.cumsum(requests, axis=1), share=0.05)
    return float((log_e >= log_bar(0.001)).any(axis=1).mean())


# Enough seen.

ADDED = 0.005


def enough(table: Table, replicates: int) -> None:
    """How many of its requests a healthy candidate needs in a stage, and how often a harmful one slips through."""
    for base, stated, ninth in ((0.0, 950, 950), (0.001, 1700, 2600), (0.01, 6500, 13_000)):
        found = advances(replicates, share=0.05, base=lambda _, base=base: base, added=0.0, looks=1500)  # type: ignore[misc]
        derived = f"{requests_needed(base, 0.05):,.0f}"
        name = f"healthy, base {base:.1%}, share 5 %"
        table.soon(f"{name}: median requests to advance", median(found), derived, by=stated)
        table.soon(f"{name}: 90 % have advanced by", quantile(found, 0.9), "", by=ninth)
    moving: tuple[tuple[str, Callable[[float], float]], ...] = (
        ("a swinging base of 1 %", lambda part: 0.01 * (1 + SWING * np.sin(40 * part))),
        ("a base that falls from 2 to 0.5 %", lambda part: 0.02 if part < 0.5 else 0.005),
    )
    for name, swinging in moving:
        found = advances(replicates, share=0.05, base=swinging, added=ADDED, looks=1000)
        table.rate(f"adds just 0.5 % to {name}: lets it advance", ended(found), "<= 5 %", at_most=0.05)
        stages, pooled = ramp_advances(min(replicates, 1000), swinging)
        table.rate("  over all stages of the ramp", stages, "<= 5 %", at_most=0.05)
        table.remark("  had the arms' pooled rates been compared instead", pooled)


def requests_needed(base: float, share: float) -> float:
    """How many of its requests bring a healthy candidate's mean evidence to the bar: about
    (log(1/alpha) + what averaging over bets costs) / (what the best bet gains with one of its requests).
    """
    stake = BETS / (1 / share - ADDED)
    gain = base * np.log1p(-BETS)
    gain += base * (1 - share) / share * np.log1p(stake * (ADDED + 1 / (1 - share)))
    gain += (1 / share) * (1 - base) * np.log1p(stake * ADDED)
    grid = np.arange(100.0, 30_000.0)[:, None]
    return float(grid[np.log(np.exp(grid * gain).mean(axis=1)) >= BAR][0, 0])


def advances(replicates: int, *, share: float, base: Callable[[float], float], added: float, looks: int) -> Floats:
    """After how many candidate requests a stage has shown enough; `base` is a function of the part of it that is over."""
    draw = np.random.default_rng(8)
    step = round(20 / share)
    rates = np.array([base(look / looks) for look in range(looks)])
    ours = draw.binomial(step, share, (replicates, looks))
    counts = [ours, draw.binomial(ours, rates + added), step - ours, draw.binomial(step - ours, rates)]
    counts = [np.cumsum(each, axis=1)[..., None] for each in counts]
    found = first_crossing(
        replicates, looks, lambda alive, part: added_path([share], [each[alive, part] for each in counts]), bar=BAR
    )
    at = np.where(np.isfinite(found), found, 1).astype(int) - 1
    return np.where(np.isfinite(found), counts[0][np.arange(replicates), at, 0], np.inf)


def ramp_advances(replicates: int, base: Callable[[float], float]) -> tuple[float, float]:
    """How often 0.5 % of added errors are denied at any look of the ramp: by stages, and by the arms' pooled rates."""
    draw = np.random.default_rng(9)
    looks = 40
    stage = np.repeat(np.arange(len(RAMP)), looks)
    step = np.array([requests // looks for _, requests in RAMP])[stage]
    rates = np.array([base(part) for part in np.cumsum(step) / ENDS[-1]])
    ours = draw.binomial(step, SHARES[stage], (replicates, len(stage)))
    counts = [ours, draw.binomial(ours, rates + ADDED), step - ours, draw.binomial(step - ours, rates)]
    here = stage[:, None] == np.arange(len(RAMP))
    by_stage = [np.cumsum(each[..., None] * here, axis=1) for each in counts]
    denied = (added_path(SHARES, by_stage) >= BAR).any(axis=1).mean()
    candidate, lost, champion, missed = (np.cumsum(each, axis=1)[:, looks:].astype(float) for each in counts)
    gap = lost / candidate - missed / champion
    error = np.sqrt((lost + 1) / candidate**2 + (missed + 1) / champion**2)
    pooled = ((ADDED - gap) / error > 4).any(axis=1).mean()  # 4 standard errors: stricter than an e-process of 5 %
    return float(denied), float(pooled)


def added_path(shares: Floats | Sequence[float], counts: Sequence[Counts]) -> Floats:
    candidate, lost, champion, missed = counts
    return log_e_added_errors_path(
        shares, candidate=candidate, candidate_errors=lost, champion=champion, champion_errors=missed, added=ADDED
    )


# All of them.


def first_crossing(rows: int, steps: int, paths: Paths, *, bar: float) -> Floats:
    """For each row the first step, from 1, at which its path reaches the bar; infinite when it never does.

    Asks for blocks of moments that stay in the processor's cache, and only for rows that have not crossed before.
    """
    found = np.full(rows, np.inf)
    alive, begin = np.arange(rows), 0
    while begin < steps and len(alive):
        end = min(steps, begin + max(1, 10_000 // len(alive)))
        crossed = paths(alive, slice(begin, end)) >= bar
        has = crossed.any(axis=1)
        found[alive[has]] = begin + 1 + crossed[has].argmax(axis=1)
        alive, begin = alive[~has], end
    return found


def ended(steps: Iterable[float]) -> float:
    """The part of the rows that did not go on without end."""
    return float(np.isfinite(np.fromiter(steps, dtype=np.float64)).mean())


def median(values: Iterable[float]) -> float:
    return float(np.median(np.fromiter(values, dtype=np.float64)))


def quantile(values: Floats, share: float) -> float:
    return float(np.quantile(values, share, method="higher"))


def show(figure: float, form: str) -> str:
    return "never" if np.isinf(figure) else format(figure, form)


if __name__ == "__main__":
    sys.exit(main())
