"""Rows of verdicts and of cached scores, and the entities that they hold. A verdict is inserted, never changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from plimsoll.gates.entities import Champion, CheckResult, Estimate, Finding, Verdict
from plimsoll.kernel.canonical import canonical_json
from plimsoll.ledger.engine import Transaction

_ESTIMATES = ("candidate", "reference", "difference")


def insert(transaction: Transaction, verdict: Verdict, *, project: str) -> None:
    """Save a verdict; the same one twice stays as it is."""
    transaction.execute(
        """
        INSERT INTO verdicts (id, project, run_id, finding, document, decided_at)
        VALUES (:id, :project, :run, :finding, :document, :decided_at)
        ON CONFLICT DO NOTHING
        """,
        id=verdict.id,
        project=project,
        run=verdict.run,
        finding=str(verdict.finding),
        document=canonical_json(asdict(verdict)).decode(),
        decided_at=verdict.decided_at,
    )


def find(transaction: Transaction, *, verdict: str) -> Verdict | None:
    """The verdict of that id."""
    row = transaction.one("SELECT document FROM verdicts WHERE id = :id", id=verdict)
    return None if row is None else _verdict(json.loads(row["document"]))


def find_scores(transaction: Transaction, *, scorer: str, holdout: str) -> str | None:
    """Artifact digest of what a scorer answered for a holdout, when it was asked before."""
    row = transaction.one(
        "SELECT artifact FROM gate_scores WHERE scorer = :scorer AND holdout = :holdout", scorer=scorer, holdout=holdout
    )
    return None if row is None else str(row["artifact"])


def insert_scores(transaction: Transaction, *, scorer: str, holdout: str, artifact: str) -> None:
    """Remember what a scorer answered for a holdout; the latest answer counts."""
    transaction.execute(
        """
        INSERT INTO gate_scores (scorer, holdout, artifact) VALUES (:scorer, :holdout, :artifact)
        ON CONFLICT (scorer, holdout) DO UPDATE SET artifact = excluded.artifact
        """,
        scorer=scorer,
        holdout=holdout,
        artifact=artifact,
    )


def _verdict(document: dict[str, Any]) -> Verdict:
    return Verdict(
        **{
            **document,
            "finding": Finding(document["finding"]),
            "checks": tuple(_check(check) for check in document["checks"]),
            "champions": tuple(Champion(**champion) for champion in document["champions"]),
            "notes": tuple(document["notes"]),
        }
    )


def _check(document: dict[str, Any]) -> CheckResult:
    estimates = {name: Estimate(**document[name]) if document[name] else None for name in _ESTIMATES}
    return CheckResult(**{**document, **estimates, "finding": Finding(document["finding"])})
