"""The audit record with its filters and its verification, and traces from anything back to where it comes from."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from plimsoll.governance.entities import Action
from plimsoll.server.pages.page import Page, Visit

ROWS = 50


def _gather_audit(visit: Visit) -> dict[str, Any]:
    subject, action = visit.query.get("subject", "").strip(), visit.query.get("action", "")
    before = visit.query.get("before", "")
    found = visit.ask(
        "audit.list",
        limit=ROWS + 1,
        subject=subject,
        action=action or None,
        before=int(before) if before.isdecimal() and len(before) < 16 else 0,
    )
    events = found[:ROWS]
    more = {"subject": subject, "action": action, "before": events[-1]["number"]} if len(found) > ROWS else {}
    return {
        "events": events,
        "subject": subject,
        "action": action,
        "before": before,
        "actions": [str(one) for one in Action],
        "older": urlencode({name: value for name, value in more.items() if value}),
    }


def _gather_verification(visit: Visit) -> dict[str, Any]:
    return {"report": visit.ask("audit.verify")}


def _gather_trace(visit: Visit) -> dict[str, Any]:
    subject = visit.query.get("subject", "").strip()
    if not subject:
        return {"subject": "", "links": None, "problem": ""}
    trace, problem = visit.try_to_ask("trace.show", subject=subject)
    return {"subject": subject, "links": trace["links"] if trace else None, "problem": problem}


PAGES = (
    Page(path="/audit", template="audit.html", gather=_gather_audit),
    Page(path="/audit/verification", template="verification.html", gather=_gather_verification, live=False),
    Page(path="/trace", template="trace.html", gather=_gather_trace, live=False),
)
