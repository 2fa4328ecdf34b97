"""Approvals: an author's yes does not count, whatever name it comes under."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from plimsoll.edge.context import Role
from plimsoll.governance.errors import ApprovalMissing, NotAPerson, NotApproved, OwnWork
from plimsoll.governance.operations import (
    approval_standing,
    approvals_of,
    approvals_of_release,
    approve,
    require_approvals,
    withdraw,
)
from plimsoll.kernel.errors import Kind

DIGEST = "d" * 64
RELEASE = {"project": "fraud", "release": "fraud@3", "digest": DIGEST, "environment": "production"}


@dataclass(frozen=True)
class Rule:
    role: str = "approver"
    count: int = 1
    not_: str | None = "author"


def say_yes(house, caller, *, authors=("ada",), comment="", **changes):
    with house.database.write() as transaction:
        return approve(house.context(caller), transaction, authors=authors, comment=comment, **{**RELEASE, **changes})


def check(house, *rules, authors=("ada",), **changes):
    with house.database.read() as transaction:
        require_approvals(transaction, authors=authors, rules=rules, **{**RELEASE, **changes})


def test_without_rules_nothing_is_missing(house):
    check(house)


def test_a_missing_approval_names_release_environment_role_and_authors(house):
    with pytest.raises(NotApproved) as caught:
        check(house, Rule(), Rule(role="operator", count=2, not_=None))
    error = caught.value
    assert error.code == "release.not_approved"
    assert error.kind is Kind.DENIED
    assert str(error) == (
        "fraud@3 may not live in production yet: it lacks 1 approval from role approver other than its authors; "
        "it lacks 2 approvals from role operator."
    )
    assert error.advice == (
        "Ask an approver other than its authors (ada) to run `plimsoll approve fraud@3 --env production`."
    )


def test_a_yes_of_somebody_else_is_recorded_and_suffices(house):
    bob = house.add("bob", Role.APPROVER)
    approval = say_yes(house, bob, comment="slices look right")
    check(house, Rule())
    assert approvals_of_release(house.context(), digest=DIGEST) == (approval,)
    event = house.ask("audit.list", limit=1)[0]
    assert (event["actor"], event["action"], event["subject"]) == ("bob", "release_approved", "fraud@3")
    assert event["detail"] == {"digest": DIGEST, "environment": "production", "comment": "slices look right"}


def test_a_yes_counts_for_its_digest_and_environment_only(house):
    bob = house.add("bob", Role.APPROVER)
    say_yes(house, bob)
    for other in ({"digest": "e" * 64}, {"environment": "staging"}, {"release": "fraud@4"}):
        with pytest.raises(NotApproved):
            check(house, Rule(), **other)


def test_an_author_cannot_approve_by_name(house):
    ada = house.add("ada", Role.APPROVER)
    with pytest.raises(OwnWork, match="they are one of its authors"):
        say_yes(house, ada)


@pytest.mark.parametrize("authors", [("ada",), ("ADA@example.org",)])
def test_an_author_cannot_approve_through_a_second_account(house, authors):
    house.add("ada", Role.APPROVER, email="ada@example.org")
    second = house.add("ada-two", Role.APPROVER, email="Ada@Example.org")
    with pytest.raises(OwnWork, match="same e-mail"):
        say_yes(house, second, authors=authors)


def test_a_service_cannot_approve(house):
    robot = house.add("robot", Role.APPROVER, kind="service")
    with pytest.raises(NotAPerson):
        say_yes(house, robot)


def test_a_role_that_was_taken_away_no_longer_counts(house):
    bob = house.add("bob", Role.APPROVER)
    say_yes(house, bob)
    house.ask("people.revoke", person="bob", role="approver")
    with pytest.raises(NotApproved):
        check(house, Rule())


def test_a_role_counts_in_its_own_environment(house):
    bob = house.add("bob", Role.APPROVER, place="staging")
    say_yes(house, bob)
    say_yes(house, bob, environment="staging")
    check(house, Rule(), environment="staging")
    with pytest.raises(NotApproved):
        check(house, Rule())


def test_two_are_two_people_not_two_accounts_or_two_clicks(house):
    bob = house.add("bob", Role.APPROVER, email="bob@example.org")
    twin = house.add("bob-two", Role.APPROVER, email="bob@example.org")
    for caller in (bob, bob, twin):
        say_yes(house, caller)
    with pytest.raises(NotApproved, match="lacks 1 approval "):
        check(house, Rule(count=2))
    say_yes(house, house.add("eve", Role.APPROVER))
    check(house, Rule(count=2))


def test_an_author_approved_before_becoming_one_does_not_count(house):
    bob = house.add("bob", Role.APPROVER)
    say_yes(house, bob)
    with pytest.raises(NotApproved):
        check(house, Rule(), authors=("ada", "bob"))
    check(house, Rule(not_=None), authors=("ada", "bob"))


def test_a_yes_can_be_said_again_and_taken_back(house):
    bob = house.add("bob", Role.APPROVER)
    say_yes(house, bob, comment="first")
    say_yes(house, bob, comment="second")
    where = {key: RELEASE[key] for key in ("release", "digest", "environment")}
    with house.database.read() as transaction:
        assert [item.comment for item in approvals_of(transaction, **where)] == ["second"]
    with house.database.write() as transaction:
        withdraw(house.context(bob), transaction, **where)
    with pytest.raises(NotApproved):
        check(house, Rule())
    with pytest.raises(ApprovalMissing), house.database.write() as transaction:
        withdraw(house.context(bob), transaction, **where)
    say_yes(house, bob, comment="third")
    check(house, Rule())
    actions = [event["action"] for event in house.ask("audit.list", limit=4)]
    assert actions == ["release_approved", "approval_withdrawn", "release_approved", "release_approved"]


def standing(house, caller, *rules, authors=("ada",)):
    with house.database.read() as transaction:
        return approval_standing(house.context(caller), transaction, authors=authors, rules=rules, **RELEASE)


def test_how_a_release_stands_is_told_to_everybody_and_who_may_say_yes_to_each(house):
    bob, eve = house.add("bob", Role.APPROVER), house.add("eve", Role.VIEWER)
    before = standing(house, bob, Rule())
    assert before.wanted == ("1 of role approver, no author",)
    assert before.lacking == ("it lacks 1 approval from role approver other than its authors",)
    assert (before.refusal, before.given, before.approvals) == ("", False, ())
    assert "one of its authors" in standing(house, bob, Rule(), authors=("bob",)).refusal
    assert "needs the role approver" in standing(house, eve, Rule()).refusal
    approval = say_yes(house, bob)
    after = standing(house, bob, Rule())
    assert (after.lacking, after.given, after.approvals) == ((), True, (approval,))
    assert standing(house, eve, Rule()).given is False
