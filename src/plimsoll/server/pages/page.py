"""What a page is: an address, a template, and what it asks operations for on behalf of a visitor. It decides nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plimsoll.edge.context import Caller, Role
from plimsoll.edge.operations import find
from plimsoll.kernel.errors import PlimsollError

FORM_TOKEN = secrets.token_hex(32)
"""Stands in a live piece where each reader's own is put when it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One look at a page: who looks, at what, and how they ask."""

    caller: Caller
    project: str
    perform: Callable[[str, dict[str, Any], Caller], Any]
    path: Mapping[str, str] = field(default_factory=dict)
    """What stands in the address in place of names in braces."""
    query: Mapping[str, str] = field(default_factory=dict)

    def ask(self, operation: str, **payload: Any) -> Any:
        """What an operation answers to this visitor. Raises PlimsollError."""
        return self.perform(operation, payload, self.caller)

    def try_to_ask(self, operation: str, **payload: Any) -> tuple[Any, str]:
        """The answer, or None and why there is none: for what a page can be shown without."""
        try:
            return self.ask(operation, **payload), ""
        except PlimsollError as error:
            return None, f"{error} ({error.code})"

    def refusal(self, operation: str, environment: str | None = None) -> str:
        """Why this visitor may not do it; empty when they may."""
        return self.refusal_of(find(operation).role, environment)

    def refusal_of(self, role: Role, environment: str | None = None) -> str:
        """Why this visitor may not do what a role may; empty when they may."""
        if self.caller.holds(role, project=self.project, environment=environment):
            return ""
        return f"Needs the role {role}{f' in {environment}' if environment else ''}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, or one kind of pages."""

    path: str
    """With names in braces, as routes have them."""
    template: str
    gather: Callable[[Visit], dict[str, Any]]
    """The template's values: plain data, the same whenever nothing has changed."""
    live: bool = True
    """Whether it is kept up to date while somebody looks."""
