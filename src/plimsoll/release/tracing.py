"""Follows things back to where they come from. Reads only; each station becomes one Link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plimsoll.capture.reader import CapturedPrediction, find_prediction
from plimsoll.edge.context import Context
from plimsoll.gates.operations import get_verdict
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import approvals_of_release, events_about
from plimsoll.pipeline.entities import Run
from plimsoll.pipeline.operations import get_run
from plimsoll.pipeline.ran_on import read_record
from plimsoll.release.entities import Link, Release, Reproduced, Trace
from plimsoll.release.errors import UntraceableId


def trace_prediction(context: Context, subject: str, *, onward: Callable[[str], Trace]) -> Trace:
    """From a captured prediction to its release and on. Raises UntraceableId when no capture holds it.

    onward: takes the release's digest.
    """
    captured = _captured(context, subject)
    if captured is None:
        raise UntraceableId(subject=subject)
    facts = (
        ("at", captured.at),
        ("environment", captured.environment),
        ("inputs", dict(captured.inputs)),
        ("outputs", dict(captured.outputs)),
        ("status", captured.status),
        ("latency ms", round(captured.latency_s * 1000, 3)),
        *routing_facts(captured),
    )
    rest = onward(captured.digest)
    return Trace(subject=subject, links=(Link(kind="prediction", name=subject, facts=facts), *rest.links))


def routing_facts(captured: CapturedPrediction) -> tuple[tuple[str, Any], ...]:
    """Why this release answered, where it was not simply the live one: nothing then."""
    facts: list[tuple[str, Any]] = []
    if captured.rollout:
        stage = "" if captured.stage is None else f", stage {captured.stage + 1}"
        facts.append(
            ("rollout", f"{captured.rollout}{stage}: {captured.role}, with a chance of {captured.propensity:g}")
        )
    if captured.fallback_for:
        facts.append(("in the stead of", f"{captured.fallback_for}, which failed or was late"))
        facts.append(("because", captured.fallback_because))
    if captured.role == "shadow":
        facts.append(("copy of", captured.copy_of or "a prediction that is not captured"))
    if captured.pinned:
        facts.append(("chosen by", "the caller"))
    return tuple(facts)


def trace_release(
    context: Context, subject: str, release: Release, *, reproductions: tuple[Reproduced, ...] = ()
) -> Trace:
    """From a release to its last reproduction, approvals, deployments, run, commit, data, runtime and verdict.

    reproductions: latest first.
    """
    facts = (
        ("digest", release.digest),
        ("created", f"{release.created_at} by {release.created_by}"),
        ("authors", ", ".join(release.authors)),
        *((("because", release.because),) if release.because else ()),
        ("served as", "ONNX in the door" if release.compiled else "a worker process"),
        *((("uncommitted files", ", ".join(release.dirty)),) if release.dirty else ()),
    )
    approvals = tuple(
        Link(
            kind="approval",
            name=f"{approval.person} for {approval.environment}",
            facts=(("at", approval.approved_at), *((("comment", approval.comment),) if approval.comment else ())),
        )
        for approval in approvals_of_release(context, digest=release.digest)
    )
    deployments = tuple(
        Link(
            kind="deployment",
            name=str(event.detail.get("environment", "")),
            facts=(
                ("at", event.at),
                ("by", event.detail.get("by", event.actor)),
                ("wanted", event.detail.get("wanted", "")),
                *((("rollout", event.detail["rollout"]),) if event.detail.get("rollout") else ()),
            ),
        )
        for event in events_about(context, subject=release.name)
        if event.action == Action.DEPLOYMENT_CHANGED
    )
    rest = trace_run(context, subject, get_run(context, release.run))
    return Trace(
        subject=subject,
        links=(
            Link(kind="release", name=release.name, facts=facts),
            *map(_reproduction, reproductions[:1]),
            *approvals,
            *deployments,
            *rest.links,
        ),
    )


def _reproduction(made: Reproduced) -> Link:
    facts = (("at", made.created_at), ("by", made.created_by), ("id", made.id), ("signed report", made.envelope))
    return Link(kind="reproduction", name=made.grade, facts=facts)


def trace_run(context: Context, subject: str, run: Run) -> Trace:
    """From a run to its commit, data versions, runtime and verdict."""
    facts = (
        ("started", f"{run.started_at} by {run.created_by}"),
        *((("because", run.because),) if run.because else ()),
        *((("on behalf of", ", ".join(run.owners)),) if run.owners else ()),
        ("state", str(run.state)),
        ("parameters", dict(run.params)),
    )
    commit = Link(
        kind="commit",
        name=run.commit or "none",
        facts=(
            ("author", run.commit_author),
            ("code", run.code_digest),
            ("uncommitted files", list(run.dirty)),
            ("their patch", run.patch),
        ),
    )
    data = tuple(
        Link(kind="data", name=name, facts=(("version", digest),)) for name, digest in sorted(run.data.items())
    )
    lock = context.artifacts.read_bytes(run.lock_digest).decode().splitlines()
    facts_of_lock = (("python", lock[0]), ("packages", len(lock) - 1), *machine_facts(context, run))
    runtime = Link(kind="runtime", name=run.lock_digest, facts=facts_of_lock)
    return Trace(
        subject=subject,
        links=(Link(kind="run", name=run.id, facts=facts), commit, *data, runtime, *_verdict(context, run)),
    )


def machine_facts(context: Context, run: Run) -> tuple[tuple[str, Any], ...]:
    """What the runtime record tells people; nothing for a run that has none."""
    record = read_record(context.artifacts, run.runtime)
    if record is None:
        return ()
    threads = {name: " or ".join(map(str, counts)) for name, counts in record.libraries.items()}
    return (
        ("record", run.runtime),
        ("build", f"{record.python['build']}, {record.python['compiler']}"),
        ("platform", ", ".join(part for part in record.platform.values() if part)),
        ("cpu", f"{record.cpu['model']}, {record.cpu['cores']} cores"),
        ("threads", threads),
        ("variables", dict(record.variables)),
        ("switches", dict(record.switches)),
    )


def _verdict(context: Context, run: Run) -> tuple[Link, ...]:
    if run.verdict is None:
        return ()
    verdict = get_verdict(context, run.verdict)
    facts = (
        ("finding", str(verdict.finding)),
        ("decided", verdict.decided_at),
        ("rows", verdict.rows),
        ("against", [champion.release or f"baseline ({champion.baseline})" for champion in verdict.champions]),
    )
    return (Link(kind="verdict", name=verdict.id, facts=facts),)


def _captured(context: Context, prediction: str) -> CapturedPrediction | None:
    folders = sorted(path for path in (context.workspace.state / "capture").glob("*") if path.is_dir())
    for folder in folders:
        found = find_prediction(folder, prediction)
        if found is not None:
            return found
    return None
