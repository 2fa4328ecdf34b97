"""What pages' buttons do: each is a form that calls one operation by name, as the visitor, and leads back with a message.

The operation checks roles and writes the audit event; nothing is done here besides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response

from plimsoll.kernel.errors import PlimsollError
from plimsoll.server.errors import FieldMissing, ReasonMissing
from plimsoll.server.pages.visitors import Visitor, Visitors
from plimsoll.server.sessions import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One button. What stands in the path goes into the request, as do the fields that are named."""

    path: str
    operation: str
    said: str
    """What the next page tells, over the request's fields."""
    then: str
    """The next page, over the request's fields."""
    fields: tuple[str, ...] = ()
    fixed: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    """Those of the fields that cannot be left empty."""
    reason: bool = False
    """Whether it needs a reason."""
    own_page: bool = False
    """Whether the form is a page at its own path, to which a refusal leads back."""


_ENVIRONMENT = "/environments/{environment}"
_ORDERED = "The order to {order} is recorded; the next look at the rollout follows it or says why not."


def _order(name: str, *, reason: bool) -> Form:
    return Form(
        path=f"{_ENVIRONMENT}/do/{name}",
        operation="rollouts.order",
        fields=("why",),
        fixed={"order": name},
        said=_ORDERED,
        then=_ENVIRONMENT,
        reason=reason,
        own_page=True,
    )


def _alert(name: str, said: str) -> Form:
    path = f"/alerts/{{alert}}/{name}"
    return Form(path=path, operation=f"alerts.{name}", fields=("why",), said=said, then="/alerts?state=all#{alert}")


FORMS = (
    Form(
        path="/releases/{release}/approve",
        operation="approvals.create",
        fields=("environment", "comment"),
        needs=("environment",),
        said="{release} has your approval for {environment}.",
        then="/releases/{release}",
    ),
    Form(
        path="/releases/{release}/withdraw",
        operation="approvals.withdraw",
        fields=("environment",),
        needs=("environment",),
        said="Your approval of {release} for {environment} is withdrawn.",
        then="/releases/{release}",
    ),
    Form(
        path="/releases/{release}/deploy",
        operation="deployments.create",
        fields=("environment", "strategy"),
        needs=("environment",),
        said="{release} begins to come to {environment}.",
        then=_ENVIRONMENT,
        own_page=True,
    ),
    _order("pause", reason=False),
    _order("resume", reason=False),
    _order("promote", reason=True),
    _order("abort", reason=True),
    Form(
        path=f"{_ENVIRONMENT}/do/rollback",
        operation="deployments.rollback",
        fields=("release", "why"),
        said="{environment} goes back.",
        then=_ENVIRONMENT,
        reason=True,
        own_page=True,
    ),
    Form(
        path=f"{_ENVIRONMENT}/do/stop",
        operation="deployments.stop",
        fields=("why",),
        said="{environment} is told to run nothing.",
        then=_ENVIRONMENT,
        reason=True,
        own_page=True,
    ),
    Form(
        path="/runs/{run}/cancel",
        operation="runs.cancel",
        said="{run} ends within a second; what it finished is kept.",
        then="/runs/{run}",
    ),
    Form(
        path="/sweeps/{sweep}/cancel",
        operation="sweeps.cancel",
        said="{sweep} ends within a second; trials that are done are kept.",
        then="/sweeps/{sweep}",
    ),
    Form(
        path="/retrainings",
        operation="retrainings.create",
        fields=("environment", "why"),
        said="The retraining is asked for.",
        then="/retrainings",
        reason=True,
    ),
    Form(
        path="/retrainings/{retraining}/cancel",
        operation="retrainings.cancel",
        fields=("why",),
        said="The retraining is called off.",
        then="/retrainings/{retraining}",
        reason=True,
    ),
    _alert("acknowledge", "It is known that you see to the alert; it stays until it is no longer seen."),
    _alert("resolve", "The alert is over; it is opened anew when it is seen again."),
)


def add_forms(app: FastAPI, visitors: Visitors) -> None:
    """Let every form be sent."""
    for form in FORMS:
        app.add_api_route(form.path, _endpoint(visitors, form), methods=["POST"], name=f"form {form.path}")


def _endpoint(visitors: Visitors, form: Form) -> Any:
    async def endpoint(request: Request) -> Response:
        async def page(visitor: Visitor) -> Response:
            given = await visitors.read_form(request, visitor)
            payload = payload_of(form, dict(request.path_params), given)
            try:
                require_filled(form, given)
                await visitors.api.in_thread(lambda: visitors.api.perform(form.operation, payload, visitor.caller))
            except PlimsollError as error:
                return visitors.say(visitor, refusal(error), then=_back(request, form, payload))
            done = Message(good=True, text=form.said.format_map(payload))
            return visitors.say(visitor, done, then=_filled(form.then, payload))

        return await visitors.admitted(request, page)

    return endpoint


def payload_of(form: Form, path: dict[str, str], given: dict[str, str]) -> dict[str, Any]:
    """The operation's request: from the path, the fields that are filled in, and what the form itself says."""
    return {**path, **{name: given[name] for name in form.fields if given.get(name)}, **form.fixed}


def require_filled(form: Form, given: dict[str, str]) -> None:
    """Raises ReasonMissing, FieldMissing for a form that was not sent by its page."""
    if form.reason and not given.get("why"):
        raise ReasonMissing(what=form.path.rpartition("/")[2].capitalize())
    for name in form.needs:
        if not given.get(name):
            raise FieldMissing(field=name)


def refusal(error: PlimsollError) -> Message:
    """An error as the next page tells it."""
    return Message(good=False, text=str(error), hint=error.advice, code=error.code)


def _back(request: Request, form: Form, payload: dict[str, Any]) -> str:
    """After a refusal: to the page that asked before, else to the form's next page."""
    return request.url.path if form.own_page else _filled(form.then, payload)


def _filled(path: str, payload: dict[str, Any]) -> str:
    return path.format_map({name: quote(str(value), safe="@") for name, value in payload.items()})
