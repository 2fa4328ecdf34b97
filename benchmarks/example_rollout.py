"""How long the example's ramp takes at a rate of requests, and how soon its broken model is taken back.

Run `python benchmarks/example_rollout.py --rate 600`. The rules are those of production in examples/fraud; requests are
drawn, and decided on by the shipped code, look by look. Latencies are lognormal, as measured on two cores: a compiled
model answers within 0.7 ms, 99 % of the time within 3 ms; one in a worker within 10 ms, 99 % of the time within 50 ms.
"""

from __future__ import annotations

import argparse
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from plimsoll.capture.counts import ArmCounts, StageCounts
from plimsoll.kernel.durations import parse_duration
from plimsoll.kernel.histogram import Histogram, bucket_of
from plimsoll.kernel.shares import parse_share
from plimsoll.project.entities import Rollout
from plimsoll.project.load import load_project
from plimsoll.rollout.decide import decide
from plimsoll.rollout.decisions import Decision
from plimsoll.rollout.rollouts import (
    Enough,
    ErrorsTest,
    Harm,
    LatencyTest,
    ReleaseRef,
    RolledBack,
    RolloutSpec,
    RolloutState,
    Settling,
    Stage,
    Starting,
    Strategy,
)
from plimsoll.rollout.seen import Health, Readiness, Seen

PROJECT = Path(__file__).parents[1] / "examples" / "fraud" / "plimsoll.yaml"
COMPILED = (0.0007, 0.003)
WORKER = (0.010, 0.050)
"""The latency that half of the answers, and 99 % of them, stay below, in seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=600.0, help="requests a second")
    parser.add_argument("--replicates", type=int, default=100)
    given = parser.parse_args()
    spec = example_spec(load_project(PROJECT, {}).environments["production"].rollout)
    for name, errors, latency in (
        ("a sound model, compiled", 0.0, COMPILED),
        ("a sound model in a worker", 0.0, WORKER),
        ("a model that fails on 10 % of the requests, in a worker", 0.1, WORKER),
        ("a model that fails on 1 %, in a worker", 0.01, WORKER),
    ):
        runs = [
            ramp(spec, rate=given.rate, errors=errors, latency=latency, seed=seed) for seed in range(given.replicates)
        ]
        print(f"{name}, at {given.rate:g} requests a second, {given.replicates} times:")
        for end in sorted({decision.because.rule.value for _, _, decision in runs}):
            seconds, touched = zip(
                *((lasted, hurt) for lasted, hurt, decision in runs if decision.because.rule.value == end), strict=True
            )
            median, most = np.median(seconds), max(seconds)
            print(f"  {len(seconds):>4} x {end}: median {median:.1f} s, at most {most:.1f} s; errors {max(touched)}")
        print(f"       {runs[0][2].because.sentence}")


def example_spec(rollout: Rollout) -> RolloutSpec:
    """What is asked in the example's file."""
    errors, latency = rollout.harm.errors, rollout.harm.latency_p99
    return RolloutSpec(
        champion=ReleaseRef(name="fraud@1", digest="1"),
        candidate=ReleaseRef(name="fraud@2", digest="2"),
        strategy=Strategy(rollout.strategy),
        stages=tuple(float(stage) for stage in rollout.stages),
        hold_s=parse_duration(rollout.hold),
        deadline_s=parse_duration(rollout.stage_deadline),
        look_s=parse_duration(rollout.look),
        harm=Harm(
            alpha=rollout.harm.alpha,
            errors=ErrorsTest(ratio=errors.ratio) if errors else None,
            latency=LatencyTest(ratio=latency.ratio) if latency else None,
        ),
        enough=Enough(requests=rollout.enough.requests, max_added_errors=parse_share(rollout.enough.max_added_errors)),
        on_inconclusive=rollout.inconclusive,
    )


def ramp(
    spec: RolloutSpec, *, rate: float, errors: float, latency: tuple[float, float], seed: int
) -> tuple[float, int, Decision]:
    """One rollout from its first stage to its end: seconds, the candidate's errors, and the decision that ended it."""
    rng = np.random.default_rng(seed)
    began = now = datetime(2026, 1, 1, tzinfo=UTC)
    state: RolloutState = Starting(since=now)
    stages: dict[int, StageCounts] = {}
    while True:
        seen = Seen(stages=dict(stages), health=Health(readiness=Readiness.READY, processes=1))
        decision = decide(spec, state, seen, now)
        state = decision.state
        if isinstance(state, RolledBack | Settling) or not isinstance(state, Stage):
            hurt = sum(counts.candidate.errors for counts in stages.values())
            return (now - began).total_seconds(), hurt, decision
        requests = int(rng.poisson(rate * spec.look_s))
        taken = int(rng.binomial(requests, spec.shares[state.index].candidate_pct / 100))
        before = stages.get(state.index, StageCounts())
        stages[state.index] = StageCounts(
            champion=more(before.champion, rng, requests - taken, errors=0.0, latency=COMPILED),
            candidate=more(before.candidate, rng, taken, errors=errors, latency=latency),
        )
        now += timedelta(seconds=spec.look_s)


def more(
    counts: ArmCounts, rng: np.random.Generator, requests: int, *, errors: float, latency: tuple[float, float]
) -> ArmCounts:
    """An arm after some more requests."""
    median, high = latency
    durations = rng.lognormal(math.log(median), math.log(high / median) / 2.326, requests)
    buckets, number = np.unique([bucket_of(float(duration)) for duration in durations], return_counts=True)
    seen = Histogram(dict(zip(buckets.tolist(), number.tolist(), strict=True)))
    return ArmCounts(
        requests=counts.requests + requests,
        units=counts.units + requests,
        errors=counts.errors + int(rng.binomial(requests, errors)),
        latency=counts.latency.merged(seen),
    )


if __name__ == "__main__":
    main()
