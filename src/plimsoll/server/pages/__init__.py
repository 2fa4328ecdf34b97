"""The web pages: server-rendered, live without reloading, and their buttons. Nothing comes from elsewhere.

A page is a template over what operations answer to its visitor; it decides nothing. shell.py renders, visitors.py
lets people in, live.py keeps pages up to date, forms.py holds the buttons, every other file the pages about one noun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.routing import compile_path

from plimsoll.edge.context import Caller
from plimsoll.kernel.clock import Clock
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.server.app import Api, describe
from plimsoll.server.errors import NoSuchPage, NoToken
from plimsoll.server.pages import (
    comparison,
    environments,
    monitors,
    overview,
    records,
    releases,
    retrainings,
    runs,
    sweeps,
)
from plimsoll.server.pages.forms import add_forms
from plimsoll.server.pages.live import Feeds
from plimsoll.server.pages.page import FORM_TOKEN, Page, Visit
from plimsoll.server.pages.shell import Shell
from plimsoll.server.pages.static import add_static
from plimsoll.server.pages.visitors import Visitor, Visitors, add_login
from plimsoll.server.reference import operations_by_area
from plimsoll.server.sessions import Sessions

PAGES: tuple[Page, ...] = (
    *retrainings.PAGES,
    *overview.PAGES,
    *runs.PAGES,
    *sweeps.PAGES,
    *comparison.PAGES,
    *releases.PAGES,
    *environments.PAGES,
    *monitors.PAGES,
    *records.PAGES,
)
_PATTERNS = tuple((compile_path(page.path)[0], page) for page in PAGES)


def add_pages(
    app: FastAPI,
    api: Api,
    sessions: Sessions,
    *,
    clock: Clock,
    cookie: str,
    trouble: Callable[[], str],
    local: Callable[[str], Caller | None] = lambda _: None,
) -> Feeds:
    """Add the pages to the app; the streams are to be closed before it stops.

    cookie: its name. trouble: what the controllers' loop fails with, or nothing. local: who the key in the server's
    own note stands for.
    """
    shell = Shell(clock)
    visitors = Visitors(api, sessions, shell, cookie=cookie)
    feeds = Feeds()
    add_static(app)
    add_login(app, visitors, local=local)
    _add_reference(app, visitors)
    add_forms(app, visitors)
    for page in PAGES:
        app.add_api_route(page.path, _endpoint(visitors, page, trouble), methods=["GET"], name=f"page {page.path}")
    _add_live(app, visitors, feeds, trouble)
    return feeds


def find_page(address: str) -> tuple[Page, dict[str, str], dict[str, str]]:
    """The page at an address, with what stands in its path and its query. Raises NoSuchPage."""
    parts = urlsplit(address)
    for pattern, page in _PATTERNS:
        if found := pattern.match(unquote(parts.path)):
            return page, found.groupdict(), dict(parse_qsl(parts.query))
    raise NoSuchPage(method="GET", path=parts.path)


def noted(visit: Visit) -> dict[str, Any]:
    """What every page notes beside its own: how many alerts are not resolved."""
    alerts, _ = visit.try_to_ask("alerts.list", limit=100)
    return {"alerts_under_way": len(alerts or ())}


def _endpoint(visitors: Visitors, page: Page, trouble: Callable[[], str]) -> Any:
    async def endpoint(request: Request) -> Response:
        async def show(visitor: Visitor) -> Response:
            visit = visitors.visit(visitor, path=dict(request.path_params), query=dict(request.query_params))
            values = await visitors.api.in_thread(lambda: {**noted(visit), **page.gather(visit)})
            message = visitors.sessions.take_message(visitor.secret)
            around = {**visitors.shown(visitor), "trouble": trouble(), "message": message, "live": page.live}
            return visitors.shell.page(page.template, **around, **values)

        return await visitors.admitted(request, show)

    return endpoint


def _add_live(app: FastAPI, visitors: Visitors, feeds: Feeds, trouble: Callable[[], str]) -> None:
    @app.get("/live")
    async def live(request: Request) -> Response:
        """The pieces of a page as they change."""
        visitor = await visitors.who(request)
        if visitor is None:
            raise NoToken
        address = request.query_params.get("page", "")
        page, path, query = find_page(address)
        if not page.live:
            raise NoSuchPage(method="GET", path=address)
        feeds.require_room()
        visit = visitors.visit(visitor, path=path, query=query)

        async def known() -> bool:
            try:
                found = await visitors.who(request)
            except PlimsollError as error:
                return error.kind is Kind.UNAVAILABLE  # a ledger that is away ends no session
            return found is not None and found.caller == visitor.caller

        stream = feeds.read(
            (visitor.caller, address),
            _looking(visitors, page, visit, trouble),
            known=known,
            own=lambda piece: piece.replace(FORM_TOKEN, visitor.form_token),
        )
        return StreamingResponse(stream, media_type="text/event-stream")


def _looking(visitors: Visitors, page: Page, visit: Visit, trouble: Callable[[], str]) -> Any:
    """Renders the page's pieces again when something that it shows has changed."""
    kept: dict[str, str] = {}
    shown: Mapping[str, Any] = {}

    def look() -> dict[str, str]:
        nonlocal kept, shown
        around = {"caller": visit.caller, "project": visit.project, "form_token": FORM_TOKEN, "trouble": trouble()}
        values = {**around, **noted(visit), **page.gather(visit)}
        if values != shown:
            kept, shown = visitors.shell.pieces(page.template, values), values
        return kept

    async def looking() -> dict[str, str]:
        return await visitors.api.in_thread(look)

    return looking


def _add_reference(app: FastAPI, visitors: Visitors) -> None:
    @app.get("/docs")
    async def docs(request: Request) -> Response:
        async def page(visitor: Visitor) -> Response:
            document = await visitors.api.in_thread(describe)
            address = str(request.base_url).rstrip("/")
            areas = operations_by_area(document)
            around = {**visitors.shown(visitor), "trouble": "", "message": None, "live": False, "alerts_under_way": 0}
            return visitors.shell.page("docs.html", areas=areas, address=address, **around)

        return await visitors.admitted(request, page)

    @app.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        async def page(_visitor: Visitor) -> Response:
            return JSONResponse(await visitors.api.in_thread(describe))

        return await visitors.admitted(request, page)
