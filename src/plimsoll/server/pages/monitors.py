"""Monitoring: what is seen of an environment's live release, and the alerts that came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from plimsoll.edge.bars import Bar, rows_chart
from plimsoll.edge.charts import Axis, Limit, Series, line_chart
from plimsoll.edge.context import Role
from plimsoll.kernel.clock import from_text
from plimsoll.server.pages.page import Page, Visit
from plimsoll.server.pages.wording import percent

SHOWN = 100
STATES = {"": "not resolved", "open": "open", "acknowledged": "acknowledged", "resolved": "resolved", "all": "all"}


def _gather_alerts(visit: Visit) -> dict[str, Any]:
    environment, state = visit.query.get("environment", ""), visit.query.get("state", "")
    alerts = visit.ask("alerts.list", environment=environment, state=state, limit=SHOWN)
    policies, _ = visit.try_to_ask("environments.list")
    return {
        "alerts": [_with_refusal(visit, alert) for alert in alerts],
        "environment": environment,
        "state": state,
        "states": STATES,
        "environments": list(
            dict.fromkeys([item["name"] for item in policies or ()] + [alert["environment"] for alert in alerts])
        ),
    }


def _with_refusal(visit: Visit, alert: Mapping[str, Any]) -> dict[str, Any]:
    """An alert, and why this visitor may not answer it; empty for an operator of its environment."""
    return {**alert, "refusal": visit.refusal_of(Role.OPERATOR, alert["environment"])}


def _gather_monitor(visit: Visit) -> dict[str, Any]:
    name = visit.path["environment"]
    view = visit.ask("monitors.show", environment=name, release=visit.query.get("release", ""))
    return {
        "name": name,
        "monitor": view,
        "plots": [plot for plot in (_traffic(view), _quality(view), _decay(view)) if plot],
        "columns": [_column(column) for column in view["columns"]],
    }


def _traffic(view: Mapping[str, Any]) -> dict[str, Any] | None:
    windows = view["windows"]
    if not windows:
        return None
    series = [
        Series(name="rows", points=[(from_text(one["end"]), float(one["rows"])) for one in windows], area=True),
        Series(name="failed", points=[(from_text(one["end"]), float(one["failed"])) for one in windows]),
    ]
    return _plot("Rows", f"Answered in each window of {view['window']}.", series, Axis(least=0.0))


def _quality(view: Mapping[str, Any]) -> dict[str, Any] | None:
    quality, days = view["quality"], view["days"]
    if quality is None or not days:
        return None
    limits = []
    if quality["holdout"] is not None:
        limits.append(Limit(at=quality["holdout"], name=f"{quality['holdout']:.4f} on the holdout"))
    return _plot(
        f"{quality['metric']} by day",
        f"On predictions whose labels are due, {quality['label_delay']} later.",
        [Series(name=quality["metric"], points=[(from_text(day["begin"]), day["value"]) for day in days])],
        Axis(),
        limits,
    )


def _decay(view: Mapping[str, Any]) -> dict[str, Any] | None:
    quality, days = view["quality"], view["days"]
    if quality is None or not days:
        return None
    points = [(from_text(day["begin"]), max(day["evidence"], 0.1)) for day in days]
    return _plot(
        "Evidence of decay",
        "How many times likelier decay beyond the tolerance makes what was seen; the detector alarms at its limit.",
        [Series(name="e-value", points=points)],
        Axis(log=True, least=0.1),
        [Limit(at=quality["alarm_at"], name=f"alarm at {quality['alarm_at']:,.0f}", alarm=True)],
    )


def _column(column: Mapping[str, Any]) -> dict[str, Any]:
    """A column with its drawings: where its rows went, and how far it was from the reference window by window."""
    bins = [Bar(name=one["name"], first=one["expected"], second=one["actual"]) for one in column["bins"]]
    course = column["course"]
    drawn = ""
    if course:
        drawn = line_chart(
            [
                Series(name="effect", points=[(from_text(one["end"]), one["psi"]) for one in course]),
                Series(name="critical value", points=[(from_text(one["end"]), one["critical"]) for one in course]),
            ],
            title=f"Drift of {column['name']} by window",
            axis=Axis(least=0.0),
        )
    title = f"{column['name']}: shares of its bins, in the reference and lately"
    bars = rows_chart(bins, names=("reference", "lately"), title=title) if bins else ""
    return {
        **column,
        "bars": Markup(bars),  # noqa: S704 - escaped where they are drawn
        "chart": Markup(drawn),  # noqa: S704 - likewise
        "standing": _standing(column),
        "told": _told(column),
    }


def _standing(column: Mapping[str, Any]) -> str:
    if column["drifted"]:
        return "drifted"
    return "steady" if any(span["judged"] for span in column["spans"]) else "too few rows"


def _told(column: Mapping[str, Any]) -> str:
    """What else is unusual about its values."""
    told = [f"{percent(column['missing'])} missing, {percent(column['missing_in_reference'])} before"]
    told += [f"{percent(column['new'])} of new categories"] if column["new"] else []
    told += [f"{percent(column['out_of_range'])} out of range"] if column["out_of_range"] else []
    return "; ".join(told if column["missing"] or column["missing_in_reference"] else told[1:])


def _plot(
    heading: str, remark: str, series: list[Series], axis: Axis, limits: list[Limit] | None = None
) -> dict[str, Any]:
    drawn = line_chart(series, title=heading, description=remark, axis=axis, limits=limits or [])
    return {"heading": heading, "remark": remark, "svg": Markup(drawn)}  # noqa: S704 - escaped where it is drawn


PAGES = (
    Page(path="/alerts", template="alerts.html", gather=_gather_alerts),
    Page(path="/environments/{environment}/monitor", template="monitor.html", gather=_gather_monitor),
)
