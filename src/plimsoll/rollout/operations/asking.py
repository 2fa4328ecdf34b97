"""What areas above ask of environments: would a release be admitted now, and how did its rollout go?"""

from __future__ import annotations

from plimsoll.edge.context import Context
from plimsoll.gates.operations import get_verdict
from plimsoll.kernel.errors import PlimsollError
from plimsoll.project.entities import Environment
from plimsoll.release.entities import Release
from plimsoll.rollout import store
from plimsoll.rollout.admission import is_settling
from plimsoll.rollout.entities import Rollout
from plimsoll.rollout.operations.place import Admission, champions, find_place

MOST = 50
"""How many of an environment's latest rollouts are searched."""


def refusal_of(context: Context, release: Release, environment: str, settings: Environment) -> PlimsollError | None:
    """Why deploying the release would be refused now; None when it would begin."""
    verdict = get_verdict(context, release.verdict)
    with context.database.read() as transaction:
        place = find_place(context, transaction, environment, settings)
        try:
            Admission(context, transaction, release, place, verdict=verdict).require()
        except PlimsollError as error:
            return error
    return None


def rollout_of(context: Context, *, environment: str, digest: str, known: str = "") -> Rollout | None:
    """The latest rollout of a release in an environment. known: its id, once that is known."""
    with context.database.read() as transaction:
        if known:
            return store.find_rollout(transaction, known)
        found = store.rollouts(transaction, project=context.project, environment=environment, most=MOST)
    return next((rollout for rollout in found if rollout.spec.candidate.digest == digest), None)


def rollout_in_the_way(context: Context, environment: str) -> Rollout | None:
    """The rollout under way whose candidate is not live yet."""
    with context.database.read() as transaction:
        found = store.rollout_under_way(transaction, project=context.project, environment=environment)
    return None if found is None or is_settling(found) else found


def live_digest(context: Context, environment: str) -> str:
    """The digest of an environment's live release, also of one that is stopped now; empty without any."""
    with context.database.read() as transaction:
        return champions(transaction, project=context.project).get(environment) or ""
