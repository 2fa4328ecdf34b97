"""A small project, and `plimsoll up` over it in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from plimsoll.edge.context import Caller, Grant, Role
from plimsoll.kernel.clock import ManualClock
from plimsoll.kernel.workspace import Workspace
from plimsoll.server import app as app_module
from plimsoll.server.app import Api, create_app
from plimsoll.server.guard import hosts_of
from plimsoll.server.pages import add_pages
from plimsoll.server.sessions import Sessions
from plimsoll.server.wiring import load_operations

PROJECT = """
project: answers
code: steps.py
pipeline:
  params: {factor: 2}
environments:
  staging: {target: process}
"""
STEPS = """
def numbers(factor):
    return [factor * number for number in range(5)]

def total(numbers):
    return sum(numbers)
"""


def write_project(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plimsoll.yaml").write_text(PROJECT)
    (folder / "steps.py").write_text(STEPS)
    return folder


def workspace_of(folder: Path) -> Workspace:
    state = folder / ".plimsoll"
    return Workspace(root=folder, state=state, ledger_url=f"sqlite:///{state}/ledger.sqlite")


def plimsoll(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command in the project's folder, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "plimsoll", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass
class Up:
    """A running `plimsoll up`."""

    folder: Path
    process: subprocess.Popen[str]
    address: str
    login: str
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def request(
        self, method: str, path: str, *, token: str = "", body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            connection.request(method, path, body or None, {**bearer, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, *, token: str = "", body: Any = None) -> tuple[int, Any]:
        status, _, content = self.request(
            method, path, token=token, body=b"" if body is None else json.dumps(body).encode()
        )
        return status, json.loads(content)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def start(folder: Path, *, port: int = 0) -> Up:
    """Start a server and wait for the address that it prints."""
    with (folder / "up.err").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "plimsoll", "up", "--port", str(port), "--json"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            break
    document = json.loads("".join(lines))
    assert "error" not in document, document
    return Up(folder=folder, process=process, address=document["address"], login=document["login"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def start_up() -> Iterator[Callable[..., Up]]:
    """Starts servers that end with the test."""
    started: list[Up] = []

    def starting(folder: Path, *, port: int = 0) -> Up:
        started.append(start(folder, port=port))
        return started[-1]

    yield starting
    for server in started:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)
        assert server.process.stdout is not None
        server.process.stdout.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One server for all tests that only ask; it knows an admin, and ann with the role viewer."""
    folder = write_project(tmp_path_factory.mktemp("server") / "project")
    up = start(folder)
    made = plimsoll(folder, "tokens", "create", "--json")
    assert made.returncode == 0, made.stderr
    up.tokens["admin"] = json.loads(made.stdout)["token"]
    status, ann = up.json("POST", "/api/people", token=up.tokens["admin"], body={"person": "ann", "role": "viewer"})
    assert status == 200, ann
    up.tokens["viewer"] = ann["token"]
    yield up
    up.end(signal.SIGTERM)
    assert up.process.stdout is not None
    up.process.stdout.close()


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a plimsoll command: `command(folder, *arguments, **environment)`."""
    return plimsoll


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What operations answer, by name; an exception is raised."""
    found: dict[str, Any] = {}

    def perform(name: str, payload: dict[str, Any], context: Any) -> Any:
        answer = found[name]
        if isinstance(answer, Exception):
            raise answer
        return answer(context) if callable(answer) else answer

    monkeypatch.setattr(app_module, "perform", perform)
    return found


@pytest.fixture
def app() -> Iterator[FastAPI]:
    """The app with all its pages, without a socket."""
    load_operations()
    api = Api(
        authenticate=lambda token: Caller(name="ada", grants=(Grant(role=Role.ADMIN),)),
        make_context=lambda caller, progress: SimpleNamespace(progress=progress),
        project=lambda: "fraud",
    )
    app = create_app(api, hosts=hosts_of(7318))
    clock = ManualClock(datetime(2026, 11, 20, 19, 38, tzinfo=UTC))
    add_pages(app, api, Sessions(clock), clock=clock, cookie="c", trouble=lambda: "")
    yield app
    api.threads.shutdown()
