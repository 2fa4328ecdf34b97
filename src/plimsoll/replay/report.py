"""What came of a replay, as one document: alerts, runs, releases, what was live when, failures and the metric."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plimsoll.edge.output import moment, paint, say, show_table
from plimsoll.kernel.clock import to_text
from plimsoll.kernel.files import replace_text
from plimsoll.replay.entities import Figures, Sent, Settings, Span, Tally, Week
from plimsoll.replay.server import Server

MOST = 1000
Document = dict[str, Any]


def gather(server: Server, settings: Settings) -> Document:
    """What the replay's server knows: alerts, runs, releases and what was live, oldest first."""
    alerts = server.ask("alerts.list", environment=settings.environment, state="all", limit=MOST)
    runs = server.ask("runs.list", limit=MOST)
    retrainings = server.ask("retrainings.list", limit=MOST)
    history = server.ask("deployments.history", environment=settings.environment)
    because = {one["run"]: one["because"] for one in retrainings if one["run"]}
    return {
        "alerts": [_alert(alert) for alert in reversed(alerts)],
        "runs": [_run(summary, because) for summary in reversed(runs)],
        "retrainings": [_retraining(one) for one in reversed(retrainings)],
        "live": [{"at": change["changed_at"], "release": change["release"]} for change in history],
    }


def compose(
    gathered: Document, *, settings: Settings, span: Span, sent: Sequence[Sent], tally: Tally, figures: Figures | None
) -> Document:
    """The whole report. tally: of the last session; failures are of all."""
    failed = sum(1 for one in sent if not one.prediction)
    return {
        "environment": settings.environment,
        "begin": to_text(span.begin),
        "end": to_text(span.end),
        "rows": sum(one.count for one in sent),
        "requests": len(sent),
        "failed": failed,
        "reasons": dict(tally.reasons),
        **gathered,
        "figures": None if figures is None else _figures(figures),
        "session": {**asdict(tally), "rows_per_second": tally.rows / tally.sending_s if tally.sending_s else None},
    }


def keep(folder: Path, report: Document) -> None:
    """Write the report down in the replay's folder."""
    replace_text(folder / "report.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")


def kept(folder: Path) -> Document:
    """The report of a replay that came to its end."""
    found: Document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


def show(report: Mapping[str, Any]) -> None:
    """The report for people."""
    say(
        f"{paint('replayed', 'bold')} {report['rows']:,} rows from {moment(report['begin'])} to "
        f"{moment(report['end'])} in {report['environment']}"
    )
    _show_figures(report["figures"])
    _show_section("live", ("since", "release"), [(moment(one["at"]), one["release"]) for one in report["live"]])
    runs = [
        (moment(run["at"]), run["finding"] or run["state"], run["release"] or "", run["because"])
        for run in report["runs"]
    ]
    _show_section("runs", ("at", "verdict", "release", "because"), runs)
    retrainings = [(moment(one["created_at"]), one["standing"], one["sentence"]) for one in report["retrainings"]]
    _show_section("retrainings", ("asked for", "stands", "how it came to that"), retrainings)
    alerts = [
        (moment(one["at"]), one["concern"], one["subject"], one["release"], one["sentence"]) for one in report["alerts"]
    ]
    _show_section("alerts", ("opened", "concern", "of", "release", "what was seen"), alerts)
    session = report["session"]
    speed = f", {session['rows_per_second']:,.0f} rows a second" if session["rows_per_second"] else ""
    say()
    say(
        f"{report['requests']:,} requests, {_failures(report)}; {session['turns']:,} turns; {session['seconds']:.1f} s, "
        f"of them {session['sending_s']:.1f} s sending{speed} and {session['waiting_s']:.1f} s waiting for what was under way"
    )


def _failures(report: Mapping[str, Any]) -> str:
    if not report["failed"]:
        return "none failed"
    reasons = "; ".join(f"{count} x {reason}" for reason, count in report["reasons"].items())
    return paint(f"{report['failed']:,} failed", "red") + (f" ({reasons})" if reasons else "")


def _show_figures(figures: Mapping[str, Any] | None) -> None:
    if figures is None:
        return
    say()
    say(f"{figures['metric']} {_figure(figures['value'])} over {figures['rows']:,} rows with labels; by week:")
    show_table(
        ("week of", figures["metric"], "rows"),
        [(week["begin"][:10], _figure(week["value"]), week["rows"]) for week in figures["weeks"]],
    )


def _show_section(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    listed = list(rows)
    say()
    if not listed:
        say(f"no {title}")
        return
    show_table(headings, listed)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _alert(alert: Mapping[str, Any]) -> Document:
    return {
        "alert": alert["id"],
        "at": alert["opened_at"],
        "concern": alert["concern"],
        "subject": alert["subject"],
        "release": alert["release"],
        "sentence": alert["sentence"],
        "state": alert["state"],
        "seen_at": alert["seen_at"],
        "resolved_at": alert["resolved_at"],
    }


def _run(summary: Mapping[str, Any], because: Mapping[str, str]) -> Document:
    run = summary["run"]
    return {
        "at": run["started_at"],
        "run": run["id"],
        "state": run["state"],
        "finding": summary["finding"],
        "release": summary["release"],
        "because": because.get(run["id"], ""),
    }


def _retraining(one: Mapping[str, Any]) -> Document:
    names = ("id", "standing", "because", "sentence", "run", "release", "created_at", "began_at", "ended_at")
    return {name: one[name] for name in names}


def _figures(figures: Figures) -> Document:
    return {
        "metric": figures.metric,
        "rows": figures.rows,
        "value": figures.value,
        "weeks": [_week(week) for week in figures.weeks],
        "days": [_week(day) for day in figures.days],
    }


def _week(week: Week) -> Document:
    return {"begin": to_text(week.begin), "rows": week.rows, "value": week.value}
