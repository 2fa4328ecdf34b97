"""When the database itself is in trouble: said in words, with nothing changed, and over when the trouble is."""

# ruff: noqa: PT012 - what raises is a transaction, which is a block

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.postgres import PostgresServer

from plimsoll.ledger import postgres
from plimsoll.ledger.engine import LedgerUnavailable, LedgerUnknown, connect
from plimsoll.ledger.postgres import _read, _without_password, to_pyformat


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"certainly not a database, " * 100)
    with pytest.raises(LedgerUnavailable, match="file is not a database") as caught, connect_to(tmp_path).read():
        pass
    assert caught.value.kind == "unavailable"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    database = connect(f"sqlite:///{tmp_path}/file/ledger.sqlite")
    with pytest.raises(LedgerUnavailable, match="cannot be used"), database.write():
        pass


def test_a_ledger_that_another_program_holds_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plimsoll.ledger.sqlite._PATIENCE_S", 0.05)
    database = connect_to(tmp_path)
    with database.write() as transaction:
        transaction.execute("CREATE TABLE t (a TEXT)")
    other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match="database is locked"), database.write():
        pass
    with database.read() as transaction:
        assert transaction.all("SELECT * FROM t") == [], "readers are not held up"
    other.execute("ROLLBACK")
    other.close()
    with database.write() as transaction:
        transaction.execute("INSERT INTO t VALUES ('now')")
    database.close()


def test_a_full_disk(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from plimsoll.ledger.engine import LedgerUnavailable, connect
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
database = connect(sys.argv[1])
with database.write() as transaction:
    transaction.execute("CREATE TABLE t (a TEXT)")
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    with database.write() as transaction:
        transaction.execute("INSERT INTO t VALUES (:a)", a="x" * 1_000_000)
except LedgerUnavailable as error:
    print(error.facts["problem"])
with database.read() as transaction:
    print(transaction.all("SELECT count(*) AS n FROM t"))
"""
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path}/ledger.sqlite"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    problem, after = process.stdout.splitlines()
    assert problem in ("disk I/O error", "database or disk is full")
    assert after == "[{'n': 0}]"


def test_a_database_server_that_does_not_answer(tmp_path: Path) -> None:
    database = connect(f"postgresql://ada:secret@/ledger?host={tmp_path}")
    with pytest.raises(LedgerUnavailable) as caught, database.read():
        pass
    assert "secret" not in str(caught.value)
    assert f"postgresql://ada@/ledger?host={tmp_path}" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:secret@host:5432/db", "postgresql://ada@host:5432/db"),
        ("postgresql://ada:se%40cr%2Fet@host/db", "postgresql://ada@host/db"),
        ("postgresql://ada:secret?@host/db", "postgresql://ada@host/db"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://host/db?user=ada&password=se@cret", "postgresql://ada@host/db"),
        ("postgresql://one:1,two:2/db?pass%77ord=secret", "postgresql://one,two:1,2/db"),
        ("postgresql://ada:secret@/db?host=/run/postgresql", "postgresql://ada@/db?host=/run/postgresql"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert _without_password(_read(url)) == shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:sec@ret@host/db",
        "postgresql://ada:sec/ret@host/db",
        "postgresql://ada:12/secret@host/db",
        "postgresql://ada:sec%ret@host/db",
        "postgresql://ada:sec ret@host/db",
        "postgresql://host/db?passwort=secret",
        "mysql://ada:secret@host/db",
        "host=db password=secret",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(LedgerUnknown) as caught:
        connect(url)
    said = f"{caught.value} {caught.value.as_dict()}"
    assert "sec" not in said
    assert "ret" not in said
    assert "%40" in caught.value.advice


def test_psycopg_that_is_not_installed_is_said_with_the_extra_that_brings_it(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["psycopg"] = None
from plimsoll.kernel.extras import PackageMissing
from plimsoll.ledger.engine import connect
try:
    connect("postgresql://ada:secret@host/db")
except PackageMissing as error:
    print(error, error.advice)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == (
        "This needs psycopg, which is not installed. Install it with `pip install 'plimsoll-ml[postgres]'`.\n"
    )


def test_a_host_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres._LINK, "connect_timeout", 2)  # libpq knows no shorter one
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = connect(f"postgresql://ada:secret@127.0.0.1:{silent.getsockname()[1]}/db")
        with pytest.raises(LedgerUnavailable, match="timeout") as caught, database.read():
            pass
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_named_parameters_are_told_from_casts_and_times() -> None:
    assert to_pyformat("a = :a AND b::text = :b_2 AND c LIKE '5%' AND d > '10:30'") == (
        "a = %(a)s AND b::text = %(b_2)s AND c LIKE '5%%' AND d > '10:30'"
    )


@pytest.mark.system
def test_a_connection_that_was_lost_while_idle_is_replaced(postgres_url: str) -> None:
    database = connect(postgres_url)
    with database.write() as transaction:
        transaction.execute("CREATE TABLE t (a TEXT)")
    terminate_all(postgres_url)
    with database.write() as transaction:
        transaction.execute("INSERT INTO t VALUES ('a')")
    terminate_all(postgres_url)
    with database.read() as transaction:
        assert transaction.all("SELECT * FROM t") == [{"a": "a"}]
    database.close()


@pytest.mark.system
def test_a_connection_lost_in_the_middle_leaves_nothing_and_the_next_one_works(postgres_url: str) -> None:
    database = connect(postgres_url)
    with database.write() as transaction:
        transaction.execute("CREATE TABLE t (a TEXT)")
    seen: list[str] = []
    with pytest.raises(LedgerUnavailable) as caught, database.write() as transaction:
        transaction.after_commit(lambda: seen.append("no"))
        transaction.execute("INSERT INTO t VALUES ('a')")
        terminate_all(postgres_url)
        transaction.execute("INSERT INTO t VALUES ('b')")
    assert "terminating connection" in str(caught.value)
    with database.write() as transaction:
        assert transaction.all("SELECT * FROM t") == []
    assert seen == []
    database.close()


@pytest.mark.system
def test_a_server_that_restarts_is_used_again(postgres_server: PostgresServer) -> None:
    database = connect(postgres_server.new_database())
    with database.write() as transaction:
        transaction.execute("CREATE TABLE t (a TEXT)")
    postgres_server.stop()
    try:
        with pytest.raises(LedgerUnavailable), database.read():
            pass
    finally:
        postgres_server.start()
    with database.read() as transaction:
        assert transaction.all("SELECT * FROM t") == []
    database.close()


@pytest.mark.system
def test_text_with_a_nul_character_is_kept_without_it(postgres_url: str) -> None:
    database = connect(postgres_url)
    with database.write() as transaction:
        transaction.execute("CREATE TABLE t (a TEXT)")
        transaction.execute("INSERT INTO t VALUES (:a)", a="one\0two")
        assert transaction.all("SELECT a FROM t") == [{"a": "one\N{REPLACEMENT CHARACTER}two"}]
    database.close()


@pytest.mark.system
def test_a_writer_waits_for_a_while_and_then_gives_up(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plimsoll.ledger.postgres._PATIENCE", "50ms")
    database = connect(postgres_url)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write():
            entered.set()
            leave.wait(30)

    worker = threading.Thread(target=hold)
    worker.start()
    entered.wait(30)
    with pytest.raises(LedgerUnavailable, match="lock timeout"), database.write():
        pass
    leave.set()
    worker.join()
    with database.write():
        pass
    database.close()


def connect_to(folder: Path):
    return connect(f"sqlite:///{folder}/ledger.sqlite")


def terminate_all(url: str) -> None:
    """End every other connection to this database, as an administrator would."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
