"""A rollout on a terminal: one block that is drawn anew while it goes on. Text from a view, nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from plimsoll.rollout.wording import counted

WIDTH = 100
_BAR = 24
_LABEL = 14


def rollout_lines(view: Mapping[str, Any], *, width: int = WIDTH) -> list[str]:
    """The block for a rollout view (as data), each line within `width`: what it is, what was seen, what it costs."""
    over = f" over {view['champion']}" if view["champion"] else ""
    title = f"{view['candidate']}{over} in {view['environment']} ({view['strategy']})"
    lines = [_apart(title, where(view), width)]
    if view["stage"] is not None and not view["ended_at"]:
        lines += _exposure(view["stage"])
    lines += [_test(test) for test in view["tests"]]
    lines += _cost(view) if view["tests"] else ()
    if view["orders"]:
        lines.append(_row("orders", f"{view['orders']} not taken yet"))
    return [line[:width] for line in lines]


def where(view: Mapping[str, Any]) -> str:
    """Where it stands, as `stage 2 of 3 (25 %)` or in a word."""
    stage = view["stage"]
    if stage is None or view["standing"] not in ("stage", "held", "paused", "not ready"):
        return str(view["standing"])
    traffic = f"{stage['candidate_pct']:g} %" if stage["candidate_pct"] else f"copies of {stage['shadow_pct']:g} %"
    place = f"stage {stage['number']} of {stage['of']} ({traffic})"
    return place if view["standing"] == "stage" else f"{view['standing']} in {place}"


def _exposure(stage: Mapping[str, Any]) -> list[str]:
    share = stage["requests"] / stage["wanted"]
    seen = f"{_bar(share)}  {stage['requests']:,} of {stage['wanted']:,} requests"
    bound, allowed = stage["added_errors"], stage["allowed"]
    # The bound falls from 100 % to what is allowed, about as fast on a log scale as requests come.
    shown = 1.0 if bound <= allowed else math.log(1 / max(bound, 1e-9)) / math.log(1 / max(allowed, 1e-9))
    errors = f"{_bar(shown)}  at most {_percent(bound)} added, {_percent(allowed)} allowed"
    return [_row("seen", seen), _row("harmless", errors)]


def _test(test: Mapping[str, Any]) -> str:
    """An e-value on the way from 1, no evidence, to what is wanted, proof."""
    value, wanted = test["e_value"], test["wanted"]
    share = math.log(max(value, 1.0)) / math.log(wanted)
    names = {"errors": "more errors", "latency": "slower", "split": "split unsound"}
    told = "more than a million" if value > 1e6 else f"{value:.2g}" if value < 10 else f"{value:,.0f}"
    return _row(names.get(test["measure"], test["measure"]), f"{_bar(share)}  e-value {told} of {wanted:,.0f}")


def _cost(view: Mapping[str, Any]) -> Iterator[str]:
    noticed = f"{view['noticed']:,}" if view["noticed"] else "none"
    touched, erred = counted(view["touched"], "request"), counted(view["erred"], "error")
    yield _row("touched", f"{touched}, {erred}; callers who noticed: {noticed}")
    if view["fallback_p99_s"] is not None:
        yield _row(
            "fallback", f"the champion answered in its stead within {view['fallback_p99_s'] * 1000:.3g} ms (p99)"
        )


def _row(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"


def _bar(share: float) -> str:
    filled = min(max(math.floor(_BAR * share), 0), _BAR)
    return "█" * filled + "░" * (_BAR - filled)


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %" if share < 0.995 else "100 %"


def _apart(left: str, right: str, width: int) -> str:
    return f"{left}{right:>{max(width - len(left), len(right) + 2)}}"
