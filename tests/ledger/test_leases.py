"""What every lease promises, whichever database carries it: one holder at a time, and latecomers are known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from test_ledger_contract import in_processes

from plimsoll.kernel.clock import ManualClock
from plimsoll.ledger import leases
from plimsoll.ledger.engine import Database, connect
from plimsoll.ledger.leases import Lease, LeaseLost
from plimsoll.ledger.migrate import migrate

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LASTING_S = 10.0


@pytest.fixture
def ledger(url: str) -> Database:
    database = connect(url)
    migrate(database, clock=ManualClock(START))
    yield database
    database.close()


def take(
    ledger: Database,
    holder: str,
    *,
    at_s: float = 0.0,
    name: str = "controllers/fraud",
    is_gone: Callable[[str], bool] = lambda holder: False,
) -> Lease | None:
    now = START + timedelta(seconds=at_s)
    with ledger.write() as transaction:
        return leases.take(transaction, name, holder=holder, now=now, lasting_s=LASTING_S, is_gone=is_gone)


def is_held(ledger: Database, lease: Lease | None) -> bool:
    """Whether its holder may still write on the strength of the lease."""
    assert lease is not None
    try:
        with ledger.write() as transaction:
            leases.require(transaction, lease)
    except LeaseLost:
        return False
    return True


def give_back(ledger: Database, lease: Lease | None) -> None:
    assert lease is not None
    with ledger.write() as transaction:
        leases.give_back(transaction, lease)


def test_the_first_who_asks_has_it_and_the_second_waits(ledger):
    first = take(ledger, "ann")
    assert first == Lease(
        name="controllers/fraud", holder="ann", token=1, expires_at=START + timedelta(seconds=LASTING_S)
    )
    assert take(ledger, "bob") is None
    assert take(ledger, "bob", at_s=LASTING_S - 0.001) is None
    assert is_held(ledger, first)


def test_leases_of_other_names_are_others(ledger):
    first = take(ledger, "ann")
    second = take(ledger, "bob", name="controllers/churn")
    assert is_held(ledger, first)
    assert is_held(ledger, second)


@pytest.mark.parametrize("at_s", [0, 5, LASTING_S, 1000])
def test_the_holder_renews_with_the_same_token_as_long_as_nobody_took_it(ledger, at_s):
    first = take(ledger, "ann")
    renewed = take(ledger, "ann", at_s=at_s)
    assert (renewed.token, renewed.expires_at) == (first.token, first.expires_at + timedelta(seconds=at_s))
    assert is_held(ledger, first)
    assert take(ledger, "bob", at_s=at_s + LASTING_S - 0.001) is None


def test_a_takeover_after_its_end_raises_the_token_and_the_old_holder_may_not_write(ledger):
    first = take(ledger, "ann")
    second = take(ledger, "bob", at_s=LASTING_S)
    assert second.token == first.token + 1
    assert not is_held(ledger, first)
    assert is_held(ledger, second)
    assert take(ledger, "ann", at_s=LASTING_S) is None
    with pytest.raises(LeaseLost, match=r"controllers/fraud was taken over by bob"), ledger.write() as transaction:
        leases.require(transaction, first)


def test_a_lease_that_expired_unnoticed_still_counts(ledger):
    first = take(ledger, "ann")
    take(ledger, "bob", at_s=1000, name="controllers/churn")
    assert is_held(ledger, first)


def test_who_had_it_twice_is_not_taken_for_who_had_it_first(ledger):
    first = take(ledger, "ann")
    take(ledger, "bob", at_s=LASTING_S)
    again = take(ledger, "ann", at_s=2 * LASTING_S)
    assert again.token == 3
    assert not is_held(ledger, first)
    assert is_held(ledger, again)


def test_what_was_given_back_is_free_at_once_for_everybody_and_its_token_stays_used(ledger):
    first = take(ledger, "ann")
    give_back(ledger, first)
    second = take(ledger, "bob")
    assert second.token == first.token + 1
    give_back(ledger, second)
    third = take(ledger, "bob")
    assert third.token == second.token + 1, "the holder that gave it back is a new one, too"


def test_who_lost_it_gives_back_nothing(ledger):
    first = take(ledger, "ann")
    second = take(ledger, "bob", at_s=LASTING_S)
    give_back(ledger, first)
    assert is_held(ledger, second)
    assert take(ledger, "carl", at_s=LASTING_S) is None


def test_what_was_given_back_is_no_ground_to_write_on(ledger):
    first = take(ledger, "ann")
    give_back(ledger, first)
    assert not is_held(ledger, first)


def test_nobody_waits_for_a_holder_who_is_known_to_be_gone(ledger):
    take(ledger, "ann")
    asked = []

    def is_gone(holder: str) -> bool:
        asked.append(holder)
        return holder == "ann"

    assert take(ledger, "bob", is_gone=is_gone).token == 2
    assert take(ledger, "carl", is_gone=is_gone) is None
    assert asked == ["ann", "bob"]


@pytest.mark.parametrize("back_s", [LASTING_S * 1.01, 3600, 1e7])
def test_nobody_waits_for_a_lease_that_a_clock_took_in_the_future(ledger, back_s):
    first = take(ledger, "ann")
    second = take(ledger, "bob", at_s=-back_s)
    assert second.token == first.token + 1
    assert not is_held(ledger, first)


def test_clocks_that_differ_by_seconds_take_no_lease_from_each_other(ledger):
    take(ledger, "ann")
    assert take(ledger, "bob", at_s=-LASTING_S / 2) is None


def test_a_lease_that_was_never_taken_is_no_ground_to_write_on(ledger):
    made_up = Lease(name="controllers/fraud", holder="ann", token=1, expires_at=START)
    assert not is_held(ledger, made_up)


RACE = """
from plimsoll.ledger import leases
database = connect(sys.argv[1])
with database.write() as transaction:
    lease = leases.take(
        transaction, "race", holder=str(__import__("os").getpid()), now=datetime(2026, 11, 2, tzinfo=UTC), lasting_s=10
    )
print(lease.token if lease else 0)
"""


def test_of_processes_that_ask_at_the_same_moment_one_gets_it(ledger, url):
    assert sorted(map(int, in_processes(RACE, url))) == [0, 0, 0, 1]


def test_of_processes_that_find_it_expired_one_takes_it_over(ledger, url):
    take(ledger, "ann", name="race", at_s=-100_000)
    assert sorted(map(int, in_processes(RACE, url))) == [0, 0, 0, 2]
