"""Who looks at a page: by a token in the header or by a session's cookie; how they come in and go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from plimsoll.edge.context import Caller
from plimsoll.kernel.clock import to_text
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.server.app import Api, read_bytes
from plimsoll.server.errors import ForgedForm, NoToken, note_incident, status_of
from plimsoll.server.pages.page import Visit
from plimsoll.server.pages.shell import Shell
from plimsoll.server.sessions import LIFETIME, Message, Sessions, form_token, is_form_token

FORM_LIMIT = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody known, and the secret by which they are."""

    caller: Caller
    secret: str

    @property
    def form_token(self) -> str:
        return form_token(self.secret)


class Visitors:
    """The door of the pages."""

    def __init__(self, api: Api, sessions: Sessions, shell: Shell, *, cookie: str) -> None:
        self.api = api
        self.sessions = sessions
        self.shell = shell
        self._cookie = cookie

    def secret(self, request: Request) -> str:
        return request.cookies.get(self._cookie, "")

    async def who(self, request: Request) -> Visitor | None:
        """Who looks; None for somebody unknown. Raises NoToken, BadToken, and what an unavailable ledger raises."""
        header = request.headers.get("authorization")
        if header is not None:
            caller = await self.api.in_thread(lambda: self.api.caller(request))
            return Visitor(caller=caller, secret=header)
        secret = self.secret(request)
        found = await self.api.in_thread(lambda: self.sessions.caller(secret))
        return None if found is None else Visitor(caller=found, secret=secret)

    async def admitted(self, request: Request, page: Callable[[Visitor], Awaitable[Response]]) -> Response:
        """The page for somebody known, a page that says why not when it fails, else the login."""
        try:
            visitor = await self.who(request)
        except PlimsollError as error:
            return self.refused(error)
        if visitor is None:
            return self.login(then=_then(request))
        try:
            return await page(visitor)
        except PlimsollError as error:
            return self.problem(visitor, error)
        except Exception as error:  # noqa: BLE001 - the edge: the visitor gets an id, the log the traceback
            return self.problem(visitor, note_incident(error, where=f"{request.method} {request.url.path}"))

    def visit(self, visitor: Visitor, *, path: dict[str, str], query: dict[str, str]) -> Visit:
        return Visit(
            caller=visitor.caller, project=self.api.project(), perform=self.api.perform, path=path, query=query
        )

    async def read_form(self, request: Request, visitor: Visitor) -> dict[str, str]:
        """The fields of a form of this session; the last of each name. Raises BodyTooLarge, ForgedForm."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        origin = request.headers.get("origin", "")
        if site != "same-origin" or (origin and urlsplit(origin).netloc != request.headers.get("host")):
            raise ForgedForm
        content = (await read_bytes(request, limit=FORM_LIMIT)).decode("utf-8", "replace")
        fields = {name: values[-1].strip() for name, values in parse_qs(content).items()}
        if not is_form_token(fields.pop("form_token", ""), visitor.secret):
            raise ForgedForm
        return fields

    def shown(self, visitor: Visitor) -> dict[str, Any]:
        """What the shell of every page needs."""
        return {"caller": visitor.caller, "project": self.api.project(), "form_token": visitor.form_token}

    def problem(self, visitor: Visitor, error: PlimsollError) -> Response:
        status = status_of(error)
        around = {**self.shown(visitor), "trouble": "", "message": None, "live": False, "alerts_under_way": 0}
        return self.shell.page("problem.html", status=status, error=error, **around)

    def refused(self, error: PlimsollError) -> Response:
        """The login page that says why; while the ledger is away nobody can be known, and that is no wrong login."""
        return self.login(str(error), status=status_of(error) if error.kind is Kind.UNAVAILABLE else 401)

    def login(self, problem: str = "", *, status: int = 401, then: str = "") -> Response:
        return self.shell.page("login.html", status=status, problem=problem, then=then)

    def admit(self, session: str, *, then: str = "/") -> Response:
        response = RedirectResponse(_local(then), status_code=303)
        age = int(LIFETIME.total_seconds())
        response.set_cookie(self._cookie, session, max_age=age, httponly=True, samesite="strict", path="/")
        return response

    def say(self, visitor: Visitor, message: Message, *, then: str) -> Response:
        """Back to a page, which tells what was done."""
        self.sessions.leave_message(visitor.secret, message)
        return RedirectResponse(_local(then), status_code=303)

    def forget(self, request: Request) -> Response:
        self.sessions.end(self.secret(request))
        response = self.login(status=200)
        response.delete_cookie(self._cookie, path="/")
        return response


def add_login(app: FastAPI, visitors: Visitors, *, local: Callable[[str], Caller | None]) -> None:
    """Links that log in once, tokens, and the way out. local: who the key in the server's own note stands for."""
    api, sessions = visitors.api, visitors.sessions

    @app.get("/login")
    async def use_link(request: Request) -> Response:
        link = request.query_params.get("token")
        if link is None:
            return visitors.login(status=200, then=request.query_params.get("then", ""))
        session = sessions.use_link(link)
        if session:
            return visitors.admit(session)
        return visitors.login("This link was used before or is older than ten minutes, or the server was started anew.")

    @app.post("/login")
    async def log_in(request: Request) -> Response:
        form = parse_qs((await read_bytes(request, limit=4096)).decode("latin-1"))
        token = form.get("token", [""])[0].strip()
        try:
            await api.in_thread(lambda: api.authenticate(token))
        except PlimsollError as error:
            return visitors.refused(error)
        return visitors.admit(sessions.begin(lambda: api.authenticate(token)), then=form.get("then", ["/"])[0])

    @app.post("/logout")
    async def log_out(request: Request) -> Response:
        return visitors.forget(request)

    @app.post("/login-links")
    async def new_link(request: Request) -> Response:
        """A fresh link for the holder of a token, or of the key in the server's note (`plimsoll login`)."""
        given = request.headers.get("authorization", "").partition(" ")[2].strip()
        if not given:
            raise NoToken

        def who() -> Caller:
            return local(given) or api.authenticate(given)

        person = await api.in_thread(who)
        secret, until = sessions.new_link(who)
        link = login_address(str(request.base_url), secret)
        return JSONResponse({"login": link, "until": to_text(until), "person": person.name})


def login_address(base: str, secret: str) -> str:
    """The address that logs a browser in, once."""
    return f"{base.rstrip('/')}/login?{urlencode({'token': secret})}"


def _then(request: Request) -> str:
    """Where to go after a login: the page that was asked for."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}" if request.method == "GET" else ""


def _local(address: str) -> str:
    """An address of this server, whatever a form holds."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if inside and not any(character < " " for character in address) else "/"
