"""A comparison as one HTML file: the verdict, and for every column both distributions with what moved."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.data.entities import ColumnProfile
from plimsoll.edge.bars import Bar, columns_chart, rows_chart
from plimsoll.edge.charts import escaped
from plimsoll.edge.document import document
from plimsoll.edge.scales import share_text
from plimsoll.monitor.comparison import Compared, Comparison
from plimsoll.monitor.drift_text import headline, reasons, spans_told
from plimsoll.monitor.drift_wording import bin_name, number, verdict_told, whole_values

_MOST_ROWS = 12
_NAMES = ("reference", "current")
_TONES = {"drift": "bad", "no drift": "good", "inconclusive": "wait", "too few rows": "wait"}


def comparison_html(comparison: Comparison) -> str:
    """The whole report, the largest effect first: one HTML document, and well-formed XML."""
    body = (_header(comparison), _figures(comparison), _spans(comparison), _columns(comparison), _left_out(comparison))
    footer = "Written by Plimsoll. A column drifts when its PSI exceeds what chance and the tolerance explain."
    return document(headline(comparison), "".join(body), footer=footer, style=_STYLE)


def _header(comparison: Comparison) -> str:
    question = comparison.question
    told = "".join(f"<li>{_kept(reason)}</li>" for reason in reasons(comparison))
    return (
        f'<header><p class="kind">Drift</p><h1>{escaped(question.current)} '
        f'<span class="quiet">against {escaped(question.reference)}</span></h1>'
        f'<p><span class="badge {_TONES[comparison.verdict]}">{escaped(comparison.verdict)}</span> '
        f"{escaped(headline(comparison))}</p>{f'<ul>{told}</ul>' if told else ''}</header>"
    )


def _figures(comparison: Comparison) -> str:
    question, profile = comparison.question, comparison.profile
    cells = [
        ("Reference", f"{profile.rows:,}", "rows"),
        ("Current", f"{comparison.rows:,}", "rows"),
        ("Columns", f"{len(comparison.columns):,}", "compared"),
        ("Tolerated", f"{question.tolerance:g}", "PSI that is no drift"),
        ("Wrong at most", share_text(question.alpha), "of comparisons without drift"),
        ("Compared by", "all rows" if profile.phase == "none" else profile.phase, "like with like"),
    ]
    shown = (
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(figure)}</dd><dd class='quiet'>{escaped(remark)}</dd></div>"
        for name, figure, remark in cells
    )
    return f'<dl class="figures">{"".join(shown)}</dl>'


def _spans(comparison: Comparison) -> str:
    if not comparison.question.window_s:
        return ""
    told = spans_told(comparison) or [f"None of {comparison.spans_judged:,} windows, days and weeks drifted."]
    listed = "".join(f"<li>{escaped(line)}</li>" for line in told)
    return f"<section><h2>Over time</h2><ul>{listed}</ul></section>"


def _columns(comparison: Comparison) -> str:
    return f'<div class="plots">{"".join(_column(one) for one in comparison.columns)}</div>'


def _column(one: Compared) -> str:
    verdict = verdict_told(one.judgement)
    figures = (
        f"PSI {one.judgement.effect:.3f}, drift above {one.judgement.critical:.3f}"
        if one.judgement.judged
        else "not judged"
    )
    told = f"<p>{_kept(one.told)}</p>" if one.told else ""
    return (
        f'<section><h2>{escaped(one.profile.name)} <span class="badge {_TONES[verdict]}">{verdict}</span></h2>'
        f"<p class='quiet'>{escaped(figures)}</p>{told}{_chart(one)}</section>"
    )


def _kept(told: str) -> str:
    """A sentence that no line parts from its percent sign."""
    return escaped(told.replace(" %", "\u00a0%"))


def _chart(one: Compared) -> str:
    column = one.profile
    title = f"{column.name}: shares of the reference and of the current rows"
    if column.kind == "categorical":
        return rows_chart(_category_bars(one), names=_NAMES, title=title, description=one.told)
    values = whole_values(column)
    bars = [
        Bar(name=number(values[place]) if values else "", first=expected, second=actual)
        for place, (expected, actual) in enumerate(zip(one.expected[:-1], one.actual[:-1], strict=True))
    ]
    if one.expected[-1] or one.actual[-1]:
        bars.append(Bar(name="missing", first=one.expected[-1], second=one.actual[-1]))
    edges = ["" if values else number(edge) for edge in column.edges]
    return columns_chart(bars, names=_NAMES, edges=edges, title=title, description=one.told)


def _category_bars(one: Compared) -> Sequence[Bar]:
    """The categories with the largest shares, those that moved among them, then the rest as one."""
    moved = {move.bin for move in one.judgement.moves}
    places = [place for place in range(len(one.expected)) if one.expected[place] or one.actual[place]]
    weight = {place: (place in moved, one.expected[place] + one.actual[place]) for place in places}
    kept = sorted(places, key=weight.__getitem__, reverse=True)[:_MOST_ROWS]
    bars = [
        Bar(name=_plain(one.profile, place), first=one.expected[place], second=one.actual[place])
        for place in sorted(kept, key=lambda place: -one.expected[place])
    ]
    rest = [place for place in places if place not in kept]
    if rest:
        first, second = (sum(side[place] for place in rest) for side in (one.expected, one.actual))
        bars.append(Bar(name=f"{len(rest)} more", first=first, second=second))
    return bars


def _plain(column: ColumnProfile, place: int) -> str:
    """A category as it is written, without the quotes of a sentence."""
    return column.categories[place] or "(empty)" if place < len(column.categories) else bin_name(column, place)


def _left_out(comparison: Comparison) -> str:
    if not comparison.skipped:
        return ""
    rows = (f"<tr><td>{escaped(name)}</td><td>{escaped(because)}</td></tr>" for name, because in comparison.skipped)
    heads = "<tr><th>Column</th><th>Why it was not compared</th></tr>"
    return f"<section><h2>Left out</h2><table><thead>{heads}</thead><tbody>{''.join(rows)}</tbody></table></section>"


_STYLE = """
ul { margin: 8px 0 0; padding-left: 20px; }
li { overflow-wrap: anywhere; }
h2 { overflow-wrap: anywhere; display: flex; flex-wrap: wrap; align-items: center; gap: 4px 8px; }
.plots .chart { margin-top: 0; }
h2 .badge { font-size: 12px; padding: 1px 9px; }
"""
