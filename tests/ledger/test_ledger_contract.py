"""What every ledger promises, whichever database carries it."""

# ruff: noqa: PT012 - what raises is a transaction, which is a block

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from plimsoll.kernel.clock import ManualClock
from plimsoll.ledger import migrate as migrate_module
from plimsoll.ledger.engine import Database, LedgerUnknown, connect
from plimsoll.ledger.migrate import LedgerTooNew, migrate, migrations
from plimsoll.ledger.transaction import Transaction

CLOCK = ManualClock(datetime(2026, 11, 2, tzinfo=UTC))


def put(transaction: Transaction, name: str, value: int) -> int:
    return transaction.execute(
        "INSERT INTO counters (name, value) VALUES (:name, :value)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name=name,
        value=value,
    )


def values(database: Database) -> dict[str, int]:
    with database.read() as transaction:
        return {row["name"]: row["value"] for row in transaction.all("SELECT * FROM counters ORDER BY name")}


def in_processes(code: str, *arguments: str, count: int = 4) -> list[str]:
    """What several processes print that run the code at the same moment; each must end well."""
    preface = "import sys; print('ready', flush=True); sys.stdin.readline()\n"
    imports = (
        "from datetime import UTC, datetime; from plimsoll.kernel.clock import SystemClock;"
        "from plimsoll.ledger.engine import connect; from plimsoll.ledger.migrate import migrate\n"
    )
    command = [sys.executable, "-c", imports + preface + code, *arguments]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, text=True, **pipes) for _ in range(count)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=100) for process in processes]
    assert [process.returncode for process in processes] == [0] * count, answers
    return [out.strip() for out, _ in answers]


def test_a_transaction_is_kept_whole(database: Database) -> None:
    with database.write() as transaction:
        assert put(transaction, "a", 1) == 1
        assert put(transaction, "b", 2) == 1
    assert values(database) == {"a": 1, "b": 2}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_transaction_that_raises_leaves_nothing(database: Database, error: type[BaseException]) -> None:
    with pytest.raises(error), database.write() as transaction:
        put(transaction, "a", 1)
        raise error
    assert values(database) == {}
    with database.write() as transaction:
        put(transaction, "a", 2)
    assert values(database) == {"a": 2}


def test_a_statement_that_fails_takes_its_transaction_with_it(database: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)nowhere") as caught, database.write() as transaction:
        put(transaction, "a", 1)
        transaction.execute("INSERT INTO nowhere (x) VALUES (1)")
    assert "Ledger" not in type(caught.value).__name__, "a wrong statement is no trouble with the database"
    assert values(database) == {}


def test_a_transaction_in_which_a_file_is_missing_says_so(database: Database) -> None:
    with pytest.raises(FileNotFoundError), database.write():
        open("/no/such/file")  # noqa: SIM115, PTH123
    with pytest.raises(FileNotFoundError), database.read():
        open("/no/such/file")  # noqa: SIM115, PTH123


def test_after_commit_runs_in_order_once_it_is_durable(database: Database) -> None:
    seen: list[Any] = []
    with database.write() as transaction:
        transaction.after_commit(lambda: seen.append(("first", values(database))))
        transaction.after_commit(lambda: seen.append(("second", values(database))))
        put(transaction, "a", 1)
        assert seen == []
    assert seen == [("first", {"a": 1}), ("second", {"a": 1})]


def test_after_commit_is_forgotten_when_the_transaction_rolls_back(database: Database) -> None:
    seen: list[str] = []
    with pytest.raises(ValueError), database.write() as transaction:
        transaction.after_commit(lambda: seen.append("no"))
        raise ValueError
    with database.write():
        pass
    assert seen == []


def test_a_read_writes_nothing(database: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)read.?only"), database.read() as transaction:
        put(transaction, "a", 1)
    assert values(database) == {}


def test_a_read_sees_one_moment(database: Database) -> None:
    with database.read() as transaction:
        before = transaction.all("SELECT * FROM counters")
        worker = threading.Thread(target=_put_one, args=(database, "late"))
        worker.start()
        worker.join()
        assert transaction.all("SELECT * FROM counters") == before == []
    assert values(database) == {"late": 1}


def test_a_writer_sees_what_the_writer_before_it_committed(database: Database) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow() -> None:
        with database.write() as transaction:
            entered.set()
            leave.wait(30)
            put(transaction, "a", 1)

    worker = threading.Thread(target=slow)
    worker.start()
    entered.wait(30)
    leave_soon = threading.Timer(0.1, leave.set)
    leave_soon.start()
    with database.write() as transaction:
        row = transaction.one("SELECT value FROM counters WHERE name = :name", name="a")
    worker.join()
    assert row == {"value": 1}


def test_a_transaction_inside_another_is_refused(database: Database) -> None:
    for outer in (database.write, database.read):
        for inner in (database.write, database.read):
            with outer(), pytest.raises(RuntimeError, match="already open"), inner():
                pass
    assert values(database) == {}


def test_rows_parameters_and_signs(database: Database) -> None:
    with database.write() as transaction:
        row = transaction.one(
            "INSERT INTO counters (name, value) VALUES (:name, :value) RETURNING name, value",
            name="50% :x",
            value=2**40,
        )
        assert row == {"name": "50% :x", "value": 2**40}
        assert transaction.one("SELECT name FROM counters WHERE name LIKE '50%'") == {"name": "50% :x"}
        assert transaction.one("SELECT name FROM counters WHERE name LIKE '50%' AND value > :low", low=1) is not None
        assert transaction.one("SELECT name FROM counters WHERE value = :value", value=0) is None
        assert transaction.execute("DELETE FROM counters WHERE value = :value", value=0) == 0
        assert transaction.execute("UPDATE counters SET value = :value", value=-1) == 1
        assert transaction.execute("INSERT INTO counters VALUES ('a', 1) ON CONFLICT DO NOTHING") == 1
        assert transaction.execute("INSERT INTO counters VALUES ('a', 2) ON CONFLICT DO NOTHING") == 0
    assert values(database) == {"50% :x": -1, "a": 1}


