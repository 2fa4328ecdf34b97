"""A rollout as text for people, written from its recorded decisions: how it ended, why, the path of the evidence,
what it cost the callers, and the timeline. Within 100 columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from plimsoll.rollout.decisions import Cost, Decision, Evidence, Measure, Reading, Rule
from plimsoll.rollout.failures import Failure
from plimsoll.rollout.rollouts import Promoted, RolledBack, RolloutSpec, Starting
from plimsoll.rollout.standing import standing_told
from plimsoll.rollout.wording import counted, duration, e_value, wrapped

WIDTH = 100
_PATH = 40
_BARS = "▁▂▃▄▅▆▇█"


def rollout_text(spec: RolloutSpec, decisions: Sequence[Decision], *, failures: Sequence[Failure] = ()) -> str:
    """The whole report, oldest decision first in `decisions`. Ends without a line break.

    failures: why the candidate failed, the most frequent first.
    """
    if not decisions:
        return f"{title(spec)}: nothing decided yet"
    last = conclusion(decisions)
    lines = [f"{title(spec)}: {standing_told(last.state)} after {lasted(decisions)}", *_wrap(last.because.sentence)]
    for measure in Measure if spec.shares else ():
        lines += _path(measure, decisions)
    evidence = last_evidence(decisions)
    if evidence is not None and spec.shares:
        lines += ["", *_wrap(_cost(evidence.cost))]
    if failures:
        lines.append("Why it failed, with what was still in flight at the end:")
    for failure in failures:
        lines += _wrap(failure.because, first=f"  {counted(failure.times, 'time'):>9}  ")
    lines.append("")
    for turn in turning_points(decisions):
        lines += _wrap(turn.because.sentence, first=f"{clock(turn.at)}  ")
    return "\n".join(lines)


def turning_points(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """The first decision, each that changed the state, and each order that was not followed."""
    turns = [after for before, after in pairwise(decisions) if _is_turn(before, after)]
    return (*decisions[:1], *turns)


def _is_turn(before: Decision, after: Decision) -> bool:
    if after.because.rule is Rule.NOT_FOLLOWED:
        return True
    if isinstance(before.state, Starting) and isinstance(after.state, Starting):
        return False  # the first look, from which on the candidate is waited for
    return after.state != before.state


def conclusion(decisions: Sequence[Decision]) -> Decision:
    """The decision that ended the rollout; while it is under way the latest. Needs at least one."""
    turn = turning_points(decisions)[-1]
    return turn if isinstance(turn.state, Promoted | RolledBack) else decisions[-1]


def last_evidence(decisions: Sequence[Decision]) -> Evidence | None:
    """What was weighed last; None when nothing ever was."""
    return next((one.because.evidence for one in reversed(decisions) if one.because.evidence), None)


def lasted(decisions: Sequence[Decision]) -> str:
    """How long it took from the first decision to the conclusion."""
    return duration(max((conclusion(decisions).at - decisions[0].at).total_seconds(), 0.0))


def title(spec: RolloutSpec) -> str:
    """Which release takes whose place, and how."""
    over = f" over {spec.champion.name}" if spec.champion else ""
    return f"{spec.candidate.name}{over} ({spec.strategy})"


def clock(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def sparkline(readings: Sequence[Reading], *, width: int = _PATH) -> str:
    """The path of an e-value on a log scale: lowest bar for no evidence (1 or less), highest for proven."""
    heights = [min(max(reading.log_e, 0.0) / reading.limit, 1.0) for reading in readings]
    columns = min(width, len(heights))
    cells = [
        max(heights[at * len(heights) // columns : (at + 1) * len(heights) // columns]) for at in range(columns)
    ]  # fmt: skip
    return "".join(_BARS[-1] if height == 1 else _BARS[int(height * (len(_BARS) - 1))] for height in cells)


def _path(measure: Measure, decisions: Sequence[Decision]) -> Iterator[str]:
    readings = [
        reading
        for decision in decisions
        if decision.because.evidence is not None
        for reading in (*decision.because.evidence.harm, decision.because.evidence.split)
        if reading.measure is measure
    ]
    if readings:
        highest = max(readings, key=lambda reading: reading.log_e)
        yield f"  {measure:<8} {sparkline(readings):<{_PATH}} highest e-value {e_value(highest)}"


def _cost(cost: Cost) -> str:
    fallback = (
        f"; the answers given in its stead took up to {cost.fallback_p99_s * 1000:.3g} ms (p99)"
        if cost.fallback_p99_s is not None
        else ""
    )
    noticed = f"{cost.noticed:,}" if cost.noticed else "none"
    return f"Requests touched: {cost.touched:,}, with {counted(cost.erred, 'error')}; callers who noticed: {noticed}{fallback}."


def _wrap(text: str, *, first: str = "") -> list[str]:
    return wrapped(text, width=WIDTH, first=first)
