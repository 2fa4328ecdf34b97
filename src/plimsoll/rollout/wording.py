"""The sentences of a rollout's decisions: what happened, with the figures that decided, in words one can act on."""

from __future__ import annotations

import textwrap

from plimsoll.rollout.decisions import Cost, Evidence, Exposure, Measure, Reading
from plimsoll.rollout.rollouts import Abort, Held, Order, Paused, Promoted, RolledBack, RolloutSpec, Settling, Stage
from plimsoll.rollout.seen import Health


def e_value(reading: Reading) -> str:
    """An e-value as people read it: what it is, of what is wanted."""
    return f"{e_reached(reading)} of {e_wanted(reading)}"


def e_reached(reading: Reading) -> str:
    return "more than a million" if reading.e_value > 1e6 else _short(reading.e_value)


def e_wanted(reading: Reading) -> str:
    return _short(reading.wanted)


def percent(value: float) -> str:
    """A share of 0..1 in percent."""
    return f"{value * 100:.3g} %"


def counted(number: int, what: str) -> str:
    """`1 error`, `3 errors`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def wrapped(text: str, *, width: int, first: str = "") -> list[str]:
    """Lines of a text, the later ones under the first one's text; none begins with a percent sign."""
    kept = textwrap.wrap(
        text.replace(" %", "\u00a0%"),
        width=width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_on_hyphens=False,
    )
    return [line.replace("\u00a0", " ") for line in kept]