def test_the_first_of_many_returned_rows_does_not_stop_the_commit(database: Database) -> None:
    with database.write() as transaction:
        for number in range(5):
            put(transaction, f"n{number}", number)
        assert transaction.one("UPDATE counters SET value = value + 1 RETURNING value") is not None
    assert sorted(values(database).values()) == [1, 2, 3, 4, 5]


def test_threads_that_come_and_go_leave_no_connection_behind(database: Database) -> None:
    for number in range(20):
        worker = threading.Thread(target=_put_one, args=(database, f"n{number}"))
        worker.start()
        worker.join()
    assert len(values(database)) == 20
    assert len(database._idle) <= 2  # type: ignore[attr-defined]


def test_concurrent_writers_in_threads_lose_nothing(database: Database) -> None:
    with database.write() as transaction:
        put(transaction, "n", 0)
    workers = [threading.Thread(target=_add, args=(database, 10)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert values(database) == {"n": 40}


def test_concurrent_writers_in_processes_lose_nothing(database: Database, url: str) -> None:
    with database.write() as transaction:
        put(transaction, "n", 0)
    in_processes(
        """
database = connect(sys.argv[1])
for _ in range(25):
    with database.write() as transaction:
        value = transaction.one("SELECT value FROM counters WHERE name = 'n'")["value"]
        transaction.execute("UPDATE counters SET value = :value WHERE name = 'n'", value=value + 1)
""",
        url,
    )
    assert values(database) == {"n": 100}


def test_a_killed_writer_leaves_nothing_and_blocks_nobody(database: Database, url: str) -> None:
    code = """
import os, sys
from plimsoll.ledger.engine import connect
with connect(sys.argv[1]).write() as transaction:
    transaction.execute("INSERT INTO counters VALUES ('a', 1)")
    os.kill(os.getpid(), 9)
"""
    process = subprocess.run([sys.executable, "-c", code, url], check=False, capture_output=True)
    assert process.returncode == -9, process.stderr
    with database.write() as transaction:
        put(transaction, "b", 2)
    assert values(database) == {"b": 2}


def test_migrations_are_applied_once(url: str) -> None:
    database = connect(url)
    assert migrate(database, clock=CLOCK) == len(migrations())
    assert migrate(database, clock=CLOCK) == 0
    with database.read() as transaction:
        history = transaction.all("SELECT number, name, applied_at FROM schema_history ORDER BY number")
    assert [(row["number"], row["name"]) for row in history] == [(number, name) for number, name, _ in migrations()]
    assert history[0]["applied_at"] == "2026-11-02T00:00:00.000000Z"
    database.close()


def test_migrations_raced_by_several_processes_are_applied_once(url: str) -> None:
    applied = in_processes("print(migrate(connect(sys.argv[1]), clock=SystemClock()))", url, count=6)
    assert sorted(map(int, applied)) == [0, 0, 0, 0, 0, len(migrations())]


def test_a_ledger_from_a_later_version_is_refused_unchanged(url: str) -> None:
    database = connect(url)
    migrate(database, clock=CLOCK)
    with database.write() as transaction:
        transaction.execute("INSERT INTO schema_history VALUES (999, 'later', 'x')")
    with pytest.raises(LedgerTooNew) as caught:
        migrate(database, clock=CLOCK)
    assert str(caught.value) == (
        f"The ledger has schema 999, this version of Plimsoll knows up to {len(migrations())}."
    )
    database.close()


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = connect(url)
    good = (1, "0001_good", "CREATE TABLE good (a TEXT);\nCREATE INDEX good_a ON good (a);\n")
    bad = (2, "0002_bad", "CREATE TABLE half (a TEXT);\nINSERT INTO nowhere VALUES (1);\n")
    monkeypatch.setattr(migrate_module, "migrations", lambda: [good, bad])
    with pytest.raises(Exception, match="nowhere"):
        migrate(database, clock=CLOCK)
    monkeypatch.setattr(migrate_module, "migrations", lambda: [good])
    assert migrate(database, clock=CLOCK) == 1
    with pytest.raises(Exception, match="half"), database.read() as transaction:
        transaction.all("SELECT * FROM half")
    database.close()


def test_the_migrations_have_no_gap_and_each_changes_the_schema() -> None:
    steps = migrations()
    assert [number for number, _, _ in steps] == list(range(1, len(steps) + 1))
    assert all(("CREATE" in sql or "ALTER" in sql) and sql.endswith(";\n") for _, _, sql in steps)


@pytest.mark.parametrize("url", ["", "mysql://x/y", "/path/ledger.sqlite", "sqlite://relative"], ids=str)
def test_what_is_no_ledger_url_is_refused(url: str) -> None:
    with pytest.raises(LedgerUnknown, match="is not a ledger URL"):
        connect(url)


def _put_one(database: Database, name: str) -> None:
    with database.write() as transaction:
        put(transaction, name, 1)


def _add(database: Database, times: int) -> None:
    change: Callable[[Transaction, int], int] = lambda t, value: put(t, "n", value)  # noqa: E731
    for _ in range(times):
        with database.write() as transaction:
            row = transaction.one("SELECT value FROM counters WHERE name = 'n'")
            change(transaction, row["value"] + 1 if row else 0)
