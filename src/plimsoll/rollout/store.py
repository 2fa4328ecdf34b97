"""Rows of deployments, their history, rollouts with their decisions and orders, and the outbox of effects."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.documents import from_document, to_document
from plimsoll.ledger.engine import Row, Transaction
from plimsoll.rollout.decisions import Decision
from plimsoll.rollout.entities import Deployment, DeploymentChange, Effects, Rollout, Told
from plimsoll.rollout.rollouts import Order, RolloutSpec


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


def save(transaction: Transaction, deployment: Deployment) -> None:
    """Write what an environment runs by decision from now on."""
    names = [column.name for column in fields(Deployment)]
    updates = ", ".join(f"{name} = excluded.{name}" for name in names if name not in {"project", "environment"})
    transaction.execute(
        f"{_insert('deployments', names)} ON CONFLICT (project, environment) DO UPDATE SET {updates}",
        **asdict(deployment),
    )


def add_change(transaction: Transaction, change: DeploymentChange) -> None:
    """Write a line of an environment's history."""
    names = [column.name for column in fields(DeploymentChange)]
    transaction.execute(_insert("deployment_history", names), **asdict(change))


def note_outcome(transaction: Transaction, *, project: str, environment: str, port: int, problem: str) -> None:
    """Write down where an environment answers, unless that was set meanwhile, and what its target cannot do."""
    transaction.execute(
        """
        UPDATE deployments SET port = CASE WHEN port = 0 THEN CAST(:port AS INTEGER) ELSE port END, problem = :problem
        WHERE project = :project AND environment = :environment
        """,
        project=project,
        environment=environment,
        port=port,
        problem=problem,
    )


def history(transaction: Transaction, *, project: str, environment: str) -> tuple[DeploymentChange, ...]:
    """Every change of an environment, oldest first."""
    rows = transaction.all(
        """
        SELECT * FROM deployment_history WHERE project = :project AND environment = :environment
        ORDER BY changed_at, id
        """,
        project=project,
        environment=environment,
    )
    return tuple(DeploymentChange(**row) for row in rows)


def add_rollout(transaction: Transaction, rollout: Rollout) -> None:
    """Begin a rollout. The database refuses a second one under way in an environment."""
    names = [column.name for column in fields(Rollout)]
    values = {**{name: getattr(rollout, name) for name in names}, **_documents(rollout)}
    transaction.execute(_insert("rollouts", names), **values)


def save_rollout(transaction: Transaction, rollout: Rollout) -> bool:
    """Write a rollout's latest decision; False when somebody wrote another one since it was read."""
    touched = transaction.execute(
        """
        UPDATE rollouts SET latest = :latest, version = :version, ended_at = :ended_at
        WHERE id = :id AND version = :version - 1 AND ended_at = ''
        """,
        id=rollout.id,
        latest=_text(rollout.latest),
        version=rollout.version,
        ended_at=rollout.ended_at,
    )
    return touched == 1


def rollout_under_way(transaction: Transaction, *, project: str, environment: str) -> Rollout | None:
    row = transaction.one(
        "SELECT * FROM rollouts WHERE project = :project AND environment = :environment AND ended_at = ''",
        project=project,
        environment=environment,
    )
    return None if row is None else _rollout(row)


def rollouts(transaction: Transaction, *, project: str, environment: str, most: int) -> tuple[Rollout, ...]:
    """The latest rollouts of an environment, newest first; the one under way is the newest whatever clocks say."""
    rows = transaction.all(
        """
        SELECT * FROM rollouts WHERE project = :project AND environment = :environment
        ORDER BY CASE WHEN ended_at = '' THEN 0 ELSE 1 END, started_at DESC, id DESC LIMIT :most
        """,
        project=project,
        environment=environment,
        most=most,
    )
    return tuple(_rollout(row) for row in rows)


def find_rollout(transaction: Transaction, identifier: str) -> Rollout | None:
    row = transaction.one("SELECT * FROM rollouts WHERE id = :id", id=identifier)
    return None if row is None else _rollout(row)


def add_decision(transaction: Transaction, rollout: str, decision: Decision, *, is_turn: bool) -> None:
    """Write a decision into a rollout's record. is_turn: whether it changed something, rather than went on watching."""
    transaction.execute(
        """
        INSERT INTO rollout_decisions (rollout, number, is_turn, decision)
        SELECT :rollout, COALESCE(MAX(number), 0) + 1, :is_turn, :decision
        FROM rollout_decisions WHERE rollout = :rollout
        """,
        rollout=rollout,
        is_turn=int(is_turn),
        decision=_text(decision),
    )


