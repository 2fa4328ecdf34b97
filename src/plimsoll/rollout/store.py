"""Rows of the deployments and their history, and the entities they hold."""

from __future__ import annotations

from dataclasses import asdict, fields

from plimsoll.ledger.engine import Row, Transaction
from plimsoll.rollout.entities import Deployment, DeploymentChange


def find(transaction: Transaction, *, project: str, environment: str) -> Deployment | None:
    row = transaction.one(
        "SELECT * FROM deployments WHERE project = :project AND environment = :environment",
        project=project,
        environment=environment,
    )
    return None if row is None else Deployment(**row)


def of_project(transaction: Transaction, *, project: str) -> tuple[Deployment, ...]:
    rows = transaction.all("SELECT * FROM deployments WHERE project = :project ORDER BY environment", project=project)
    return tuple(Deployment(**row) for row in rows)


def save(transaction: Transaction, deployment: Deployment, change: DeploymentChange) -> None:
    """Write what an environment shall run from now on, and the line of history that says so."""
    _upsert(transaction, deployment)
    names = [column.name for column in fields(DeploymentChange)]
    values = ", ".join(f":{name}" for name in names)
    transaction.execute(f"INSERT INTO deployment_history ({', '.join(names)}) VALUES ({values})", **asdict(change))


def note_outcome(
    transaction: Transaction, *, project: str, environment: str, digest: str, port: int, problem: str
) -> None:
    """Write down how the attempt to run a release went; nothing when something else is wanted by now."""
    transaction.execute(
        """
        UPDATE deployments SET port = :port, problem = :problem
        WHERE project = :project AND environment = :environment AND digest = :digest
        """,
        project=project,
        environment=environment,
        digest=digest,
        port=port,
        problem=problem,
    )


def history(transaction: Transaction, *, project: str, environment: str | None = None) -> tuple[DeploymentChange, ...]:
    """Every change, oldest first; of one environment when it is named."""
    rows: list[Row] = transaction.all(
        """
        SELECT * FROM deployment_history
        WHERE project = :project AND (environment = :environment OR :every = 1) ORDER BY changed_at, id
        """,
        project=project,
        environment=environment or "",
        every=int(environment is None),
    )
    return tuple(DeploymentChange(**row) for row in rows)


def _upsert(transaction: Transaction, deployment: Deployment) -> None:
    names = [column.name for column in fields(Deployment)]
    values = ", ".join(f":{name}" for name in names)
    updates = ", ".join(f"{name} = excluded.{name}" for name in names if name not in {"project", "environment"})
    transaction.execute(
        f"INSERT INTO deployments ({', '.join(names)}) VALUES ({values}) "
        f"ON CONFLICT (project, environment) DO UPDATE SET {updates}",
        **asdict(deployment),
    )
