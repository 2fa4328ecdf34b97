"""Act 6: payments change, the monitor says so, and the live model's code runs anew until something better is live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plimsoll.demo.seen import Seen, deployment_of
from plimsoll.demo.stage import Stage
from plimsoll.demo.traffic import bring_a_crowd, change_payments, send_the_crowd_away, wait_for_answers

TRIGGER = """retrain:
  - {on: drift}                                 # an alert of drift starts a run of the live release's code
"""
WITHIN_S = 60.0


def changed_world(stage: Stage) -> Seen:
    """Two months on: drift is found on live payments, starts a run, and what comes of it goes live on evidence."""
    before = deployment_of(stage, "production")["release"]
    stage.telling.note(
        "Two months pass: there are twice as many payments, of twice the amounts, half of them moved online, and a new "
        "scheme of fraud."
    )
    stage.show_python("ada", "generate.py", *_MONTHS)
    change_payments(stage)
    alert = _wait(stage, "an alert of drifted amounts", lambda: _alert(stage))
    stage.show("ada", "monitor", "--env", "production", expect=1, until="alert ")
    stage.show("ada", "alerts", "show", alert["id"])
    _let_drift_start_runs(stage)
    waiting = _wait(stage, "a retraining that waits for its approval", lambda: _waiting(stage))
    stage.show("ada", "retrain", "show", waiting["id"])
    stage.show("ada", "approve", waiting["release"], "--env", "production", expect=4)
    bring_a_crowd(stage)
    stage.show("grace", "approve", waiting["release"], "--env", "production")
    _wait(stage, f"the rollout of {waiting['release']}", lambda: _rollout(stage, waiting["release"]))
    stage.show("ada", "rollout", "--env", "production")
    send_the_crowd_away(stage)
    done = _wait(stage, "the end of the retraining", lambda: _ended(stage))
    stage.telling.line()
    stage.telling.note(f"{done['id']} is {done['standing']}: {done['sentence']}")
    verdict = stage.ask("ada", "verdict", done["run"])["verdict"]
    live = deployment_of(stage, "production")
    _wait(stage, f"the end of {before}'s alerts", lambda: None if _alerts_of(stage, before) else True)
    runs = [one for one in stage.ask("ada", "retrain", "list") if one["run"]]
    wait_for_answers(stage)
    return Seen(
        expected="amounts drift: an alert; one run with its reason; it passes against the live model on fresh labels; "
        "its owner may not approve it, grace may; live on evidence",
        seen=f"amounts at PSI {alert['evidence']['psi']:.2f} of {alert['evidence']['critical']:.2f}; {len(runs)} run; "
        f"verdict {verdict['finding']}, {_gain(verdict, before)}; {live['release']} is {live['state']}, "
        f"the alerts of {before} are over",
        ok=len(runs) == 1
        and verdict["finding"] == "pass"
        and "amount" in done["because"]
        and (live["release"], live["state"]) == (waiting["release"], "live"),
    )


_MONTHS = ("--days", "60", "--per-day", "2000", "--seed", "11", "--start", "2026-03-06", "--shift-day", "0")


def _let_drift_start_runs(stage: Stage) -> None:
    """Ada adds the trigger to the project file."""
    file = stage.folder / "plimsoll.yaml"
    file.write_text(file.read_text() + TRIGGER)
    stage.telling.note("ada adds to plimsoll.yaml:")
    stage.telling.output(TRIGGER.rstrip())
    stage.commit("ada", "Let drift start a run")


def _wait(stage: Stage, what: str, look: Any) -> Any:
    assert stage.load is not None
    return stage.wait(what, look, on=stage.load, within_s=WITHIN_S, every_s=0.3)


def _alert(stage: Stage) -> Mapping[str, Any] | None:
    found: list[dict[str, Any]] = stage.ask("ada", "alerts", "--env", "production")
    return next((one for one in found if (one["concern"], one["subject"]) == ("drift", "amount")), None)


def _alerts_of(stage: Stage, release: str) -> list[dict[str, Any]]:
    return [one for one in stage.ask("ada", "alerts", "--env", "production") if one["release"] == release]


def _retraining(stage: Stage) -> dict[str, Any] | None:
    """The first there was; what drifts on while its release is rolled out waits, and is dropped once that is live."""
    listed: list[dict[str, Any]] = stage.ask("ada", "retrain", "list")
    return listed[-1] if listed else None


def _waiting(stage: Stage) -> Mapping[str, Any] | None:
    """The retraining once its release waits for an approval; one that ended otherwise ends the wait."""
    found = _retraining(stage)
    return found if found and (found["ended_at"] or "approval" in found["sentence"]) else None


def _rollout(stage: Stage, release: str) -> Mapping[str, Any] | None:
    rollout: dict[str, Any] | None = deployment_of(stage, "production")["rollout"]
    return rollout if rollout and rollout["candidate"] == release else None


def _ended(stage: Stage) -> Mapping[str, Any] | None:
    found = _retraining(stage)
    return found if found and found["ended_at"] else None


def _gain(verdict: Mapping[str, Any], before: str) -> str:
    """How much better it ranks than what was live."""
    for check in verdict["checks"]:
        difference = check["difference"]
        if check["metric"] == "roc_auc" and difference is not None:
            return f"roc_auc {difference['value']:+.3f} [{difference['low']:+.3f}, {difference['high']:+.3f}] over {before}"
    return "not compared"
