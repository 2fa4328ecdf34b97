"""Where a dataset may come from: a path on this machine or in a cloud, or a query that a database answers.

The rules work on plain values; `without_password` is for whoever shows the URL of a database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields

from plimsoll.kernel.nearest import nearest
from plimsoll.project.breach import Breach, Values
from plimsoll.project.entities import Dataset
from plimsoll.project.problems import Path, describe

CLOUDS = ("s3", "gs", "az")
"""Schemes of paths in clouds: Amazon S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage."""
DATABASES = ("postgresql", "sqlite", "duckdb")
"""Schemes of the databases that can be asked."""

_SETTINGS = frozenset(field.name for field in fields(Dataset))
_CLOUD_PATH = re.compile(r"(?:s3|gs|az)://[^/*?\[\]\s]+(?:/.*)?")
_PASSWORD = re.compile(r"(?<=://)([^:/?#]*):[^/?#]*(?=@)")
_PASSWORD_OPTION = re.compile(r"([?&](?:ssl)?password=)[^&]*")
_FILE_PATH = "a file, glob or folder of CSV or Parquet files"


def source_breaches(dataset: Values, path: Path) -> Iterator[Breach]:
    """What is wrong with a dataset's `path`, `query` and `url`, alone and together."""
    location, query, url = (dataset.get(name) for name in ("path", "query", "url"))
    if location is None and query is None and url is None:
        if dataset.keys() <= _SETTINGS:  # else a misspelt setting explains it
            yield Breach(path=(*path, "path"), found="nothing", expected="a setting `path:`, or `query:` with `url:`")
    elif location is not None and query is not None:
        yield Breach(path=(*path, "query"), found="`path:` and `query:`", expected="one of them")
    elif location is not None and url is not None:
        yield Breach(path=(*path, "url"), found="`path:` and `url:`", expected="`path:` alone, or `query:` with `url:`")
    elif query is not None and url is None:
        yield Breach(path=(*path, "query"), found="a query of no database", expected="`url:` beside it, the database")
    elif url is not None and query is None:
        yield Breach(path=(*path, "url"), found="a database that is asked nothing", expected="`query:` beside it, SQL")
    yield from _path(location, (*path, "path"))
    yield from _query(dataset, path)
    yield from _url(url, (*path, "url"))


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    return _PASSWORD_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1:***", url))


def _path(location: object, path: Path) -> Iterator[Breach]:
    if not isinstance(location, str):
        return
    if location == "":
        yield Breach(path=path, found="''", expected=_FILE_PATH)
    scheme, remote, _ = location.partition("://")
    if not remote:
        return
    if scheme in DATABASES:
        expected = f"{_FILE_PATH}; a database goes under `url:`, with `query:`"
        yield Breach(path=path, found=describe(without_password(location)), expected=expected)
    elif scheme not in CLOUDS:
        expected = "a path on this machine, or one that begins with s3://, gs:// or az://"
        yield Breach(path=path, found=describe(location), expected=expected)
    elif not _CLOUD_PATH.fullmatch(location):
        expected = f"the name of a bucket, then what is in it: {scheme}://bucket/folder/*.parquet"
        yield Breach(path=path, found=describe(location), expected=expected)


def _query(dataset: Values, path: Path) -> Iterator[Breach]:
    query = dataset.get("query")
    if not isinstance(query, str):
        return
    if not query.strip():
        yield Breach(path=(*path, "query"), found=describe(query), expected="SQL that selects rows")
    if dataset.get("format") is not None:
        expected = "no format: the result of a query is kept as Parquet"
        yield Breach(path=(*path, "format"), found=describe(dataset["format"]), expected=expected)


def _url(url: object, path: Path) -> Iterator[Breach]:
    if not isinstance(url, str):
        return
    scheme, remote, rest = url.partition("://")
    if not remote or scheme not in DATABASES:
        likely = nearest(scheme, DATABASES) or ""
        yield Breach(
            path=path,
            found=f"{describe(scheme)}://" if remote else "no URL",
            expected="a URL that begins with postgresql://, sqlite:/// or duckdb:///",
            word=likely,
            options=DATABASES,
        )
    elif scheme != "postgresql" and (not rest.startswith("/") or rest == "/"):
        expected = f"three slashes and the file: {scheme}:///data/shop.db, or four for one that begins at the root"
        yield Breach(path=path, found=describe(url), expected=expected)
