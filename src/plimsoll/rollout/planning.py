"""What deploying a release would do, in words: each effect in order, the ends of its stages, and what takes it back."""

from __future__ import annotations

from collections.abc import Iterator

from plimsoll.rollout.rollouts import RolloutSpec, Share, Strategy
from plimsoll.rollout.wording import duration, percent, stage_name


def steps_of(spec: RolloutSpec) -> tuple[str, ...]:
    """The rollout's effects as sentences, in the order in which they would happen."""
    return tuple(_steps(spec))


def _steps(spec: RolloutSpec) -> Iterator[str]:
    candidate, champion = spec.candidate.name, spec.champion.name if spec.champion else None
    beside = f" beside {champion}, which goes on answering" if champion else ""
    yield f"{candidate} is loaded{beside}; it is taken back unless it is ready within {duration(spec.ready_s)}."
    for index, share in enumerate(spec.shares):
        yield f"{stage_name(spec, index).capitalize()}: {_traffic(spec, share)} {_ends(spec)}"
    if spec.shares:
        yield f"At any time: {_harm(spec)}"
    if champion is None or spec.warm_s == 0:
        stopped = f"; {champion} is stopped" if champion else ""
        yield f"{candidate} is live and answers everyone{stopped}."
        return
    unjudged = ", unjudged" if spec.strategy is Strategy.ALL_AT_ONCE else ""
    yield (
        f"{candidate} is live and answers everyone{unjudged}; {champion} stays loaded for {duration(spec.warm_s)}, "
        f"so that `plimsoll rollback` is instant."
    )


def _traffic(spec: RolloutSpec, share: Share) -> str:
    if share.candidate_pct == 0:
        return f"a copy of {share.shadow_pct:g} % of the requests goes to it, and nobody sees its answers."
    copies = f"; a copy of {share.shadow_pct:g} % goes to the other one" if share.shadow_pct else ""
    stuck = f", decided by {spec.stick_to}" if spec.stick_to else ""
    return f"it answers {share.candidate_pct:g} % of the requests{stuck}{copies}."


def _ends(spec: RolloutSpec) -> str:
    then = "a person is asked" if spec.on_inconclusive == "hold" else "it is taken back"
    hold = f", after {duration(spec.hold_s)} at the soonest" if spec.hold_s else ""
    return (
        f"It ends with {spec.enough.requests:,} requests and at most {percent(spec.enough.max_added_errors)} added "
        f"errors shown{hold}; after {duration(spec.deadline_s)} without, {then}."
    )


def _harm(spec: RolloutSpec) -> str:
    tests = []
    if spec.harm.errors is not None:
        tests.append(f"errs more than {spec.harm.errors.ratio:g} times as often")
    if spec.harm.latency is not None:
        test = spec.harm.latency
        tests.append(f"is more than {test.ratio:g} times as slow at the {test.quantile * 100:g} % quantile")
    if not tests:
        return "no harm is tested for."
    return f"it is taken back once it is proven that it {' or '.join(tests)} (alpha {spec.harm.alpha:g}, all looks)."
