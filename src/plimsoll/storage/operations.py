"""Collect what nothing needs any more: tell what would go and what stays and why, or remove it, on the record.

The ledger's rows stay: a run whose bytes went is still a run, with its parameters, metrics and verdict. Whoever looks
for bytes takes those that are gone for gone, so a collection that is killed leaves nothing wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from plimsoll.artifacts.sweeping import alone, needed, stored, sweep
from plimsoll.edge.context import Context, Progress, Role
from plimsoll.edge.operations import operation
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.kernel.clock import to_text
from plimsoll.ledger.engine import Row, Transaction
from plimsoll.storage import store
from plimsoll.storage.decide import kept_runs
from plimsoll.storage.entities import Collection, CollectRequest, Group, PinnedVersion, Reason
from plimsoll.storage.errors import OtherLedger
from plimsoll.storage.leftovers import Leftover, leftovers

_PATIENCE_S = 2.0

_WHY = {
    "logs": "of runs that are not kept",
    "scratch": "made anew when it is needed",
    "runtimes": "of no release",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Needs:
    """What the ledger needs, by why."""

    runs: Mapping[str, Reason]
    digests: Mapping[str, set[str]]
    """Why -> digests, in the order in which it is told."""
    versions: tuple[PinnedVersion, ...]
    locks: frozenset[str]


@operation("storage.collect", "POST", "/storage/collect", role=Role.ADMIN, request=CollectRequest, response=Collection)
def collect(context: Context, request: CollectRequest) -> Collection:
    """Tell what nothing needs any more, or remove it. Raises StoreInUse while runs or releases are made, OtherLedger."""
    with alone(context.artifacts, patience_s=_PATIENCE_S):
        with context.database.read() as transaction:
            _require_own(context, transaction)
            needs = _needs(context, transaction, request)
        context.progress(Progress(task="gc", message="looking for what is needed"))
        kept, keep = _kept(context, needs)
        beside = list(leftovers(context.workspace, runs=needs.runs, locks=needs.locks))
        removed = (*_unneeded(context, keep), *_grouped(beside))
        found = Collection(applied=request.apply, removed=removed, kept=kept, versions=needs.versions)
        if request.apply and removed:
            with context.database.write() as transaction:
                _record(context, transaction, found)
            context.progress(Progress(task="gc", message="removing"))
            sweep(context.artifacts, keep)
            for leftover in beside:
                leftover.remove()
        return found


def _require_own(context: Context, transaction: Transaction) -> None:
    """Raises OtherLedger where artifacts lie that this ledger may know nothing of: it would give all of them up."""
    usual = context.workspace.state / "ledger.sqlite"
    if context.workspace.ledger_url != f"sqlite:///{usual}" and usual.exists():
        problem = f"this one is not {usual.name} beside them"
    elif not store.runs(transaction) and any(True for _ in stored(context.artifacts)):
        problem = "this one knows no run"
    else:
        return
    raise OtherLedger(store=str(context.artifacts.root), problem=problem)


def _needs(context: Context, transaction: Transaction, request: CollectRequest) -> _Needs:
    released = {row["run_id"]: f"{row['project']}@{row['number']}" for row in store.releases(transaction)}
    runs = kept_runs(
        store.runs(transaction),
        released=released,
        keep_latest=request.keep_runs,
        young_since=to_text(context.clock.now() - timedelta(seconds=request.older_than_s)),
    )
    of_releases = store.digests_of_runs(transaction, lambda run: run in released)
    of_releases |= {row["tree"] for row in store.releases(transaction)}
    of_runs = store.digests_of_runs(transaction, lambda run: run in runs)
    pinned = _pinned(store.versions(transaction), of_releases, of_runs)
    for row, _, by_release in pinned:
        (of_releases if by_release else of_runs).update(store.digests_in(row))
    everything = of_releases | of_runs
    scores = {row["artifact"] for row in store.scores(transaction) if row["scorer"] in everything}
    return _Needs(
        runs=runs,
        digests={
            "releases need them": of_releases,
            "runs that are kept need them": of_runs | scores,
            "the ledger names them otherwise": store.digests_elsewhere(transaction),
        },
        versions=tuple(
            PinnedVersion(version=f"{row['dataset']}@{row['digest'][:12]}", why=why) for row, why, _ in pinned
        ),
        locks=frozenset(row["lock_digest"] for row in store.releases(transaction)),
    )


def _pinned(versions: list[Row], of_releases: set[str], of_runs: set[str]) -> list[tuple[Row, str, bool]]:
    """The data versions to keep, each with why, and whether because of a release."""
    kept = []
    seen = set()
    for row in versions:
        dataset = (row["project"], row["dataset"])
        if row["digest"] in of_releases:
            kept.append((row, "a release was made of it", True))
        elif row["digest"] in of_runs:
            kept.append((row, "a run that is kept used it", False))
        elif dataset not in seen:
            kept.append((row, "it is the latest of its dataset", False))
        seen.add(dataset)
    return kept


def _kept(context: Context, needs: _Needs) -> tuple[tuple[Group, ...], set[str]]:
    """What stays, by why, each artifact once; and all of it."""
    keep: set[str] = set()
    groups = []
    for why, digests in needs.digests.items():
        more = needed(context.artifacts, digests) - keep
        keep |= more
        size = sum(context.artifacts.path(digest).stat().st_size for digest in more)
        groups.append(Group(what="artifacts", why=why, count=len(more), size=size))
    counted = Counter(needs.runs.values())
    groups += [Group(what="runs", why=str(reason), count=count, size=0) for reason, count in counted.items()]
    return tuple(group for group in groups if group.count), keep


def _unneeded(context: Context, keep: set[str]) -> tuple[Group, ...]:
    sizes = [size for digest, size in stored(context.artifacts) if digest not in keep]
    why = "nothing that is kept needs them"
    return (Group(what="artifacts", why=why, count=len(sizes), size=sum(sizes)),) if sizes else ()


def _grouped(beside: list[Leftover]) -> tuple[Group, ...]:
    counts: Counter[str] = Counter(leftover.what for leftover in beside)
    sizes: Counter[str] = Counter()
    for leftover in beside:
        sizes[leftover.what] += leftover.size
    return tuple(Group(what=what, why=_WHY[what], count=count, size=sizes[what]) for what, count in counts.items())


def _record(context: Context, transaction: Transaction, found: Collection) -> None:
    detail = {group.what: {"count": group.count, "bytes": group.size} for group in found.removed}
    record(context, transaction, action=Action.STORAGE_COLLECTED, subject=context.project, detail=detail)
