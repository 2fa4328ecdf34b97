"""People, roles and tokens: who may do what, and that it ends when it is taken away."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.edge.context import Denied, Role
from plimsoll.governance.errors import (
    BadEmail,
    BadName,
    BadToken,
    GrantMissing,
    LastAdmin,
    PersonExists,
    PersonMissing,
    TokenMissing,
    UnknownLogin,
)
from plimsoll.governance.local import slug
from plimsoll.governance.operations import authenticate, local_caller, people_with_email
from plimsoll.governance.tokens import fits, make_token, split_token


def test_the_first_login_is_an_admin_and_stays_the_same_person(house):
    assert house.admin.holds(Role.ADMIN, project="fraud", environment="production")
    subprocess.run(["git", "init", "-q", house.workspace.root], check=True)
    subprocess.run(["git", "-C", house.workspace.root, "config", "user.name", "Somebody Else"], check=True)
    again = local_caller(house.database, house.workspace, house.clock)
    assert again == house.admin
    assert [event["action"] for event in house.ask("audit.list")] == ["role_granted", "person_added"]


def test_another_login_on_a_ledger_with_people_is_refused(house, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "mallory")
    with pytest.raises(UnknownLogin, match="mallory"):
        local_caller(house.database, house.workspace, house.clock)


def test_a_person_is_added_with_a_role_and_a_token_that_works(house):
    bob = house.add("bob", Role.APPROVER, email="bob@example.org")
    assert (bob.name, bob.email) == ("bob", "bob@example.org")
    assert bob.holds(Role.APPROVER)
    assert bob.holds(Role.VIEWER)
    assert not bob.holds(Role.OPERATOR)
    assert people_with_email(house.database, "BOB@example.org") == ("bob",)
    assert people_with_email(house.database, "") == ()


def test_the_secret_of_a_token_is_nowhere_in_the_ledger(house):
    token = house.ask("people.add", person="bob")["token"]
    secret = token.rpartition("_")[2]
    with house.database.read() as transaction:
        rows = [transaction.all(f"SELECT * FROM {table}") for table in ("tokens", "audit_events", "people")]
    assert secret not in repr(rows)


def test_a_wrong_changed_or_revoked_token_opens_nothing(house):
    token = house.ask("people.add", person="bob")["token"]
    identifier, secret = split_token(token)
    other = make_token()[0]
    for bad in ("", "plm", token[:-1], token + "0", other, f"plm_{identifier}_{'0' * 64}", f"plm_{'0' * 12}_{secret}"):
        with pytest.raises(BadToken):
            authenticate(house.database, bad)
    house.ask("tokens.revoke", token=identifier)
    with pytest.raises(BadToken):
        authenticate(house.database, token)
    with pytest.raises(TokenMissing):
        house.ask("tokens.revoke", token=identifier)


def test_tokens_are_random_and_fit_only_their_own_digest():
    first, second = make_token()[0], make_token()[0]
    assert first != second
    assert fits("secret", "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b")
    assert not fits("secreT", "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b")


def test_everybody_makes_and_sees_own_tokens_and_only_an_admin_others(house):
    bob = house.add("bob", Role.VIEWER)
    made = house.ask("tokens.create", caller=bob)
    assert made["person"] == "bob"
    house.ask("tokens.create", person="bob")
    house.ask("tokens.create")
    assert {token["person"] for token in house.ask("tokens.list", caller=bob)} == {"bob"}
    assert len(house.ask("tokens.list")) == 4
    with pytest.raises(Denied):
        house.ask("tokens.create", caller=bob, person=house.admin.name)
    admins = next(token["id"] for token in house.ask("tokens.list") if token["person"] != "bob")
    with pytest.raises(Denied):
        house.ask("tokens.revoke", caller=bob, token=admins)
    assert house.ask("tokens.revoke", caller=bob, token=made["id"])["revoked_by"] == "bob"


def test_only_an_admin_gives_roles(house):
    bob = house.add("bob", Role.DEVELOPER)
    with pytest.raises(Denied, match="admin"):
        house.ask("people.grant", caller=bob, person="bob", role="admin")
    with pytest.raises(Denied):
        house.ask("people.add", caller=bob, person="eve")


def test_an_admin_of_one_project_gives_roles_there_only(house):
    bob = house.add("bob", Role.ADMIN, project="fraud")
    house.add("eve")
    house.ask("people.grant", caller=bob, person="eve", role="developer", project="fraud")
    for wider in ({}, {"project": "churn"}):
        with pytest.raises(Denied):
            house.ask("people.grant", caller=bob, person="bob", role="admin", **wider)


def test_roles_are_granted_once_and_revoked(house):
    bob = house.add("bob")
    assert not bob.holds(Role.VIEWER)
    for _ in range(2):
        person = house.ask("people.grant", person="bob", role="operator", place="staging")
    assert person["grants"] == [{"role": "operator", "project": "*", "environment": "staging"}]
    granted = [event for event in house.ask("audit.list", subject="bob") if event["action"] == "role_granted"]
    assert len(granted) == 1
    with pytest.raises(GrantMissing):
        house.ask("people.revoke", person="bob", role="operator")
    assert house.ask("people.revoke", person="bob", role="operator", place="staging")["grants"] == []


def test_a_role_in_one_environment_allows_to_look_at_what_has_none(house):
    bob = house.add("bob", Role.APPROVER, place="production")
    assert bob.holds(Role.VIEWER, project="fraud")
    assert bob.holds(Role.VIEWER, project="fraud", environment="production")
    assert not bob.holds(Role.VIEWER, project="fraud", environment="staging")
    assert not bob.holds(Role.APPROVER, project="fraud")
    assert house.ask("people.list", caller=bob)


def test_the_last_admin_stays(house):
    me = house.admin.name
    with pytest.raises(LastAdmin):
        house.ask("people.revoke", person=me, role="admin")
    house.add("bob", Role.ADMIN, project="fraud")
    with pytest.raises(LastAdmin):
        house.ask("people.revoke", person=me, role="admin")
    house.add("ann", Role.ADMIN)
    house.ask("people.revoke", person=me, role="admin")
    assert not house.reload(replace(house.admin)).holds(Role.ADMIN)
    assert house.ask("audit.verify")["ok"]


def test_names_are_slugs_taken_once(house):
    house.add("bob")
    with pytest.raises(PersonExists):
        house.add("bob")
    for bad, example in (
        ("Ada Lovelace", "ada-lovelace"),
        ("x_y", "x-y"),
        ("", "ada"),
        ("-a", "a"),
        ("a" * 41, "a" * 40),
    ):
        with pytest.raises(BadName, match=f"such as {example}"):
            house.add(bad)
    for bad_email in ("no-address", "a@b@c"):
        with pytest.raises(BadEmail):
            house.add("carl", email=bad_email)
    with pytest.raises(PersonMissing):
        house.ask("people.grant", person="nobody", role="viewer")


@given(st.text())
def test_a_slug_of_a_slug_is_itself(text):
    assert slug(slug(text)) == slug(text)
