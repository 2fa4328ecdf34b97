"""Who counts as an author, and whether the approvals that a release has are those its environment asks for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from plimsoll.edge.context import Caller, Role


class Rule(Protocol):
    """An environment's `approvals` entry, as the project file has it."""

    @property
    def role(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def not_(self) -> str | None: ...


def emails_of(authors: Iterable[str], known: Iterable[Caller]) -> frozenset[str]:
    """Every e-mail that stands for an author: written as one, or belonging to a person who is named.

    known: the people of the ledger, of whom only those in `authors` matter.
    """
    names = set(authors)
    written = {author.casefold() for author in names if "@" in author}
    return frozenset(written | {person.email.casefold() for person in known if person.name in names and person.email})


def is_author(person: Caller, *, authors: Collection[str], emails: Collection[str]) -> bool:
    """By name, or by e-mail: a second account with an author's e-mail is that author."""
    return person.name in authors or (bool(person.email) and person.email.casefold() in emails)


def in_words(rule: Rule) -> str:
    """A rule as people say it: `2 of role approver, no author`."""
    return f"{rule.count} of role {rule.role}{', no author' if rule.not_ == 'author' else ''}"


def unmet(
    rules: Sequence[Rule],
    approvers: Sequence[Caller],
    *,
    project: str,
    environment: str,
    authors: Collection[str],
    emails: Collection[str],
) -> tuple[str, ...]:
    """What each unmet rule still lacks, in words; empty when the approvals suffice.

    approvers: who said yes, with the roles that they hold now: a role that was taken away no longer counts. Two
    accounts with one e-mail are one person. A person may count for several rules.
    """
    lacks = []
    for rule in rules:
        counted = {
            _identity(person)
            for person in approvers
            if person.holds(Role(rule.role), project=project, environment=environment)
            and not (rule.not_ == "author" and is_author(person, authors=authors, emails=emails))
        }
        lacking = rule.count - len(counted)
        if lacking > 0:
            plural = "s" if lacking > 1 else ""
            other = " other than its authors" if rule.not_ == "author" else ""
            lacks.append(f"it lacks {lacking} approval{plural} from role {rule.role}{other}")
    return tuple(lacks)


def _identity(person: Caller) -> str:
    return person.email.casefold() or person.name
