"""Make a release's model again, keep the signed report, and read the reports that there are."""

from __future__ import annotations

from plimsoll.artifacts.sweeping import at_work
from plimsoll.edge.context import Context, Role
from plimsoll.edge.operations import operation
from plimsoll.governance.entities import Action
from plimsoll.governance.operations import record
from plimsoll.release import store
from plimsoll.release.entities import Release, Reproduced
from plimsoll.release.operations.releases import get_release
from plimsoll.release.requests import ReleaseName, ReproduceRequest
from plimsoll.release.signed_reproduction import SignedReproduction, read_reproduction, sign_reproduction


@operation(
    "releases.reproduce", "POST", "/releases/{release}/reproductions", role=Role.DEVELOPER,
    request=ReproduceRequest, response=SignedReproduction,
)  # fmt: skip
def reproduce_release(context: Context, request: ReproduceRequest) -> SignedReproduction:
    """Make a release's model again from its code, data and runtime, and sign how well that went."""
    release = get_release(context, request.release)
    with at_work(context.artifacts):
        return _reproduce(context, release, request)


def _reproduce(context: Context, release: Release, request: ReproduceRequest) -> SignedReproduction:
    from plimsoll.release.reproducing import reproduce

    made = reproduce(context, release, seeds=request.seeds, here=request.here)
    signed = sign_reproduction(context, made)
    kept = Reproduced(
        id=made.id,
        grade=str(made.grade),
        envelope=signed.envelope,
        runtime=made.record,
        created_by=made.created_by,
        created_at=made.created_at,
    )
    detail = {"digest": release.digest, "grade": kept.grade, "because": made.because, "report": kept.envelope}
    with context.database.write() as transaction:
        store.insert_reproduction(transaction, kept, project=release.project, digest=release.digest)
        record(context, transaction, action=Action.RELEASE_REPRODUCED, subject=release.name, detail=detail)
    return signed


@operation(
    "reproductions.list", "GET", "/releases/{release}/reproductions", role=Role.VIEWER, request=ReleaseName,
    response=tuple[SignedReproduction, ...],
)  # fmt: skip
def list_reproductions(context: Context, request: ReleaseName) -> tuple[SignedReproduction, ...]:
    """Every reproduction of a release, latest first, each with its signature verified."""
    kept = reproductions_of(context, get_release(context, request.release))
    return tuple(read_reproduction(context, one.envelope) for one in kept)


def reproductions_of(context: Context, release: Release) -> tuple[Reproduced, ...]:
    """What the ledger says of a release's reproductions, latest first."""
    with context.database.read() as transaction:
        return store.reproductions_of(transaction, digest=release.digest)
