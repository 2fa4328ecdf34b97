"""What happens in each act, what it must show, and what was seen. The acts change nothing but their stage."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from subprocess import TimeoutExpired
from typing import Any

from plimsoll.demo.requests import write_requests
from plimsoll.demo.stage import Stage

STEPS = ("labelled", "split", "train", "evaluate", "profile", "scorer")
REQUESTS = 500
RATE = 100
ENOUGH = 100
"""Answers that each act waits for, so that none is shorter than its load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an act was to show, what it showed, and whether they agree."""

    expected: str
    seen: str
    ok: bool


def prepare(stage: Stage) -> None:
    """An empty folder becomes a repository with data, two people and a server."""
    stage.show_python("ada", "generate.py", "--days", "60", "--per-day", "2500", "--seed", "7")
    stage.tokens["grace"] = _token(stage, "people", "add", "grace", "--role", "approver")
    stage.telling.command("ada", "plimsoll people add grace --role approver")
    stage.telling.output("grace can approve releases; her token goes to her alone")
    stage.tokens["ada"] = _token(stage, "tokens", "create")
    stage.telling.command("ada", "plimsoll up")
    server = stage.start("server", [sys.executable, "-m", "plimsoll", "up", "--port", "0", "--json"])
    address = stage.wait("`plimsoll up`", lambda: stage.document("server.out"), on=server)
    stage.server_url = address["address"]
    stage.telling.output(f"Plimsoll is up for {address['project']} at {address['address']}")


def first_release(stage: Stage) -> Seen:
    """Trained, gated against the baseline, approved by someone other than its author, live."""
    stage.show("ada", "run")
    verdict = stage.ask("ada", "verdict")["verdict"]
    stage.show("ada", "release")
    stage.show("ada", "deploy", "fraud@1", "--env", "staging")
    stage.show("ada", "approve", "fraud@1", "--env", "production", expect=4)
    stage.show("grace", "approve", "fraud@1", "--env", "production")
    stage.show("ada", "deploy", "fraud@1", "--env", "production")
    live = _deployment(stage, "production")
    start_load(stage, live["address"])
    answered = wait_for_answers(stage)
    baseline = verdict["champions"][0]["baseline"]
    return Seen(
        expected="the verdict passes against a baseline; its author may not approve it, grace may; it answers",
        seen=f"verdict {verdict['finding']} against {baseline}; ada refused, grace approved; {live['release']} is "
        f"{live['state']}, {answered} answers",
        ok=(verdict["finding"], live["release"], live["state"]) == ("pass", "fraud@1", "live") and bool(baseline),
    )


def nothing_twice(stage: Stage) -> Seen:
    """A rerun is all cached; a changed parameter reruns only what depends on it, as the plan had said."""
    stage.show("ada", "run", until="Verdict")
    again = _states(stage.ask("ada", "verdict")["run"])
    changed = ("--param", "learning_rate=0.08")
    stage.show("ada", "run", "--plan", *changed)
    planned = {step["step"] for step in stage.ask("ada", "run", "--plan", *changed) if not step["cached"]}
    stage.show("ada", "run", *changed, until="Verdict")
    report = stage.ask("ada", "verdict")
    ran = {step for step, state in _states(report["run"]).items() if state == "done"}
    cached = [step for step, state in again.items() if state == "cached"]
    wait_for_answers(stage)
    return Seen(
        expected="the rerun: all 6 steps cached; learning_rate reruns train, evaluate and scorer, as planned",
        seen=f"{len(cached)} of {len(again)} cached; planned {_list(planned)}; ran {_list(ran)}; "
        f"verdict {report['verdict']['finding']}",
        ok=set(cached) == set(STEPS) and planned == ran == {"train", "evaluate", "scorer"},
    )


def worse_model(stage: Stage) -> Seen:
    """Fine overall, worse in one slice: the verdict fails and names it, and no release comes of it."""
    stage.show("ada", "run", "--param", "train_without=LU", expect=1)
    verdict = stage.ask("ada", "verdict")["verdict"]
    refusal = stage.show("ada", "release", expect=1)
    checks = verdict["checks"]
    failed = [check for check in checks if check["finding"] == "fail"]
    overall = [check for check in checks if check["slice"] is None]
    live = _deployment(stage, "production")
    wait_for_answers(stage)
    return Seen(
        expected="overall within its margin, recall in LU worse beyond its margin: fail, no release, fraud@1 goes on",
        seen=f"{'; '.join(map(_harm, failed)) or 'nothing failed'}; {_overall(overall)}; release refused; "
        f"{live['release']} is {live['state']}",
        ok=verdict["finding"] == "fail"
        and [check["slice"] for check in failed] == ["country = LU"]
        and all(check["finding"] == "pass" for check in overall)
        and "release.failed_verdict" in refusal
        and (live["release"], live["state"]) == ("fraud@1", "live"),
    )


def follow_a_prediction(stage: Stage) -> Seen:
    """One captured prediction, back to commit, data, verdict and approver."""
    prediction = (stage.document("load.json") or {})["predictions"][0]
    stage.show("ada", "trace", prediction)
    links = stage.ask("ada", "trace", prediction)["links"]
    kinds = {link["kind"] for link in links}
    names = {link["name"] for link in links}
    wanted = {"prediction", "release", "approval", "run", "commit", "data", "runtime", "verdict"}
    return Seen(
        expected="a prediction leads to release, approver, run, commit, data, runtime and verdict",
        seen=f"{len(links)} links" + (f", without {_list(wanted - kinds)}" if wanted - kinds else ", none missing"),
        ok=wanted <= kinds and {prediction, "fraud@1", "grace for production"} <= names,
    )


def check_the_record(stage: Stage) -> Seen:
    """The audit chain from its first event to its last."""
    stage.show("ada", "audit", "verify")
    report = stage.ask("ada", "audit", "verify")
    return Seen(
        expected="the audit record is whole",
        seen=f"{report['events']} events, {report['heads']} signed heads, {len(report['findings'])} findings",
        ok=report["ok"] and report["events"] > 0,
    )


def load_counts(summary: Mapping[str, Any]) -> Seen:
    """The load of the whole story: nothing may have failed."""
    reasons = "; ".join(f"{number} x {reason}" for reason, number in summary["reasons"].items())
    latency = summary["latency_ms"]
    speed = f"; half within {latency['p50']:.1f} ms, 99 % within {latency['p99']:.1f} ms" if latency else ""
    return Seen(
        expected="requests sent and answered all along, 0 failed",
        seen=f"{summary['sent']:,} sent, {summary['answered']:,} answered, {summary['failed']} failed"
        + speed
        + (f" ({reasons})" if reasons else ""),
        ok=summary["failed"] == 0 and summary["sent"] == summary["answered"] > 0,
    )


def start_load(stage: Stage, address: str) -> None:
    """Real requests from another process, from now on."""
    model = f"{address}/v2/models/fraud"
    latest = max((stage.folder / "data").glob("transactions-*.parquet"))
    requests = stage.notes / "requests.jsonl"
    count = write_requests(model, latest, requests, count=REQUESTS)
    stage.telling.note(f"Another process sends {count} different payments to production, {RATE} a second, to the end.")
    arguments = [f"{model}/infer", str(requests), "--rate", str(RATE), "--status", str(stage.notes / "load.json")]
    stage.load = stage.start("load", [sys.executable, "-m", "plimsoll.demo.load", *arguments])


def end_load(stage: Stage) -> Mapping[str, Any] | None:
    """End the load once its requests under way are answered; its summary, None when it never began."""
    if stage.load is None:
        return None
    stage.load.send_signal(signal.SIGTERM)
    with suppress(TimeoutExpired):
        stage.load.wait(30)
    return stage.document("load.out") or stage.document("load.json")


def wait_for_answers(stage: Stage) -> int:
    """Wait until this many more were answered, or one failed; returns how many were answered altogether."""
    assert stage.load is not None
    before = (stage.document("load.json") or {}).get("answered", 0)

    def enough() -> int | None:
        status = stage.document("load.json")
        done = status is not None and (status["failed"] or status["answered"] >= before + ENOUGH)
        return status["answered"] if status is not None and done else None

    return stage.wait(f"{ENOUGH} answers from production", enough, on=stage.load)


def _token(stage: Stage, *command: str) -> str:
    return str(stage.ask("ada", *command)["token"])


def _deployment(stage: Stage, environment: str) -> dict[str, Any]:
    views: list[dict[str, Any]] = stage.ask("ada", "status")
    return next(view for view in views if view["environment"] == environment)


def _states(run: Mapping[str, Any]) -> dict[str, str]:
    return {step["step"]: step["state"] for step in run["steps"]}


def _list(names: set[str]) -> str:
    """The steps' names in the pipeline's order."""
    return ", ".join([*(step for step in STEPS if step in names), *sorted(names - set(STEPS))]) or "nothing"


def _harm(check: Mapping[str, Any]) -> str:
    difference = check["difference"]
    where = check["slice"] or "overall"
    if difference is None:
        return f"{check['metric']} {where}"
    return f"{check['metric']} {where} {difference['value']:+.2f} [{difference['low']:+.2f}, {difference['high']:+.2f}]"


def _overall(checks: list[dict[str, Any]]) -> str:
    """The overall comparison in short."""
    for check in checks:
        if check["difference"] is not None:
            return f"{check['metric']} overall {check['difference']['value']:+.3f}, {check['finding']}"
    return "no overall comparison"


ACTS: tuple[tuple[str, str, Callable[[Stage], Seen]], ...] = (
    ("Act 1", "A first release: trained, gated, approved by somebody else, live", first_release),
    ("Act 2", "Nothing is done twice, and the plan says what will be", nothing_twice),
    ("Act 3", "A worse model is refused", worse_model),
    ("Trace", "Where one prediction came from", follow_a_prediction),
    ("Audit", "Who did what, and is the record whole", check_the_record),
)
