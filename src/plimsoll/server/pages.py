"""The web pages: the overview, the list of operations, the login. Server-rendered, no script, nothing from elsewhere.

A page is a template over what operations answer; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from plimsoll.edge.context import Caller
from plimsoll.kernel.clock import from_text
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.server.app import Api, describe, read_bytes
from plimsoll.server.errors import status_of
from plimsoll.server.reference import operations_by_area
from plimsoll.server.sessions import LIFETIME, Sessions

SHOWN = 8
"""Rows of each table of the overview."""


def add_pages(app: FastAPI, api: Api, sessions: Sessions, *, cookie: str, trouble: Callable[[], str]) -> None:
    """Add the pages to the app. cookie: its name. trouble: what the controllers' loop fails with, or nothing."""

    async def visitor(request: Request) -> Caller | None:
        """Who looks: by a token in the header, else by the session's cookie."""
        if "authorization" in request.headers:
            return await api.in_thread(lambda: api.caller(request))
        return await api.in_thread(lambda: sessions.caller(request.cookies.get(cookie, "")))

    async def only_known(request: Request, page: Callable[[Caller], Awaitable[Response]]) -> Response:
        try:
            caller = await visitor(request)
        except PlimsollError as error:
            return _refused(error)
        if caller is None:
            return _login()
        try:
            return await page(caller)
        except PlimsollError as error:
            return _html("problem.html", status=status_of(error), caller=caller, error=error)

    def admit(session: str) -> Response:
        response = RedirectResponse("/", status_code=303)
        age = int(LIFETIME.total_seconds())
        response.set_cookie(cookie, session, max_age=age, httponly=True, samesite="strict", path="/")
        return response

    @app.get("/")
    async def overview(request: Request) -> Response:
        link = request.query_params.get("token")
        if link is not None:
            session = sessions.use_link(link)
            return admit(session) if session else _login("This link was used before, or the server was started anew.")

        async def page(caller: Caller) -> Response:
            shown = await api.in_thread(lambda: _gather(api, caller))
            return _html("overview.html", caller=caller, trouble=trouble(), **shown)

        return await only_known(request, page)

    @app.post("/login")
    async def log_in(request: Request) -> Response:
        form = parse_qs((await read_bytes(request, limit=4096)).decode("latin-1"))
        token = form.get("token", [""])[0].strip()
        try:
            await api.in_thread(lambda: api.authenticate(token))
        except PlimsollError as error:
            return _refused(error)
        return admit(sessions.begin(lambda: api.authenticate(token)))

    @app.post("/logout")
    async def log_out(request: Request) -> Response:
        sessions.end(request.cookies.get(cookie, ""))
        response = _login()
        response.status_code = 200
        response.delete_cookie(cookie, path="/")
        return response

    @app.get("/docs")
    async def docs(request: Request) -> Response:
        async def page(caller: Caller) -> Response:
            document = await api.in_thread(describe)
            address = str(request.base_url).rstrip("/")
            return _html("docs.html", caller=caller, areas=operations_by_area(document), address=address)

        return await only_known(request, page)

    @app.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        async def page(_caller: Caller) -> Response:
            return JSONResponse(await api.in_thread(describe))

        return await only_known(request, page)


def _gather(api: Api, caller: Caller) -> dict[str, Any]:
    """Everything that the overview shows, as the visitor may see it."""
    return {
        "project": api.project(),
        "deployments": api.perform("deployments.list", {}, caller),
        "runs": api.perform("runs.list", {"limit": SHOWN}, caller),
        "releases": api.perform("releases.list", {"limit": SHOWN}, caller),
        "events": api.perform("audit.list", {"limit": SHOWN}, caller),
    }


def _refused(error: PlimsollError) -> HTMLResponse:
    """The login page that says why; while the ledger is away nobody can be known, and that is no wrong login."""
    return _login(str(error), status=status_of(error) if error.kind is Kind.UNAVAILABLE else 401)


def _login(problem: str = "", *, status: int = 401) -> HTMLResponse:
    return _html("login.html", status=status, problem=problem)


def _html(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    return HTMLResponse(_templates().get_template(template).render(**values), status_code=status)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("plimsoll.server"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = _moment
    environment.filters["words"] = lambda text: str(text).replace("_", " ")
    return environment


def _moment(text: str) -> str:
    """A ledger's time for people: `20 Nov 19:33` in UTC; the page carries the exact one too."""
    return from_text(text).strftime("%-d %b %H:%M")
