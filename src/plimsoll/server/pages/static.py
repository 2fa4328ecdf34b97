"""The style sheet, the script and the icon: served from the package, named by what is in them, so that they may be kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from fastapi import FastAPI, Request, Response

from plimsoll.edge.charts import CHART_STYLE
from plimsoll.edge.graphs import GRAPH_STYLE
from plimsoll.edge.spans import SPAN_STYLE
from plimsoll.kernel.hashing import digest_bytes
from plimsoll.server.errors import NoSuchPage

TYPES = {"plimsoll.css": "text/css", "plimsoll.js": "text/javascript", "plimsoll.svg": "image/svg+xml"}
KEEP = "public, max-age=31536000, immutable"
ASK = "no-cache"
"""Keep it, and ask each time whether it has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file as it is served."""

    content: bytes
    tag: str
    type: str


def asset(name: str) -> str:
    """The address of a file; another one whenever its content is another."""
    return f"/static/{name}?v={_asset(name).tag}"


def add_static(app: FastAPI) -> None:
    """Serve the files to anybody: the login page needs them, and they say nothing about the project."""

    @app.get("/static/{name}")
    async def static(name: str, request: Request) -> Response:
        if name not in TYPES:
            raise NoSuchPage(method="GET", path=request.url.path)
        found = _asset(name)
        tag = f'"{found.tag}"'
        kept = KEEP if request.query_params.get("v") == found.tag else ASK
        headers = {"etag": tag, "cache-control": kept}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(found.content, media_type=found.type, headers=headers)


@cache
def _asset(name: str) -> Asset:
    content = (files("plimsoll.server") / "static" / name).read_bytes()
    if name == "plimsoll.css":
        content += f"{CHART_STYLE}{GRAPH_STYLE}{SPAN_STYLE}".encode()
    return Asset(content=content, tag=digest_bytes(content)[:16], type=TYPES[name])