def decisions(transaction: Transaction, rollout: str) -> tuple[Decision, ...]:
    """A rollout's record, oldest first."""
    rows = transaction.all(
        "SELECT decision FROM rollout_decisions WHERE rollout = :rollout ORDER BY number", rollout=rollout
    )
    return tuple(from_document(Decision, json.loads(row["decision"])) for row in rows)


def turns(transaction: Transaction, rollout: str) -> tuple[Decision, ...]:
    """The decisions that changed something, oldest first."""
    rows = transaction.all(
        "SELECT decision FROM rollout_decisions WHERE rollout = :rollout AND is_turn = 1 ORDER BY number",
        rollout=rollout,
    )
    return tuple(from_document(Decision, json.loads(row["decision"])) for row in rows)


def last_decision(transaction: Transaction, rollout: str) -> Decision:
    """The newest line of a rollout's record, which has one from its beginning on."""
    (row,) = transaction.all(
        "SELECT decision FROM rollout_decisions WHERE rollout = :rollout ORDER BY number DESC LIMIT 1", rollout=rollout
    )
    return from_document(Decision, json.loads(row["decision"]))


def add_order(transaction: Transaction, identifier: str, rollout: str, order: Order, *, at: str) -> None:
    """Write down what a person ordered, for the next look."""
    transaction.execute(
        """
        INSERT INTO rollout_orders (id, rollout, person_order, ordered_at, taken_at)
        VALUES (:id, :rollout, :person_order, :at, '')
        """,
        id=identifier,
        rollout=rollout,
        person_order=_text(order),
        at=at,
    )


def open_orders(transaction: Transaction, rollout: str) -> list[tuple[str, Order]]:
    """Orders that no look has taken yet, oldest first, with their ids."""
    rows = transaction.all(
        "SELECT id, person_order FROM rollout_orders WHERE rollout = :rollout AND taken_at = '' ORDER BY ordered_at, id",
        rollout=rollout,
    )
    return [(row["id"], from_document(Order, json.loads(row["person_order"]))) for row in rows]


def take_order(transaction: Transaction, identifier: str, *, at: str) -> None:
    """An order was looked at; it is not looked at again."""
    transaction.execute("UPDATE rollout_orders SET taken_at = :at WHERE id = :id", id=identifier, at=at)


def close_orders(transaction: Transaction, rollout: str, *, at: str) -> None:
    """A rollout has ended: what was still ordered of it has come too late."""
    transaction.execute(
        "UPDATE rollout_orders SET taken_at = :at WHERE rollout = :rollout AND taken_at = ''", rollout=rollout, at=at
    )


def add_effects(transaction: Transaction, effects: Effects) -> None:
    """Put into the outbox what a target must be told."""
    names = ["project", "environment", "revision", "wanted", "because", "created_at", "performed_at"]
    values = {name: getattr(effects, name) for name in names if name != "wanted"}
    transaction.execute(_insert("effects", names), **values, wanted=_text(effects.told))


def latest_effects(transaction: Transaction, *, project: str, environment: str) -> Effects | None:
    """The newest entry of an environment's outbox: it says all, so what came before it is of no more use."""
    row = transaction.one(
        """
        SELECT * FROM effects WHERE project = :project AND environment = :environment
        ORDER BY revision DESC LIMIT 1
        """,
        project=project,
        environment=environment,
    )
    if row is None:
        return None
    return Effects(told=from_document(Told, json.loads(row.pop("wanted"))), **row)


def mark_performed(transaction: Transaction, effects: Effects, *, at: str) -> None:
    """The target was told; the first time counts."""
    transaction.execute(
        """
        UPDATE effects SET performed_at = :at
        WHERE project = :project AND environment = :environment AND revision = :revision AND performed_at = ''
        """,
        project=effects.project,
        environment=effects.environment,
        revision=effects.revision,
        at=at,
    )


def _insert(table: str, names: list[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"


def _documents(rollout: Rollout) -> dict[str, str]:
    return {"spec": _text(rollout.spec), "latest": _text(rollout.latest)}


def _text(noun: Any) -> str:
    return canonical_json(to_document(noun)).decode()


def _rollout(row: Row) -> Rollout:
    return Rollout(
        **{
            **row,
            "spec": from_document(RolloutSpec, json.loads(row["spec"])),
            "latest": from_document(Decision, json.loads(row["latest"])),
        }
    )
