"""Rows of the releases table and the entities they hold."""

from __future__ import annotations

import json

from plimsoll.ledger.engine import Row, Transaction
from plimsoll.release.entities import Release, Reproduced


def next_number(transaction: Transaction, *, project: str) -> int:
    """The number that the project's next release gets."""
    row = transaction.one(
        "SELECT COALESCE(MAX(number), 0) + 1 AS next FROM releases WHERE project = :project", project=project
    )
    return int(row["next"]) if row else 1


def insert(transaction: Transaction, release: Release) -> bool:
    """Save a release; False when its number, digest or run is already taken."""
    touched = transaction.execute(
        """
        INSERT INTO releases (project, number, digest, tree, run_id, verdict_id, lock_digest, commit_id, dirty, authors,
                              compiled, compile_note, created_by, created_at, because)
        VALUES (:project, :number, :digest, :tree, :run, :verdict, :lock_digest, :commit_id, :dirty, :authors,
                :compiled, :compile_note, :created_by, :created_at, :because)
        ON CONFLICT DO NOTHING
        """,
        project=release.project,
        number=release.number,
        digest=release.digest,
        tree=release.tree,
        run=release.run,
        verdict=release.verdict,
        lock_digest=release.lock_digest,
        commit_id=release.commit,
        dirty=json.dumps(release.dirty),
        authors=json.dumps(release.authors),
        compiled=release.compiled,
        compile_note=release.compile_note,
        created_by=release.created_by,
        created_at=release.created_at,
        because=release.because,
    )
    return touched == 1


def by_number(transaction: Transaction, *, project: str, number: int) -> Release | None:
    row = transaction.one(
        "SELECT * FROM releases WHERE project = :project AND number = :number", project=project, number=number
    )
    return None if row is None else _release(row)


def by_digest(transaction: Transaction, *, digest: str) -> Release | None:
    row = transaction.one("SELECT * FROM releases WHERE digest = :digest", digest=digest)
    return None if row is None else _release(row)


def of_run(transaction: Transaction, *, run: str) -> Release | None:
    row = transaction.one("SELECT * FROM releases WHERE run_id = :run", run=run)
    return None if row is None else _release(row)


def newest(transaction: Transaction, *, project: str, limit: int) -> tuple[Release, ...]:
    """The project's releases, latest first."""
    rows = transaction.all(
        "SELECT * FROM releases WHERE project = :project ORDER BY number DESC LIMIT :limit",
        project=project,
        limit=limit,
    )
    return tuple(_release(row) for row in rows)


def of_project(transaction: Transaction, *, project: str) -> tuple[Release, ...]:
    """Every release of the project, latest first."""
    rows = transaction.all("SELECT * FROM releases WHERE project = :project ORDER BY number DESC", project=project)
    return tuple(_release(row) for row in rows)


def insert_reproduction(transaction: Transaction, made: Reproduced, *, project: str, digest: str) -> None:
    """Save that a release's model was made again. digest: the release's."""
    transaction.execute(
        """
        INSERT INTO reproductions (id, project, release_digest, grade, envelope, runtime, created_by, created_at)
        VALUES (:id, :project, :digest, :grade, :envelope, :runtime, :created_by, :created_at)
        """,
        id=made.id,
        project=project,
        digest=digest,
        grade=made.grade,
        envelope=made.envelope,
        runtime=made.runtime,
        created_by=made.created_by,
        created_at=made.created_at,
    )


def reproductions_of(transaction: Transaction, *, digest: str) -> tuple[Reproduced, ...]:
    """Every reproduction of a release, latest first."""
    rows = transaction.all("SELECT * FROM reproductions WHERE release_digest = :digest ORDER BY id DESC", digest=digest)
    return tuple(
        Reproduced(
            id=row["id"],
            grade=row["grade"],
            envelope=row["envelope"],
            runtime=row["runtime"],
            created_by=row["created_by"],
            created_at=row["created_at"],
        )
        for row in rows
    )


def _release(row: Row) -> Release:
    return Release(
        name=f"{row['project']}@{row['number']}",
        project=row["project"],
        number=row["number"],
        digest=row["digest"],
        tree=row["tree"],
        run=row["run_id"],
        verdict=row["verdict_id"],
        lock_digest=row["lock_digest"],
        commit=row["commit_id"],
        dirty=tuple(json.loads(row["dirty"])),
        authors=tuple(json.loads(row["authors"])),
        compiled=row["compiled"],
        compile_note=row["compile_note"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        because=row["because"],
    )
