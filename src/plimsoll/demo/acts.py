"""What happens in each act, what it must show, and what was seen. The acts change nothing but their stage."""

from __future__ import annotations

import re
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
CROWD_RATE = 500
"""Requests a second more, while releases are rolled out."""
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


def better_model(stage: Stage) -> Seen:
    """Better beyond doubt: it goes through the stages on evidence and is live."""
    _release(stage, "fraud@2", "trees=120", "learning_rate=0.06")
    stage.show("ada", "deploy", "fraud@2", "--env", "production", "--plan")
    bring_a_crowd(stage)
    stage.show("ada", "deploy", "fraud@2", "--env", "production", "--follow")
    stage.show("ada", "rollout", "--once", "--env", "production")
    send_the_crowd_away(stage)
    rollout = stage.ask("ada", "rollout", "--once", "--env", "production")
    passed = _stages_passed(stage)
    live = _deployment(stage, "production")
    return Seen(
        expected="through 5, 25 and 50 % on evidence, then live; no caller notices",
        seen=f"through {', '.join(f'{share:g}' for share in passed)} %, then {live['release']} is {live['state']}; "
        f"{rollout['touched']:,} requests touched, {rollout['noticed']} noticed",
        ok=passed == [5.0, 25.0, 50.0]
        and (live["release"], live["state"]) == ("fraud@2", "live")
        and rollout["noticed"] == 0,
    )


def unmasked_model(stage: Stage) -> Seen:
    """Passes every gate and fails on live payments of a new kind: the e-process takes it back, no caller notices."""
    parameters = ("trees=120", "learning_rate=0.06", "unknown_categories=error")
    verdict = _release(stage, "fraud@3", *parameters)
    bring_a_crowd(stage)
    stage.show("ada", "deploy", "fraud@3", "--env", "production", "--follow", expect=1)
    send_the_crowd_away(stage)
    stage.show("ada", "rollout", "report", "--env", "production")
    rollout = stage.ask("ada", "rollout", "--once", "--env", "production", expect=1)
    errors = next(test for test in rollout["tests"] if test["measure"] == "errors")
    live = _deployment(stage, "production")
    fallback = rollout["fallback_p99_s"]
    return Seen(
        expected="every gate passes; rolled back by the errors' e-value; no caller notices; fraud@2 goes on",
        seen=f"verdict {verdict}; {rollout['standing']} at e-value {errors['e_value']:,.0f} of {errors['wanted']:,.0f}, "
        f"{rollout['touched']:,} requests touched, {rollout['erred']} failed, {rollout['noticed']} noticed, "
        f"fallback p99 {1000 * (fallback or 0):.0f} ms; {live['release']} is {live['state']}",
        ok=verdict == "pass"
        and rollout["standing"] == "rolled back"
        and errors["e_value"] >= errors["wanted"]
        and rollout["noticed"] == 0
        and fallback is not None
        and (live["release"], live["state"]) == ("fraud@2", "live"),
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


def bring_a_crowd(stage: Stage) -> None:
    """More of the same requests, so that shares of them say something soon."""
    url = f"{_deployment(stage, 'production')['address']}/v2/models/fraud/infer"
    stage.telling.note(f"Another {CROWD_RATE} payments a second are sent to production meanwhile.")
    arguments = [url, str(stage.notes / "requests.jsonl"), "--rate", str(CROWD_RATE), "--connections", "8"]
    name = f"crowd-{len(stage.crowds) + 1}"
    stage.crowds[name] = stage.start(name, [sys.executable, "-m", "plimsoll.demo.load", *arguments])


def send_the_crowd_away(stage: Stage) -> None:
    """End what was sent more, once its requests under way are answered."""
    for crowd in stage.crowds.values():
        crowd.send_signal(signal.SIGTERM)
        with suppress(TimeoutExpired):
            crowd.wait(30)


def end_load(stage: Stage) -> Mapping[str, Any] | None:
    """End the load once its requests under way are answered; its summary, None when it never began."""
    if stage.load is None:
        return None
    stage.load.send_signal(signal.SIGTERM)
    with suppress(TimeoutExpired):
        stage.load.wait(30)
    send_the_crowd_away(stage)
    steady = stage.document("load.out") or stage.document("load.json")
    crowds = [stage.document(f"{name}.out") for name in stage.crowds]
    if steady is None or None in crowds:
        return None
    together: Mapping[str, Any] = steady
    for crowd in filter(None, crowds):
        together = _together(together, crowd)
    return together


def wait_for_answers(stage: Stage) -> int:
    """Wait until this many more were answered, or one failed; returns how many were answered altogether."""
    assert stage.load is not None
    before = (stage.document("load.json") or {}).get("answered", 0)

    def enough() -> int | None:
        status = stage.document("load.json")
        done = status is not None and (status["failed"] or status["answered"] >= before + ENOUGH)
        return status["answered"] if status is not None and done else None

    return stage.wait(f"{ENOUGH} answers from production", enough, on=stage.load)


def _together(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Two loads as one; latencies are those of the steady one, which was there all along."""
    counts = {name: one[name] + other[name] for name in ("sent", "answered", "failed")}
    return {**one, **counts, "reasons": {**other["reasons"], **one["reasons"]}}


def _release(stage: Stage, name: str, *parameters: str) -> str:
    """From parameters to a release that was live in staging and is approved for production; its verdict's finding."""
    given = [part for parameter in parameters for part in ("--param", parameter)]
    stage.show("ada", "run", *given)
    finding = str(stage.ask("ada", "verdict")["verdict"]["finding"])
    stage.show("ada", "release")
    stage.show("ada", "deploy", name, "--env", "staging")
    stage.show("grace", "approve", name, "--env", "production")
    return finding


def _stages_passed(stage: Stage) -> list[float]:
    """The shares at which the latest rollout had seen enough, as its report has them."""
    text = " ".join(stage.ask("ada", "rollout", "report", "--env", "production")["text"].split())
    return [float(share) for share in re.findall(r"Enough seen in stage \d of \d \(([\d.]+) %\)", text)]


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
    ("Act 4", "A better model goes live on evidence, share by share", better_model),
    ("Act 5", "A model that passes every gate fails on live payments, and is taken back", unmasked_model),
    ("Trace", "Where one prediction came from", follow_a_prediction),
    ("Audit", "Who did what, and is the record whole", check_the_record),
)
