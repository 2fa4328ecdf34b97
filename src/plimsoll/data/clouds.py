"""One bucket of a cloud through obstore: what lies in it, the bytes of an object, and its refusals in our words.

Credentials, regions and endpoints come from the cloud's own environment variables, which obstore reads. A request is
tried three times, and none may last longer than a minute. Nothing is written here; obstore is imported on first use.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from plimsoll.data.errors import AccessDenied, BucketMissing, CloudUnreachable, ObjectChanged, ObjectGone

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PIECE = 8 << 20
"""Bytes that one request fetches; as many threads as read at once hold one piece each."""
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "GOOGLE_BASE_URL", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")  # fmt: skip
_EMULATORS = ("AZURE_STORAGE_USE_EMULATOR", "AZURE_USE_EMULATOR")
CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_STATUS = re.compile(r"status code: (\d{3})")
_MESSAGE = re.compile(r"<Message>([^<\n]{1,300})")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "specified bucket does not exist", "InvalidBucketName")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudObject:
    """An object as a listing tells it."""

    key: str
    size: int
    etag: str
    version: str
    changed: datetime

    @property
    def stamp(self) -> list[Any]:
        """What changes with its content, JSON-ready; says nothing where the cloud gives neither ETag nor version."""
        known = self.etag or self.version
        return [self.size, self.etag, self.version, self.changed.isoformat()] if known else []


class Bucket:
    """A bucket, or Azure's container. Every failure is AccessDenied, BucketMissing, ObjectGone, ObjectChanged or CloudUnreachable."""

    def __init__(self, dataset: str, scheme: str, name: str) -> None:
        """Connects to nothing yet. Raises AccessDenied for settings that obstore cannot use."""
        self._dataset = dataset
        self._scheme = scheme
        self.url = f"{scheme}://{name}"
        with self._told(""):
            self._store = _store(scheme, name)

    def find(self, key: str) -> CloudObject | None:
        """The object of just that key."""
        import obstore

        with self._told(key):
            try:
                return _object(obstore.head(self._store, key))
            except FileNotFoundError:
                return None

    def below(self, folder: str, *, deep: bool) -> Iterator[CloudObject]:
        """The objects in a folder (empty: the bucket), and in its folders when deep; of no order."""
        import obstore

        prefix = folder or None
        with self._told(folder):
            if not deep:
                yield from map(_object, obstore.list_with_delimiter(self._store, prefix)["objects"])
                return
            for page in obstore.list(self._store, prefix, chunk_size=1000):
                yield from map(_object, page)

    def read(self, item: CloudObject) -> Iterator[Any]:
        """The object's bytes, piece by piece. Raises ObjectChanged when they are not those that were listed."""
        import obstore

        for begin in range(0, item.size, PIECE):
            options: dict[str, Any] = {"range": (begin, min(begin + PIECE, item.size))}
            if item.etag and not item.etag.startswith("W/"):
                options["if_match"] = f'"{item.etag}"'
            with self._told(item.key):
                answer = obstore.get(self._store, item.key, options=options)  # type: ignore[arg-type]
                found = _object(answer.meta)
                if found.size != item.size or (item.etag and found.etag != item.etag):
                    raise ObjectChanged(dataset=self._dataset, place=self._place(item.key))
                piece = answer.bytes()
            yield memoryview(piece)

    def _place(self, key: str) -> str:
        return f"{self.url}/{key}" if key else self.url

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Around calls of obstore: its errors become ours."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise self._ours(error, self._place(key)) from error

    def _ours(self, error: Exception, place: str) -> Exception:
        said = str(error).partition("\n\nDebug source")[0]
        status = next(iter(_STATUS.findall(said)), "")
        message = next(iter(_MESSAGE.findall(said)), "")
        facts = {"dataset": self._dataset, "place": place, "bucket": self.url, "variables": CREDENTIALS[self._scheme]}
        if "169.254.169.254" in said or "metadata.google.internal" in said:
            return AccessDenied(**facts, problem="no credentials are set, and this is no machine of the cloud")
        if any(sign in said for sign in _NO_BUCKET):
            return BucketMissing(**facts)
        if isinstance(error, FileNotFoundError) or status == "404":
            return ObjectGone(**facts)
        if status == "412":
            return ObjectChanged(**facts)
        if status in ("401", "403") or isinstance(error, PermissionError):
            return AccessDenied(**facts, problem=message or f"the server answers {status}")
        if status.startswith("4") or (not status and "HTTP error" not in said):
            return AccessDenied(**facts, problem=message or _headline(said))
        return CloudUnreachable(**facts, problem=message or _headline(said))


def _object(meta: Any) -> CloudObject:
    return CloudObject(
        key=meta["path"],
        size=meta["size"],
        etag=(meta["e_tag"] or "").strip('"'),  # Azure quotes it in some answers and not in others
        version=meta["version"] or "",
        changed=meta["last_modified"],
    )


def _headline(said: str) -> str:
    """The last clause of what obstore says, which is the cause."""
    return said.strip().partition("\n")[0].rpartition(" - ")[2].strip().rstrip(".") or "no reason was given"


def _store(scheme: str, name: str) -> ObjectStore:
    from obstore.store import AzureStore, GCSStore, S3Store

    makers: dict[str, Callable[..., ObjectStore]] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    plain = any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)
    plain = plain or any(os.environ.get(name, "").lower() in ("1", "true") for name in _EMULATORS)
    return makers[scheme](
        name,
        client_options={"connect_timeout": "5s", "timeout": "60s", "allow_http": plain},
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=30)},
    )
