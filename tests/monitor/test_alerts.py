"""An alert is opened once, followed while it is seen, and ends when it is gone or somebody says so."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.monitor.conftest import Watched
from typer.testing import CliRunner

from plimsoll.cli.main import make_app
from plimsoll.edge.context import Caller, Denied, Grant, Role
from plimsoll.monitor.alerting import CLEAR, Finding, Judged, Subject, follow, supersede
from plimsoll.monitor.entities import Alert, AlertState, Concern, Span
from plimsoll.monitor.errors import AlertMissing, AlertOver
from plimsoll.monitor.operations import LedgerAlerts, write_alerts
from plimsoll.server.wiring import open_ledger

OF = Subject(project="fraud", environment="production", release="fraud@1", digest="d" * 64)
AMOUNT = (Concern.DRIFT, "amount")


def judged(*found: str, end: str = "2026-03-02T01:00:00.000000Z", span: Span = Span.WINDOW, unseen: str = "") -> Judged:
    findings = tuple(
        Finding(concern=Concern.DRIFT, subject=name, sentence=f"{name} drifted", evidence={"psi": 0.5})
        for name in found
    )
    looked_at = frozenset({AMOUNT, *(finding.key for finding in findings)}) - {(Concern.DRIFT, unseen)}
    return Judged(span=span, end=end, findings=findings, looked_at=looked_at)


def after(alerts: Sequence[Alert], *judgements: Judged) -> list[Alert]:
    """The alerts after some judgements, those that ended too."""
    numbers = count(len(alerts) + 1)
    known = {alert.id: alert for alert in alerts}
    for judgement in judgements:
        under_way = [alert for alert in known.values() if alert.state is not AlertState.RESOLVED]
        for alert in follow(under_way, judgement, OF, identify=lambda: f"alert-{next(numbers)}"):
            known[alert.id] = alert
    return list(known.values())


def test_what_is_seen_again_and_again_is_one_alert():
    (alert,) = after([], *[judged("amount") for _ in range(1000)])
    assert (alert.state, alert.times, alert.subject) == (AlertState.OPEN, 1000, "amount")


def test_it_ends_when_enough_of_its_spans_are_clean_in_a_row():
    clean = judged()
    assert after([], judged("amount"), *[clean] * (CLEAR[Span.WINDOW] - 1))[0].state is AlertState.OPEN
    (alert,) = after([], judged("amount"), *[clean] * CLEAR[Span.WINDOW])
    assert (alert.state, alert.resolved_by, alert.why) == (
        AlertState.RESOLVED,
        "plimsoll:monitor",
        "Not seen in the last 3 windows.",
    )
    again = after([], judged("amount"), clean, clean, judged("amount"), clean, clean)
    assert [alert.state for alert in again] == [AlertState.OPEN]


def test_a_window_that_could_not_be_judged_says_nothing():
    (alert,) = after([], judged("amount"), *[judged(unseen="amount")] * 10)
    assert (alert.state, alert.clear) == (AlertState.OPEN, 0)


def test_what_a_day_saw_is_not_ended_by_clean_hours():
    (alert,) = after([], judged("amount", span=Span.DAY), *[judged()] * 30)
    assert (alert.state, alert.span) == (AlertState.OPEN, Span.DAY)
    (alert,) = after([alert], *[judged(span=Span.DAY)] * CLEAR[Span.DAY])
    assert alert.state is AlertState.RESOLVED


def test_the_longest_span_keeps_the_word():
    (alert,) = after([], judged("amount"), judged("amount", span=Span.WEEK), judged("amount"))
    assert (alert.span, alert.times) == (Span.WEEK, 3)


def test_after_its_end_it_opens_anew_as_another():
    alerts = after([], judged("amount"), *[judged()] * 3, judged("amount"))
    assert [(alert.id, alert.state) for alert in alerts] == [
        ("alert-1", AlertState.RESOLVED),
        ("alert-2", AlertState.OPEN),
    ]


def test_a_new_live_release_ends_the_alerts_of_the_one_before():
    alerts = after([], judged("amount", "country"))
    ended = supersede(alerts, live="fraud@2", at="2026-03-03T00:00:00.000000Z")
    assert {(alert.state, alert.why) for alert in ended} == {(AlertState.RESOLVED, "fraud@2 is live now.")}


@given(st.lists(st.tuples(st.sets(st.sampled_from(["amount", "country"])), st.sampled_from(list(Span))), max_size=60))
def test_of_one_subject_never_two_alerts_are_under_way(course: list[tuple[set[str], Span]]):
    alerts = after([], *[judged(*sorted(found), span=span) for found, span in course])
    under_way = [alert.subject for alert in alerts if alert.state is not AlertState.RESOLVED]
    assert len(under_way) == len(set(under_way))


@pytest.fixture
def alert(watched: Watched) -> Alert:
    (opened,) = after([], judged("amount"))
    with watched.database.write() as transaction:
        write_alerts(watched.context(), transaction, [opened])
    return opened


def test_people_acknowledge_and_resolve_on_the_record(watched: Watched, alert: Alert):
    assert watched.ask("alerts.list")[0]["state"] == "open"
    told = watched.ask("alerts.acknowledge", alert=alert.id, why="a new shop")
    assert (told["state"], told["acknowledged_by"], told["why"]) == ("acknowledged", watched.admin.name, "a new shop")
    assert watched.ask("alerts.resolve", alert=alert.id)["state"] == "resolved"
    assert watched.ask("alerts.list") == []
    assert [item["state"] for item in watched.ask("alerts.list", state="all")] == ["resolved"]
    assert [action for action in watched.events() if action.startswith("alert")] == [
        "alert_resolved",
        "alert_acknowledged",
        "alert_opened",
    ]
    with pytest.raises(AlertOver):
        watched.ask("alerts.acknowledge", alert=alert.id)


def test_who_only_looks_may_not_answer(watched: Watched, alert: Alert):
    viewer = Caller(name="vera", grants=(Grant(role=Role.VIEWER),))
    elsewhere = Caller(name="otto", grants=(Grant(role=Role.OPERATOR, environment="staging"),))
    for caller in (viewer, elsewhere):
        with pytest.raises(Denied):
            watched.ask("alerts.resolve", caller=caller, alert=alert.id)
    here = Caller(name="otto", grants=(Grant(role=Role.OPERATOR, environment="production"),))
    assert watched.ask("alerts.acknowledge", caller=here, alert=alert.id)["state"] == "acknowledged"


def test_an_unknown_alert_is_said_to_be_missing(watched: Watched):
    with pytest.raises(AlertMissing):
        watched.ask("alerts.show", alert="alert-1")


def test_who_acts_on_alerts_sees_those_under_way(watched: Watched, alert: Alert):
    alerts = LedgerAlerts(watched.workspace, watched.database)
    assert alerts.open(project="fraud", environment="production") == (alert,)
    assert alerts.open(project="fraud", environment="staging") == ()


def test_the_commands_list_show_and_answer_alerts(watched: Watched, alert: Alert, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(watched.workspace.root)
    monkeypatch.setenv("PLIMSOLL_LEDGER", watched.workspace.ledger_url)

    def said(*arguments: str) -> str:
        done = CliRunner().invoke(make_app(), ["alerts", *arguments])
        assert done.exit_code == 0, done.output
        return " ".join(done.stdout.split())

    assert alert.id in said()
    assert "drift of amount: fraud@1 in production" in said("show", alert.id)
    assert "acknowledged by" in said("ack", alert.id, "--why", "a new shop")
    assert "because: a new shop" in said("show", alert.id)
    assert "is resolved" in said("resolve", alert.id)
    assert "No alerts." in said()
    assert alert.id in said("--all")
    open_ledger(watched.workspace.ledger_url).close()  # the commands leave it open for as long as the process lasts
