"""Runs, plans, verdicts, comparisons, releases and data versions as a notebook shows them.

Each is one element with its own style: no script, no link, nothing loaded from anywhere, every text escaped. Its card
has a background of its own, so that it reads well whatever the notebook's theme is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from plimsoll.edge.charts import CHART_STYLE
from plimsoll.edge.output import moment
from plimsoll.edge.spans import SPAN_STYLE
from plimsoll.gates.wording import figure
from plimsoll.server.pages.comparison import told
from plimsoll.server.pages.runs import plots_of, rules_of, tally
from plimsoll.server.pages.wording import count, duration, plainly, tone


def run_html(record: Mapping[str, Any], verdict: Mapping[str, Any] | None, logged: Mapping[str, Any]) -> str:
    """A run: its steps, its verdict's findings, its parameters and curves."""
    return _html(
        "run.html",
        run=record,
        verdict=verdict,
        rules=rules_of(verdict) if verdict else [],
        tally=tally(verdict),
        plots=plots_of(logged["curves"]),
        logged=logged,
    )


def verdict_html(verdict: Mapping[str, Any]) -> str:
    """A verdict: every check with its figures, drawn against its limit, and why."""
    return _html("verdict.html", verdict=verdict, rules=rules_of(verdict), tally=tally(verdict))


def plan_html(steps: Sequence[Mapping[str, Any]]) -> str:
    """What would become of each step, and why."""
    return _html("plan.html", steps=steps, cached=sum(step["cached"] for step in steps))


def comparison_html(found: Mapping[str, Any]) -> str:
    """Runs beside each other: what differs of what went in, what was measured, and the code."""
    return _html("comparison.html", found=found, **told(found))


def releases_html(releases: Sequence[Mapping[str, Any]]) -> str:
    """The list of releases."""
    return _html("releases.html", releases=releases)


def versions_html(versions: Sequence[Mapping[str, Any]]) -> str:
    """The list of data versions, each with its columns and where it is used."""
    return _html("versions.html", versions=versions)


def model_html(**values: Any) -> str:
    """A loaded release: what it takes, what it answers."""
    return _html("model.html", **values)


def _html(template: str, **values: Any) -> str:
    body = _templates().get_template(template).render(**values)
    return f'<div class="plimsoll"><style>{_style()}</style>{body}</div>'


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("plimsoll.notebook"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count,
        "duration": duration,
        "figure": figure,
        "moment": moment,
        "plainly": plainly,
        "tone": tone,
    }
    environment.globals["ui"] = environment.get_template("parts.html").module
    return environment


@cache
def _style() -> Markup:
    """The style of all of them, each rule below `.plimsoll`, for a page holds other people's elements as well."""
    own = _templates().get_template("style.css").render()
    return Markup(own + _below(SPAN_STYLE) + _below(CHART_STYLE))  # noqa: S704 - ours


def _below(style: str) -> str:
    """Each selector of a style sheet that begins with a class, below `.plimsoll`."""
    return re.sub(r"((?:^|[{},])\s*)\.(?=[a-z])", r"\1.plimsoll .", style, flags=re.MULTILINE)
