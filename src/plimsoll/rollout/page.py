"""A rollout as one HTML file for people, written from its recorded decisions: the facts of report.py, with charts.

Self-contained: nothing is loaded from anywhere and nothing runs, so it can be kept, mailed and opened in years.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from plimsoll.edge.charts import escaped
from plimsoll.edge.document import document
from plimsoll.rollout.decisions import Cost, Decision, Reading
from plimsoll.rollout.failures import Failure
from plimsoll.rollout.plots import rollout_plots
from plimsoll.rollout.report import clock, conclusion, last_evidence, lasted, title, turning_points
from plimsoll.rollout.rollouts import Held, Paused, Promoted, RolledBack, RolloutSpec, RolloutState, Settling
from plimsoll.rollout.standing import standing_told
from plimsoll.rollout.wording import e_reached, e_wanted, percent


def rollout_html(spec: RolloutSpec, decisions: Sequence[Decision], *, failures: Sequence[Failure] = ()) -> str:
    """The whole report, oldest decision first in `decisions`: one HTML document, and well-formed XML."""
    if not decisions:
        return _page(title(spec), f"{_heading(spec)}<p>Nothing has been decided yet.</p></header>")
    end = conclusion(decisions)
    told = decisions[: decisions.index(end) + 1]
    body = (_header(spec, told), _figures(spec, told), _reasons(failures), _plots(spec, told), _timeline(told))
    return _page(f"{title(spec)}: {standing_told(end.state)}", "".join(body))


def _heading(spec: RolloutSpec) -> str:
    over = f' <span class="quiet">over {escaped(spec.champion.name)}</span>' if spec.champion else ""
    return f'<header><p class="kind">Rollout, {escaped(spec.strategy)}</p><h1>{escaped(spec.candidate.name)}{over}</h1>'


def _header(spec: RolloutSpec, told: Sequence[Decision]) -> str:
    end = told[-1]
    return (
        f'{_heading(spec)}<p><span class="badge {_tone(end.state)}">{escaped(standing_told(end.state))}</span> '
        f'<span class="quiet when">{_when(told[0].at, end.at)} UTC</span></p><p class="why">{escaped(end.because.sentence)}</p></header>'
    )


def _when(first: datetime, last: datetime) -> str:
    begin, end = clock(first), clock(last)
    if begin == end:
        return f"<time>{begin}</time>"
    return f"<time>{begin}</time> to <time>{end.removeprefix(begin[:11])}</time>"


def _tone(state: RolloutState) -> str:
    match state:
        case Promoted() | Settling():
            return "good"
        case RolledBack():
            return "bad"
        case Held() | Paused():
            return "wait"
        case _:
            return ""


def _figures(spec: RolloutSpec, told: Sequence[Decision]) -> str:
    """What it came to, figure by figure; without a stage nothing was counted."""
    cells = [("Duration", lasted(told), "from the first decision to the last")]
    evidence = last_evidence(told)
    if evidence is not None and spec.shares:
        cells += [*_costs(evidence.cost), *map(_proof, evidence.harm)]
    shown = (
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(figure)}</dd><dd class='quiet'>{escaped(remark)}</dd></div>"
        for name, figure, remark in cells
    )
    return f'<dl class="figures">{"".join(shown)}</dl>'


def _costs(cost: Cost) -> Iterator[tuple[str, str, str]]:
    rate = f", {percent(cost.erred / cost.touched)}" if cost.touched and cost.erred else ""
    yield "Requests touched", f"{cost.touched:,}", "answered by the candidate"
    yield "Candidate errors", f"{cost.erred:,}", f"with missed deadlines{rate}"
    yield "Callers who noticed", f"{cost.noticed:,}" if cost.noticed else "none", "got an error"
    if cost.fallback_p99_s is not None:
        yield "Fallback p99", f"{cost.fallback_p99_s * 1000:.3g} ms", "of answers given in its stead"


def _proof(reading: Reading) -> tuple[str, str, str]:
    verdict = "harm proven" if reading.crossed else "harm not proven"
    reached = "> 1,000,000" if reading.e_value > 1e6 else e_reached(reading)
    return f"E-value, {reading.measure}", reached, f"of {e_wanted(reading)}: {verdict}"


def _reasons(failures: Sequence[Failure]) -> str:
    """Why the candidate failed; nothing when it did not."""
    if not failures:
        return ""
    rows = (f"<tr><td>{failure.times:,}</td><td>{escaped(failure.because)}</td></tr>" for failure in failures)
    heads = "<tr><th>Times</th><th>Why the candidate failed</th></tr>"
    return f"<section><h2>Failures</h2><table><thead>{heads}</thead><tbody>{''.join(rows)}</tbody></table></section>"


def _plots(spec: RolloutSpec, told: Sequence[Decision]) -> str:
    sections = (
        f"<section><h2>{escaped(plot.heading)}</h2><p class='quiet'>{escaped(plot.remark)}</p>{plot.svg}</section>"
        for plot in rollout_plots(spec, told)
    )
    return f'<div class="plots">{"".join(sections)}</div>'


def _timeline(told: Sequence[Decision]) -> str:
    rows = (
        f"<tr><td><time>{clock(turn.at)}</time></td><td>{escaped(turn.because.rule)}</td>"
        f"<td>{escaped(turn.because.sentence)}</td></tr>"
        for turn in turning_points(told)
    )
    heads = "<tr><th>When (UTC)</th><th>Rule</th><th>What happened</th></tr>"
    return f"<section><h2>Timeline</h2><table><thead>{heads}</thead><tbody>{''.join(rows)}</tbody></table></section>"


def _page(name: str, body: str) -> str:
    return document(name, body, footer="Written by Plimsoll from the recorded decisions.")
