"""A replay's report as one HTML file: the metric over time with releases and alerts marked, and the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plimsoll.edge.charts import Axis, Event, Series, escaped, line_chart
from plimsoll.edge.document import document
from plimsoll.kernel.clock import from_text

FOOTER = "Written by Plimsoll from a replay; every date is of the replayed time, in UTC."


def replay_html(report: Mapping[str, Any]) -> str:
    """The whole report: one HTML document, and well-formed XML."""
    parts = (
        _header(report),
        _figures(report),
        _chart(report),
        _live(report),
        _runs(report),
        _retrainings(report),
        _alerts(report),
    )
    return document(f"Replay in {report['environment']}", "".join(parts), footer=FOOTER)


def _header(report: Mapping[str, Any]) -> str:
    tone, said = ("bad", "requests failed") if report["failed"] else ("good", "no request failed")
    return (
        f'<header><p class="kind">Replay</p><h1>{escaped(report["environment"])}</h1>'
        f'<p><span class="badge {tone}">{said}</span> <span class="quiet when"><time>{_day(report["begin"])}</time> to '
        f"<time>{_day(report['end'])}</time></span></p></header>"
    )


def _figures(report: Mapping[str, Any]) -> str:
    figures = report["figures"]
    cells = [("Rows", f"{report['rows']:,}", f"in {report['requests']:,} requests, {report['failed']:,} failed")]
    if figures is not None:
        value = "-" if figures["value"] is None else f"{figures['value']:.4f}"
        cells.append((figures["metric"], value, f"over {figures['rows']:,} rows with labels"))
    cells.append(("Releases", f"{len(report['live']):,}", "were live, one after the other"))
    cells.append(("Alerts", f"{len(report['alerts']):,}", "were opened"))
    shown = (
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(figure)}</dd><dd class='quiet'>{escaped(remark)}</dd></div>"
        for name, figure, remark in cells
    )
    return f'<dl class="figures">{"".join(shown)}</dl>'


def _chart(report: Mapping[str, Any]) -> str:
    figures = report["figures"]
    if figures is None:
        return ""
    series = [
        Series(
            name=name, points=[(from_text(one["begin"]), one["value"]) for one in figures[span]], steps=span == "weeks"
        )
        for name, span in (("by week", "weeks"), ("by day", "days"))
    ]
    events = [Event(at=from_text(one["at"]), name=one["release"]) for one in report["live"]]
    alerts = [Event(at=from_text(one["at"]), name="alert") for one in report["alerts"]]
    title = f"{figures['metric']} over time"
    description = f"{figures['metric']} of the answers by week and by day, with releases and alerts marked"
    drawn = line_chart(series, title=title, description=description, axis=Axis(), events=[*events, *alerts])
    return f"<section><h2>{escaped(title)}</h2>{drawn}</section>"


def _live(report: Mapping[str, Any]) -> str:
    rows = [(_minute(one["at"]), one["release"]) for one in report["live"]]
    return _table("What was live", ("Since", "Release"), rows)


def _runs(report: Mapping[str, Any]) -> str:
    rows = [
        (_minute(run["at"]), run["finding"] or run["state"], f"{run['release'] or 'no release'}. {run['because']}")
        for run in report["runs"]
    ]
    return _table("Runs", ("When (UTC)", "Verdict", "What came of it, and why it began"), rows)


def _retrainings(report: Mapping[str, Any]) -> str:
    rows = [(_minute(one["created_at"]), one["standing"], one["sentence"]) for one in report["retrainings"]]
    return _table("Retrainings", ("Asked for (UTC)", "Stands", "How it came to that"), rows)


def _alerts(report: Mapping[str, Any]) -> str:
    rows = [
        (_minute(one["at"]), f"{one['concern']}: {one['subject']}", f"{one['release']}: {one['sentence']}")
        for one in report["alerts"]
    ]
    return _table("Alerts", ("Opened (UTC)", "What about", "What was seen"), rows)


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    heads = "".join(f"<th>{escaped(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    shown = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>" if body else "<p>None.</p>"
    return f"<section><h2>{escaped(title)}</h2>{shown}</section>"


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")


def _day(at: str) -> str:
    return at[:10]
