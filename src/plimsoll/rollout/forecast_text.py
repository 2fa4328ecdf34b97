"""A forecast as text for people: a table of the stages, what harm from the start would cost, and what to know of both.
Within 100 columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plimsoll.rollout.forecast import Finding, Forecast, StageForecast
from plimsoll.rollout.report import WIDTH
from plimsoll.rollout.wording import duration, percent, wrapped

_STAGE, _CELL = 19, 9
FEW_ERRORS = 20
"""An error rate that rests on fewer is a guess."""


def forecast_text(forecast: Forecast) -> str:
    """The whole forecast. Ends without a line break."""
    lines = _wrap(f"{forecast.title}: {_outlook(forecast)}")
    if not forecast.stages:
        return "\n".join(lines)
    lines += ["", *_wrap(_recent(forecast)), "", *_table(forecast), "", *_wrap(_legend(forecast))]
    for note in _notes(forecast):
        lines += ["", *_wrap(note)]
    return "\n".join(lines)


def _outlook(forecast: Forecast) -> str:
    if not forecast.stages:
        return "live as soon as it is ready; there is no stage to judge it in"
    if forecast.total_s is not None:
        return f"if it is healthy, live about {_time(forecast.total_s)} after it is ready"
    stuck = [stage for stage in forecast.stages if stage.advice]
    if stuck:
        return f"even if it is healthy, it is likely to get stuck in {stuck[0].name}"
    return "how long it takes is not known, because the traffic is not"


def _recent(forecast: Forecast) -> str:
    recent = forecast.recent
    errors = f"{percent(recent.error_rate)} errors"
    if not recent.known:
        return f"Recent traffic is not known, so there are figures in requests only, for a champion with {errors}."
    measured = f"measured over {duration(recent.measured_over_s)} ({recent.requests:,} requests)"
    p99 = "" if recent.p99_s is None else f", 99 % of the answers within {recent.p99_s * 1000:.3g} ms"
    return f"At {recent.requests_per_s:.3g} requests a second with {errors}{p99}, {measured}."


def _table(forecast: Forecast) -> Iterator[str]:
    harms = list(dict.fromkeys(finding.harm for stage in forecast.stages for finding in stage.findings))
    heads = [harm.rsplit(" ", 1) for harm in harms]
    yield _row("", "", "shows", [first for first, _ in heads])
    yield _row("stage", "lasts", "enough", [last for _, last in heads])
    for stage in forecast.stages:
        findings = {finding.harm: finding for finding in stage.findings}
        found = [findings.get(harm) for harm in harms]
        yield _row(
            _name(forecast, stage),
            _time(stage.lasts_s),
            _count(stage.enough_requests),
            [_requests(one) for one in found],
        )
        if any(cells := [_when(one) for one in found]) or stage.enough_s is not None:
            yield _row("", "", _time(stage.enough_s), cells)


def _legend(forecast: Forecast) -> str:
    what = "requests of the candidate" if not forecast.stick_to else f"distinct {forecast.stick_to}s of the candidate"
    times = ", and below them the time," if forecast.recent.known else ""
    shown = f"The figures are {what}{times} until half of all healthy candidates have shown enough"
    if not any(stage.findings for stage in forecast.stages):
        return f"{shown}. Nothing is tested for harm."
    return (
        f"{shown}, and until half of all harmful ones are found when the harm begins with that stage. It may take longer "
        "than a healthy stage lasts, since what adds errors does not advance; `in 40 %`: no more are found at all."
    )


def _notes(forecast: Forecast) -> Iterator[str]:
    if forecast.from_start:
        costs = "; ".join(map(_cost, forecast.from_start))
        yield f"A candidate that is harmful from the first request on touches, before it is taken back: {costs}."
    for stage in forecast.stages:
        if stage.advice:
            yield stage.advice
        elif stage.inconclusive >= 0.05:
            yield f"In {percent(stage.inconclusive)} of all cases {stage.name} is inconclusive though nothing is wrong."
    recent = forecast.recent
    errors = round(recent.error_rate * recent.requests)
    if recent.known and recent.error_rate == 0:
        yield f"No error in {recent.requests:,} requests: the true rate may be up to {_two(300 / recent.requests)} %."
    elif recent.known and errors < FEW_ERRORS:
        yield f"The error rate rests on few errors ({errors} in {recent.requests:,} requests), so this is a rough guess."
    if forecast.stick_to:
        yield (
            f"Callers stick to an arm by {forecast.stick_to}, and each counts once in a stage: the figures count them, not "
            "their requests. Times hold if every request comes from another one; else it takes longer."
        )


def _cost(finding: Finding) -> str:
    """Such as `2x errors 2,224 requests (37 min)`."""
    if finding.requests is None:
        return f"{finding.harm} found in {finding.power * 100:.0f} % of all cases only"
    when = "" if finding.after_s is None else f" ({_time(finding.after_s)})"
    return f"{finding.harm} {_count(finding.requests) if finding.requests else 'no'} requests{when}"


def _row(stage: str, lasts: str, enough: str, cells: Sequence[str]) -> str:
    return (
        f"{stage:<{_STAGE}}{lasts:>{_CELL}}{enough:>{_CELL}}" + "".join(f"{one:>{_CELL}}" for one in cells)
    ).rstrip()


def _name(forecast: Forecast, stage: StageForecast) -> str:
    traffic = f"{stage.share.candidate_pct:g} %" if stage.share.candidate_pct else "copies"
    return f"{stage.index + 1} of {len(forecast.stages)} ({traffic})"


def _requests(finding: Finding | None) -> str:
    if finding is None:
        return "-"
    return f"in {finding.power * 100:.0f} %" if finding.requests is None else _count(finding.requests)


def _when(finding: Finding | None) -> str:
    return "" if finding is None or finding.requests is None or finding.after_s is None else _time(finding.after_s)


def _count(requests: int | None) -> str:
    """In full up to 99,999, so that it fits its column."""
    if requests is None:
        return "never"
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if requests >= 100_000 and requests >= size:
            return f"{requests / size:.3g}{unit}"
    return f"{requests:,}"


def _time(seconds: float | None) -> str:
    """With two figures, as a forecast is no better."""
    if seconds is None:
        return "?"
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{_two(seconds / size)} {unit}"
    return f"{_two(seconds)} s"


def _two(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _wrap(text: str) -> list[str]:
    return wrapped(text, width=WIDTH)
