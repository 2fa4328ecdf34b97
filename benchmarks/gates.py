"""What the gates' error rates really are: thousands of simulated holdouts through the shipped code.

Run `python benchmarks/gates.py` (a minute or two). Every line names what is asked, what theory or an independent
simulation expects, and what came out. Error rates belong here and not in tests: a rate needs thousands of replicates.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from plimsoll.gates.cases import Cases
from plimsoll.gates.checks import Evidence, Reference, Slice, check_gate
from plimsoll.gates.decide import verdict_finding
from plimsoll.gates.entities import Champion, CheckResult, Finding
from plimsoll.gates.intervals import estimate
from plimsoll.gates.metrics import METRICS
from plimsoll.gates.paired import improvement
from plimsoll.project.entities import Gate

ROWS, ACCURACY, CORRELATION, MARGIN = 2000, 0.85, 0.9, 0.01
CHAMPION = Champion(environment="production", release="model@1", digest="d", baseline=None)
BINARY = METRICS["binary_classification"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=2000)
    replicates = parser.parse_args().replicates
    report("paired non-inferiority: n 2,000, accuracy .85, latent error correlation .9, margin .01")
    noninferiority(replicates)
    report("slices: 20 of 200 rows each, unchanged model, independent errors")
    slices(max(replicates // 10, 100))
    report("coverage of 95 % intervals (one-sided bounds in brackets)")
    coverage(max(replicates // 4, 250))
    report("CPU seconds for a comparison on 50,000 rows")
    seconds()


def noninferiority(replicates: int) -> None:
    """Pass and fail rates by true difference, and how often a difference is seen at all with and without pairing."""
    gate = Gate(metric="accuracy", against="production", margin=MARGIN)
    line("true difference", "pass", "expected", "fail", "McNemar", "expected", "unpaired", "expected")
    for difference, passes, mcnemar, unpaired_power in (
        (0.0, "46 %", "5 %", ""),
        (0.01, "94 %", "33 %", "3 %"),
        (0.02, "", "87 %", "41 %"),
        (-0.01, "6 %", "", ""),
        (-0.03, "", "", ""),
    ):
        draw = np.random.default_rng(1)
        found: list[CheckResult] = []
        exact = unpaired = 0
        for _ in range(replicates):
            candidate, champion = correlated(draw, difference)
            (check,) = check_gate(gate, against(candidate, champion))
            found.append(check)
            exact += improvement(BINARY["accuracy"], candidate, champion, seed=1).mcnemar < 0.05  # type: ignore[attr-defined]
            unpaired += differs_unpaired(candidate, champion)
        line(
            f"{difference:+.2f}",
            share(found, Finding.PASS),
            passes,
            share(found, Finding.FAIL),
            f"{exact / replicates:.1%}",
            mcnemar,
            f"{unpaired / replicates:.1%}",
            unpaired_power,
        )


def slices(replicates: int) -> None:
    """How often an unchanged model is refused by Holm, and by the bare rule that no slice may drop by 5 %."""
    gate = Gate(metric="accuracy", against="production", margin=0.0, slices="all")
    draw = np.random.default_rng(2)
    group = np.repeat(np.arange(20), 200)
    parts = tuple(Slice(source="g", name=f"g = {value}", rows=group == value) for value in range(20))
    failed = dropped = 0
    for _ in range(replicates):
        candidate, champion = (with_mistakes(draw.random(len(group)) < 1 - ACCURACY) for _ in range(2))
        checks = check_gate(gate, against(candidate, champion, parts))
        failed += verdict_finding(checks) is Finding.FAIL
        dropped += any(candidate.only(p.rows).hit.mean() < 0.95 * champion.only(p.rows).hit.mean() for p in parts)
    line("refused as harm (Holm, at most 5 %)", f"{failed / replicates:.1%}")
    line("refused by 'no slice drops 5 %'", f"{dropped / replicates:.1%}")


def coverage(replicates: int) -> None:
    """How often intervals hold the truth; the truth is measured on two million rows."""
    large_one, large_other = scored(np.random.default_rng(9), 2_000_000)
    line("metric", "value", "of the difference", "(lower, upper)")
    for name in ("roc_auc", "average_precision", "accuracy", "recall", "precision", "f1", "balanced_accuracy", "brier"):
        metric = BINARY[name]
        truth = metric.value(large_one)
        gap = metric.sign * (truth - metric.value(large_other))
        draw = np.random.default_rng(3)
        alone = both = below = above = 0
        for turn in range(replicates):
            one, other = scored(draw, 1000)
            figure, difference = estimate(metric, one, seed=turn), improvement(metric, one, other, seed=turn)
            alone += figure.lower(0.975) <= truth <= figure.upper(0.975)
            both += difference.lower(0.975) <= gap <= difference.upper(0.975)
            below += difference.lower(0.95) <= gap
            above += difference.upper(0.95) >= gap
        rates = [f"{count / replicates:.1%}" for count in (alone, both, below, above)]
        line(name, rates[0], rates[1], f"({rates[2]}, {rates[3]})")


def seconds() -> None:
    one, other = scored(np.random.default_rng(4), 50_000)
    for name, metric in BINARY.items():
        line(name, f"{timed(lambda m=metric: improvement(m, one, other, seed=1)):.2f} s")  # type: ignore[misc]


def correlated(draw: np.random.Generator, difference: float) -> tuple[Cases, Cases]:
    """Two models with the wanted mistake rates: each errs where a normal difficulty is high, and these correlate by .9.

    The correlation of the mistakes themselves is then about .67.
    """
    hard = draw.normal(size=ROWS)
    own = CORRELATION * hard + np.sqrt(1 - CORRELATION**2) * draw.normal(size=ROWS)
    return with_mistakes(own > ndtri(ACCURACY + difference)), with_mistakes(hard > ndtri(ACCURACY))


def with_mistakes(wrong: np.ndarray) -> Cases:
    truth = np.arange(len(wrong)) % 2
    decision = np.where(wrong, 1 - truth, truth)
    return Cases(truth=truth, decision=decision, probabilities=np.eye(2)[decision], classes=2)


def scored(draw: np.random.Generator, rows: int) -> tuple[Cases, Cases]:
    """Two models with shared and own noise; a fifth of the rows is positive."""
    signal, shared = draw.normal(size=rows), draw.normal(size=rows)
    truth = (signal + 0.5 * draw.normal(size=rows) > 0.94).astype(np.intp)
    made = []
    for noise in (0.4, 0.5):
        chance = 1 / (1 + np.exp(-2.5 * (signal - 0.94 + 0.4 * shared + noise * draw.normal(size=rows))))
        made.append(
            Cases(
                truth=truth,
                decision=(chance >= 0.5).astype(np.intp),
                probabilities=np.column_stack([1 - chance, chance]),
                classes=2,
            )
        )
    return made[0], made[1]


def against(candidate: Cases, champion: Cases, parts: tuple[Slice, ...] = ()) -> Evidence:
    references = {"production": Reference(champion=CHAMPION, cases=champion)}
    return Evidence(task="binary_classification", candidate=candidate, references=references, slices=parts, seed=1)


def differs_unpaired(candidate: Cases, champion: Cases) -> bool:
    """Whether two independent proportions would be called different at 5 %: what a test without pairing sees."""
    ours, theirs = candidate.hit.mean(), champion.hit.mean()
    error = np.sqrt((ours * (1 - ours) + theirs * (1 - theirs)) / ROWS)
    return bool(abs(ours - theirs) > ndtri(0.975) * error)


def share(checks: list[CheckResult], finding: Finding) -> str:
    return f"{sum(check.finding is finding for check in checks) / len(checks):.1%}"


def timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def report(title: str) -> None:
    print(f"\n{title}", flush=True)


def line(first: str, *cells: str) -> None:
    print(f"  {first:<36}" + "".join(f"{cell:>15}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
