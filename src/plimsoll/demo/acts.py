"""The first five acts: from a first release to a model that is taken back. They change nothing but their stage."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

from plimsoll.demo.seen import Seen, deployment_of
from plimsoll.demo.stage import Stage
from plimsoll.demo.traffic import bring_a_crowd, send_the_crowd_away, start_load, wait_for_answers

STEPS = ("labelled", "split", "train", "evaluate", "profile", "scorer")


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
    live = deployment_of(stage, "production")
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
    live = deployment_of(stage, "production")
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
    live = deployment_of(stage, "production")
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
    live = deployment_of(stage, "production")
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
