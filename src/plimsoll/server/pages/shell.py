"""How pages become HTML: the templates, the words and times in them, and the pieces of a page that live updates send.

A template's blocks whose names begin with `live_` are such pieces; in the page each stands in an element of that id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from plimsoll.edge.graphs import Node, step_graph
from plimsoll.kernel.clock import Clock, from_text
from plimsoll.server.pages.static import asset
from plimsoll.server.pages.wording import ago, count, duration, gist, number, percent, plainly, settings, tone

SHELL = "signed_in.html"
"""The template around every page of somebody known; it has live pieces of its own."""


class Shell:
    """Renders templates. clock: what the times on a page are told from."""

    def __init__(self, clock: Clock) -> None:
        self._environment = Environment(
            loader=PackageLoader("plimsoll.server"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "moment": _moment,
            "exact": _exact,
            "ago": lambda text: ago((clock.now() - from_text(text)).total_seconds()),
            "words": lambda text: str(text).replace("_", " "),
            "tone": tone,
            "duration": duration,
            "number": number,
            "percent": percent,
            "count": count,
            "plainly": plainly,
            "settings": settings,
            "gist": gist,
            "between": _between,
        }
        self._environment.globals |= {"asset": asset, "graph": _graph}
        self._environment.globals["ui"] = self._environment.get_template("parts.html").module

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(self._environment.get_template(template).render(**values), status_code=status)

    def pieces(self, template: str, values: Mapping[str, Any]) -> dict[str, str]:
        """Id -> HTML of every live piece of a page, those of the shell too."""
        found: dict[str, str] = {}
        for name in (SHELL, template):
            found |= _pieces(self._environment.get_template(name), values)
        return found


def _pieces(template: Template, values: Mapping[str, Any]) -> dict[str, str]:
    context = template.new_context(dict(values))
    return {name: "".join(block(context)) for name, block in template.blocks.items() if name.startswith("live_")}


def _graph(steps: list[dict[str, Any]]) -> Markup:
    """The graph of a run's steps."""
    nodes = [
        Node(name=step["name"], needs=tuple(step["needs"]), tone=tone(step["state"]), note=_note(step))
        for step in steps
    ]
    return Markup(step_graph(nodes, title="What the steps need of each other, and how each stands"))  # noqa: S704 - escaped there


def _note(step: Mapping[str, Any]) -> str:
    outcome = step["outcome"]
    return f"{step['state']}, {duration(outcome['seconds'])}" if outcome and outcome["seconds"] else str(step["state"])


def _moment(text: str) -> str:
    """A ledger's time for people: `20 Nov 19:33` in UTC; the page carries the exact one too."""
    return from_text(text).strftime("%-d %b %H:%M")


def _exact(text: str) -> str:
    return from_text(text).strftime("%-d %B %Y, %H:%M:%S UTC")


def _between(first: str, last: str) -> str:
    return duration((from_text(last) - from_text(first)).total_seconds())
