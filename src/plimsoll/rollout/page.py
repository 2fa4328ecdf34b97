"""A rollout as one HTML file for people, written from its recorded decisions: the facts of report.py, with charts.

Self-contained: nothing is loaded from anywhere and nothing runs, so it can be kept, mailed and opened in years.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from plimsoll.edge.charts import CHART_STYLE, escaped
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
        return _document(title(spec), f"{_heading(spec)}<p>Nothing has been decided yet.</p></header>")
    end = conclusion(decisions)
    told = decisions[: decisions.index(end) + 1]
    body = (_header(spec, told), _figures(spec, told), _reasons(failures), _plots(spec, told), _timeline(told))
    return _document(f"{title(spec)}: {standing_told(end.state)}", "".join(body))


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


def _document(name: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        '<meta name="color-scheme" content="light dark"/>'
        """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>"""
        f"<title>{escaped(name)}</title><style>{_STYLE}{CHART_STYLE}</style></head>\n"
        f"<body><main>{body}<footer>Written by Plimsoll from the recorded decisions.</footer></main></body></html>\n"
    )


_STYLE = """
:root {
  --page: #f5f7f8; --card: #ffffff; --line: #dfe5e8; --text: #16232b; --soft: #5a6b75;
  --good: #14743c; --good-back: #e2f4e8; --bad: #b3261e; --bad-back: #fce8e6; --wait: #8a5a00; --wait-back: #fdf1d8;
  --none-back: #eaeff1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10171b; --card: #182127; --line: #2b3840; --text: #e4ecef; --soft: #95a6af;
    --good: #7ddc9c; --good-back: #17372a; --bad: #ff9d94; --bad-back: #432120; --wait: #f0c46c; --wait-back: #3d3115;
    --none-back: #24313a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 30px 20px 40px; }
header { margin-bottom: 22px; overflow-wrap: anywhere; }
header p { margin: 0 0 10px; }
.kind { color: var(--soft); font-size: 13px; margin-bottom: 2px; }
h1 { font-size: 26px; line-height: 1.25; font-weight: 650; margin: 0 0 10px; }
h1 .quiet { font-weight: 400; }
h2 { font-size: 16px; font-weight: 600; margin: 0; }
.why { font-size: 17px; max-width: 46em; }
.quiet { color: var(--soft); }
time { white-space: nowrap; }
.when { display: inline-block; }
.badge { display: inline-block; padding: 2px 11px; border-radius: 99px; font-weight: 600; font-size: 13.5px;
  margin-right: 6px; background: var(--none-back); color: var(--soft); }
.good { background: var(--good-back); color: var(--good); }
.bad { background: var(--bad-back); color: var(--bad); }
.wait { background: var(--wait-back); color: var(--wait); }
section, .figures { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 0 0 20px; }
section { padding: 14px 18px; }
section > p { margin: 0 0 10px; font-size: 13.5px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 1px; overflow: hidden; }
.figures div { padding: 12px 14px; box-shadow: 0 0 0 1px var(--line); }
.figures dt { color: var(--soft); font-size: 13px; }
.figures dd { margin: 0; font-size: 21px; line-height: 1.35; font-weight: 600; font-variant-numeric: tabular-nums; }
.figures dd.quiet { font-size: 12.5px; font-weight: 400; }
.plots { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 20px; }
.plots section { display: flex; flex-direction: column; }
.plots .chart { margin-top: auto; }
table { width: 100%; border-collapse: collapse; margin-top: 6px; }
th { text-align: left; font-weight: 550; color: var(--soft); font-size: 12.5px; padding: 4px 18px 6px 0; }
td { padding: 9px 18px 9px 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td:nth-child(-n+2) { white-space: nowrap; width: 1%; color: var(--soft); font-variant-numeric: tabular-nums; }
footer { color: var(--soft); font-size: 13px; }
@media (max-width: 860px) { .plots { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 640px) {
  main { padding: 20px 14px 28px; }
  section { padding: 12px 14px; }
  h1 { font-size: 22px; }
  .why { font-size: 16px; }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .figures div { padding: 10px 14px; }
  thead { display: none; }
  tr { display: block; border-top: 1px solid var(--line); padding: 9px 0; }
  td { display: inline; border: 0; padding: 0 8px 0 0; }
  td:last-child { display: block; padding: 2px 0 0; }
}
@media print { main { max-width: none; padding: 0; } section, .figures { break-inside: avoid; } }
"""
