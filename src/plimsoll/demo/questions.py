"""Act 7: what an auditor asks. One answer is followed back to where it came from, and the record is put to the test."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from plimsoll.demo.seen import Seen, deployment_of
from plimsoll.demo.stage import Stage
from plimsoll.demo.traffic import latest_prediction

WANTED = {"prediction", "release", "approval", "run", "commit", "data", "runtime", "verdict"}


def answer_the_questions(stage: Stage) -> Seen:
    """A prediction of the live model leads to its approver; the chain is whole, and three forgeries of it are named."""
    live = deployment_of(stage, "production")["release"]
    prediction = latest_prediction(stage)
    stage.show("ada", "trace", prediction)
    links = stage.ask("ada", "trace", prediction)["links"]
    missing = WANTED - {link["kind"] for link in links}
    names = {link["name"] for link in links}
    stage.show("ada", "audit", "verify")
    report = stage.ask("ada", "audit", "verify")
    named = {kind: _forge(stage, kind, told, forge) for kind, told, forge in FORGERIES}
    return Seen(
        expected="a prediction leads to release, approver, run, commit, data, runtime and verdict; the record is whole; "
        "on copies of it, a changed, a deleted and a cut-off event are each found and named",
        seen=f"{len(links)} links to {live}, {', '.join(sorted(missing)) or 'none'} missing; {report['events']} events, "
        f"{len(report['findings'])} findings; named: {', '.join(kind for kind, found in named.items() if found) or 'none'}",
        ok=not missing
        and {prediction, live, "grace for production"} <= names
        and report["ok"]
        and report["events"] > 0
        and all(named.values()),
    )


def _forge(stage: Stage, kind: str, told: str, forge: Callable[[sqlite3.Connection], None]) -> bool:
    """Tamper with a copy of the ledger, and see whether the copy is told for what it is."""
    state = stage.folder / ".plimsoll"
    copy = stage.notes / f"forged-{kind}"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    shutil.copytree(state / "keys", copy / "keys")
    shutil.copy2(state / "audit-heads.jsonl", copy)
    ledger = _copied(state / "ledger.sqlite", copy / "ledger.sqlite")
    with closing(sqlite3.connect(ledger)) as connection:
        forge(connection)
        connection.commit()
    stage.telling.note(f"On a copy of the ledger, {told}:")
    said = stage.show("ada", "audit", "verify", expect=1, environment=_of_copy(copy, ledger))
    return kind.replace("_", " ") in said


def _copied(source: Path, to: Path) -> Path:
    """A consistent copy of a database that is in use."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(to)) as copy:
        live.backup(copy)
    return to


def _of_copy(state: Path, ledger: Path) -> Mapping[str, str]:
    return {"PLIMSOLL_STATE": str(state), "PLIMSOLL_LEDGER": f"sqlite:///{ledger}"}


def _change(connection: sqlite3.Connection) -> None:
    connection.execute(
        "UPDATE audit_events SET actor = 'mallory' WHERE number = (SELECT MAX(number) FROM audit_events "
        "WHERE action = 'release_approved')"
    )


def _delete(connection: sqlite3.Connection) -> None:
    connection.execute(
        "DELETE FROM audit_events WHERE number = (SELECT MIN(number) FROM audit_events WHERE action = 'rollout_started')"
    )


def _cut(connection: sqlite3.Connection) -> None:
    """Cut the end off and set the ledger's own position back, so that only the signed heads know."""
    connection.execute("DELETE FROM audit_events WHERE number > (SELECT MAX(number) - 3 FROM audit_events)")
    connection.execute(
        "UPDATE audit_tail SET number = (SELECT MAX(number) FROM audit_events), "
        "hash = (SELECT hash FROM audit_events ORDER BY number DESC LIMIT 1)"
    )


FORGERIES: tuple[tuple[str, str, Callable[[sqlite3.Connection], None]], ...] = (
    ("changed_row", "somebody else becomes the approver of the live release", _change),
    ("missing_row", "a rollout was never begun", _delete),
    ("truncated_tail", "the last three events never happened, nor does the ledger remember them", _cut),
)
