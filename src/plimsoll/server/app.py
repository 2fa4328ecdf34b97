"""The HTTP app, made from the table of operations: a typed route and a call by name for each, and the pages.

Everything but /healthz needs a token, or on pages the cookie that a login gave. Errors are the same documents that
the command line prints. Nothing here decides: a request becomes an operation's request, its answer a response.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from plimsoll import __version__
from plimsoll.edge.context import Caller, Context, Progress, silent
from plimsoll.edge.operations import Operation, find, perform, table
from plimsoll.kernel.errors import PlimsollError
from plimsoll.server.errors import BadBody, BodyTooLarge, NoSuchPage, NoToken, error_body, note_incident, status_of
from plimsoll.server.guard import Guard
from plimsoll.server.openapi import openapi_document, path_parameters, takes_query

BODY_LIMIT = 1_000_000
THREADS = 32

MakeContext = Callable[[Caller, Callable[[Progress], None]], Context]
Authenticate = Callable[[str], Caller]
_Result = TypeVar("_Result")


class Api:
    """What the routes share: who may call, how contexts are made, and the threads that operations run in."""

    def __init__(self, *, authenticate: Authenticate, make_context: MakeContext, project: Callable[[], str]) -> None:
        self.authenticate = authenticate
        self.make_context = make_context
        self.project = project
        self.threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="operation")

    async def in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    def caller(self, request: Request) -> Caller:
        """Who the bearer token stands for. Raises NoToken, BadToken."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NoToken
        return self.authenticate(token)

    def perform(self, name: str, payload: dict[str, Any], caller: Caller) -> Any:
        return perform(name, payload, self.make_context(caller, silent))


def create_app(api: Api, *, hosts: frozenset[str]) -> FastAPI:
    """The app over all registered operations. hosts: what the Host header may say (guard.hosts_of)."""
    app = FastAPI(title="Plimsoll", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, hosts=hosts)
    _answer_errors(app)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.post("/api/call/{name}")
    async def call_by_name(name: str, request: Request) -> Response:
        caller = await api.in_thread(lambda: api.caller(request))
        payload = await read_body(request)
        find(name)
        return StreamingResponse(_events(api, name, payload, caller), media_type="application/x-ndjson")

    for row in table():
        app.add_api_route(f"/api{row.path}", _endpoint(api, row), methods=[row.method], name=row.name)
    return app


def describe() -> dict[str, Any]:
    """The OpenAPI document of everything that is registered."""
    return openapi_document(table(), version=__version__)


async def read_body(request: Request) -> dict[str, Any]:
    """The request's JSON object, empty when there is no body. Raises BodyTooLarge, BadBody."""
    content = await read_bytes(request)
    if not content.strip():
        return {}
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadBody(problem=str(error)) from error
    if not isinstance(document, dict):
        raise BadBody(problem=f"it is a {type(document).__name__}")
    return document


async def read_bytes(request: Request, *, limit: int = BODY_LIMIT) -> bytes:
    """The body, read no further than the limit. Raises BodyTooLarge."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > limit:
            raise BodyTooLarge(limit=limit)
    return bytes(content)


def _endpoint(api: Api, row: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        caller = await api.in_thread(lambda: api.caller(request))
        payload = dict(request.query_params) if takes_query(row) else await read_body(request)
        payload |= {name: request.path_params[name] for name in path_parameters(row)}
        return JSONResponse(await api.in_thread(lambda: api.perform(row.name, payload, caller)))

    return endpoint


async def _events(api: Api, name: str, payload: dict[str, Any], caller: Caller) -> AsyncIterator[bytes]:
    """Progress as it happens, then the result or the error: one JSON document a line.

    The operation runs to its end even when the client goes away: what it began is recorded either way.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def say(document: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server stopped before the operation ended
            loop.call_soon_threadsafe(lines.put_nowait, document)

    def work() -> None:
        try:
            context = api.make_context(caller, lambda progress: say({"progress": asdict(progress)}))
            say({"result": perform(name, payload, context)})
        except PlimsollError as error:
            say({"error": error.as_dict()})
        except Exception as error:  # noqa: BLE001 - the edge: the client gets an id, the log the traceback
            say({"error": note_incident(error, where=name).as_dict()})

    api.threads.submit(work)
    while True:
        document = await lines.get()
        yield json.dumps(document, ensure_ascii=False).encode() + b"\n"
        if "progress" not in document:
            return


def error_response(error: PlimsollError) -> Response:
    """An error as HTTP: its document, its status, and for a missing token how to bring one."""
    status = status_of(error)
    headers = {"www-authenticate": 'Bearer realm="plimsoll"'} if status == 401 else {}
    return Response(error_body(error), status_code=status, media_type="application/json", headers=headers)


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(PlimsollError)
    async def known(_request: Request, error: PlimsollError) -> Response:
        return error_response(error)

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> Response:
        document = error_response(NoSuchPage(method=request.method, path=request.url.path))
        document.status_code = error.status_code
        return document