def duration(seconds: float) -> str:
    """A duration in its largest fitting unit."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def stage_name(spec: RolloutSpec, index: int) -> str:
    """A stage by number and traffic, such as `stage 2 of 3 (25 %)`."""
    share = spec.shares[index]
    traffic = f"copies of {share.shadow_pct:g} %" if share.candidate_pct == 0 else f"{share.candidate_pct:g} %"
    return f"stage {index + 1} of {len(spec.shares)} ({traffic})"


def begun(spec: RolloutSpec, *, by: str, why: str) -> str:
    over = f" in place of {spec.champion.name}" if spec.champion else ""
    return f"{by} began to roll out {spec.candidate.name}{over} ({spec.strategy}){f': {why}' if why else ''}."


def refused(spec: RolloutSpec, health: Health) -> str:
    return f"{spec.candidate.name} is refused and taken back{_says(health)}."


def crashed(spec: RolloutSpec, health: Health) -> str:
    return (
        f"The worker of {spec.candidate.name} has died {counted(health.deaths, 'time')} within an hour; it is taken back. "
        "Look for the cause in the log of the environment's worker; out of memory is the usual one."
    )


def starting(spec: RolloutSpec, health: Health) -> str:
    return f"{spec.candidate.name} is starting{_says(health)}."


def uncounted(spec: RolloutSpec) -> str:
    return f"{spec.candidate.name} is ready; its first stage begins when what the doors count can be read."


def ready(spec: RolloutSpec) -> str:
    if not spec.shares:
        return f"{spec.candidate.name} is ready and goes live at once: there is no stage to judge it in."
    return f"{spec.candidate.name} is ready; {stage_name(spec, 0)} begins."


def ready_again(spec: RolloutSpec) -> str:
    return f"{spec.candidate.name} is ready again; the rollout goes on."


def not_ready(spec: RolloutSpec, health: Health) -> str:
    wait = duration(spec.ready_s)
    return f"{spec.candidate.name} is not ready any more{_says(health)}; it is taken back unless it returns in {wait}."


def never_ready(spec: RolloutSpec, health: Health) -> str:
    return f"{spec.candidate.name} was not ready for {duration(spec.ready_s)} and is taken back{_says(health)}."


def watching(spec: RolloutSpec, state: Stage, evidence: Evidence, *, elapsed_s: float) -> str:
    parts = [_progress(evidence.exposure), *(f"{one.measure} e-value {e_value(one)}" for one in evidence.harm)]
    if elapsed_s < spec.hold_s:
        parts.append(f"{duration(elapsed_s)} of {duration(spec.hold_s)} held")
    return f"{_capital(stage_name(spec, state.index))}: {', '.join(parts)}."


def enough(spec: RolloutSpec, state: Stage, exposure: Exposure) -> str:
    following = state.index + 1
    then = f"{stage_name(spec, following)} begins" if following < len(spec.shares) else "the candidate goes live"
    return (
        f"Enough seen in {stage_name(spec, state.index)}: {exposure.requests:,} requests, at most "
        f"{percent(exposure.added_errors)} added errors, no harm proven; {then}."
    )


def inconclusive(spec: RolloutSpec, state: Stage, exposure: Exposure | None, *, ready: bool) -> str:
    name = stage_name(spec, state.index)
    missing = [] if ready else ["it is not known whether the candidate is ready"]
    if exposure is None:
        missing.append("what the doors counted cannot be read")
    elif exposure.requests == 0:
        missing.append("the candidate has seen no request")
    elif exposure.requests < exposure.wanted:
        missing.append(f"{exposure.requests:,} of {exposure.wanted:,} requests seen")
    if exposure is not None and exposure.requests and exposure.added_errors > exposure.allowed:
        missing.append(
            f"added errors could be {percent(exposure.added_errors)}, {percent(exposure.allowed)} are allowed"
        )
    then = (
        "the candidate is taken back."
        if spec.on_inconclusive == "rollback"
        else "the rollout is held: resume it to give the stage its time again, promote or abort it."
    )
    return f"After {duration(spec.deadline_s)} {name} is inconclusive ({'; '.join(missing)}); {then}"


def harm(spec: RolloutSpec, reading: Reading, cost: Cost, *, order: Order | None) -> str:
    if reading.measure is Measure.ERRORS and spec.harm.errors is not None:
        what = f"errs more than {spec.harm.errors.ratio:g} times as often as the champion"
    elif reading.measure is Measure.LATENCY and spec.harm.latency is not None:
        test = spec.harm.latency
        what = f"is more than {test.ratio:g} times as slow as the champion at the {test.quantile * 100:g} % quantile"
    else:
        what = f"does harm by {reading.measure}"
    ignored = "" if order is None or isinstance(order, Abort) else f" {not_followed(order, 'harm is proven')}"
    touched = f"after {counted(cost.touched, 'request')} with {counted(cost.erred, 'error')}"
    seen = touched if cost.touched else "on copies of requests, whose answers nobody saw"
    return f"{spec.candidate.name} {what}: e-value {e_value(reading)} {seen}. It is taken back.{ignored}"


def void(spec: RolloutSpec, evidence: Evidence) -> str:
    if evidence.broken:
        where = stage_name(spec, evidence.broken[0])
        what = f"the counts of {where} contradict themselves (more errors than requests)"
    else:
        what = f"requests were not split as set (e-value {e_value(evidence.split)})"
    return f"Nothing can be concluded: {what}. The rollout is held; promote it or abort it."


def held(state: Held) -> str:
    return f"Held until a person decides. {state.because}"


def paused(state: Paused) -> str:
    live = " The candidate is live already; the way back stays open." if isinstance(state.was, Settling) else ""
    return f"Paused by {state.by}: {state.because}.{live}"


def settling(spec: RolloutSpec) -> str:
    previous = spec.champion.name if spec.champion else "the previous release"
    return f"{spec.candidate.name} is live; {previous} stays warm for {duration(spec.warm_s)} in all."


def settled(spec: RolloutSpec) -> str:
    return f"{spec.candidate.name} has been live for {duration(spec.warm_s)}; the previous release is stopped."


def ordered(order: Order, what: str) -> str:
    return f"{order.by} {what}: {order.why}"


def not_followed(order: Order, why: str) -> str:
    return f"{order.by}'s order to {type(order).__name__.lower()} was not followed: {why}."


def ended(state: Promoted | RolledBack, *, order: Order | None) -> str:
    how = "promoted" if isinstance(state, Promoted) else "rolled back"
    ignored = "" if order is None else f" {not_followed(order, 'it has ended')}"
    return f"The rollout has ended: {how}.{ignored}"


def _progress(exposure: Exposure | None) -> str:
    if exposure is None or exposure.requests == 0:
        return "no request seen yet"
    seen = f"{exposure.requests:,} of {exposure.wanted:,} requests"
    bound, allowed = percent(exposure.added_errors), percent(exposure.allowed)
    return f"{seen}, at most {bound} added errors ({allowed} allowed)"


def _says(health: Health) -> str:
    return f" ({health.problem})" if health.problem else ""


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
