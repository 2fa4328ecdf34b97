"""An environment as a decision about it finds it: settings, what runs, what ran before, the rollout under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from plimsoll.edge.context import Context
from plimsoll.gates.entities import Verdict
from plimsoll.governance.operations import require_approvals
from plimsoll.kernel.errors import PlimsollError
from plimsoll.ledger.engine import Transaction
from plimsoll.project.entities import Environment
from plimsoll.project.environments import find_environment
from plimsoll.project.load import load_project
from plimsoll.release.decide import require_fresh, require_passed
from plimsoll.release.entities import Release
from plimsoll.rollout import store
from plimsoll.rollout.admission import has_lived_there, is_settling, require_baked, require_free, spec_of
from plimsoll.rollout.entities import Deployment, DeploymentChange, Rollout
from plimsoll.rollout.rollouts import ReleaseRef, RolloutSpec, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """All that is known of one environment at one moment."""

    name: str
    settings: Environment
    deployment: Deployment | None
    history: tuple[DeploymentChange, ...]
    before: tuple[DeploymentChange, ...]
    """History of the environment that comes before this one; empty when none does."""
    rollout: Rollout | None
    champions: dict[str, str | None]
    """Environment -> digest of its live release, of the whole project."""

    @property
    def champion(self) -> ReleaseRef | None:
        """The live release, when something runs."""
        found = self.deployment
        if found is None or found.wanted == "stopped" or not found.digest:
            return None
        return ReleaseRef(name=found.release, digest=found.digest)

    def wants(self, digest: str) -> bool:
        """Whether the environment runs this release already, or is on its way to it."""
        if self.rollout is not None and not is_settling(self.rollout):
            return self.rollout.spec.candidate.digest == digest
        return self.champion is not None and self.champion.digest == digest

    def spec(self, candidate: ReleaseRef, *, strategy: Strategy | None, way_back: bool = False) -> RolloutSpec:
        """The rollout by which the candidate would come here."""
        return spec_of(self.settings, champion=self.champion, candidate=candidate, strategy=strategy, way_back=way_back)


def find_place(context: Context, transaction: Transaction, name: str, settings: Environment) -> Place:
    """The environment as the ledger has it now."""
    project, before = context.project, settings.after
    return Place(
        name=name,
        settings=settings,
        deployment=store.find(transaction, project=project, environment=name),
        history=store.history(transaction, project=project, environment=name),
        before=store.history(transaction, project=project, environment=before) if before else (),
        rollout=store.rollout_under_way(transaction, project=project, environment=name),
        champions=champions(transaction, project=project),
    )


def require_known(context: Context, name: str) -> None:
    """Of an environment about which the ledger has nothing: raises UnknownEnvironment unless the project has it."""
    find_environment(load_project(context.workspace.project_file), name)


def champions(transaction: Transaction, *, project: str) -> dict[str, str | None]:
    """Environment -> digest of its live release."""
    return {item.environment: item.digest or None for item in store.of_project(transaction, project=project)}


class Admission:
    """Whether a release may come to a place. Each rule raises what it refuses with; `refusals` gathers all."""

    def __init__(
        self, context: Context, transaction: Transaction, release: Release, place: Place, *, verdict: Verdict
    ) -> None:
        self._context = context
        self._transaction = transaction
        self._release = release
        self._place = place
        self._verdict = verdict

    def free(self) -> None:
        """Raises RolloutUnderWay."""
        require_free(self._place.rollout)

    def judged(self) -> None:
        """A passing verdict against today's champions; not asked again of a release that lived here.

        Raises VerdictFailed, VerdictInconclusive, VerdictStale.
        """
        if not has_lived_there(self._release.digest, self._place.history):
            require_passed(self._release.run, self._verdict)
            require_fresh(self._release.name, self._verdict, champions=self._place.champions)

    def baked(self) -> None:
        """Raises NotBaked; a release that lived here has been through it."""
        if not has_lived_there(self._release.digest, self._place.history):
            require_baked(
                ReleaseRef(name=self._release.name, digest=self._release.digest),
                environment=self._place.settings,
                history=self._place.before,
                now=self._context.clock.now(),
            )

    def approved(self) -> None:
        """Raises NotApproved."""
        require_approvals(
            self._transaction,
            project=self._release.project,
            release=self._release.name,
            digest=self._release.digest,
            environment=self._place.name,
            authors=self._release.authors,
            rules=self._place.settings.approvals,
        )

    def require(self) -> None:
        """Raises the first refusal that applies."""
        for rule in self._rules:
            rule()

    def refusals(self) -> tuple[str, ...]:
        """Every refusal that applies, as `code: text`."""
        found = []
        for rule in self._rules:
            try:
                rule()
            except PlimsollError as error:
                found.append(f"{error.code}: {error}")
        return tuple(found)

    @property
    def _rules(self) -> tuple[Callable[[], None], ...]:
        # In the transaction that deploys, or two deployments at once would both be fresh against the same champion.
        return (self.free, self.judged, self.baked, self.approved)
