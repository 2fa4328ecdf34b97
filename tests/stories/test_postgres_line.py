"""The whole line on a PostgreSQL ledger: by commands, through a server, with the database away, and by two at once.

The ledger's URL carries a password, and nothing that is said, logged or written may show it.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.postgres import PostgresServer, postgres_server  # noqa: F401 - a fixture
from tests.stories.workspace import Answer, ProjectFolder, until

from plimsoll.capture.reader import read_predictions

pytestmark = [pytest.mark.story, pytest.mark.system]

PASSWORD = "s3kr%2Fit-of-the-ledger"
AS_TYPED = "s3kr/it-of-the-ledger"


class Line(ProjectFolder):
    """A project on a PostgreSQL ledger that remembers everything its commands said."""

    def __init__(self, root: Path, url: str) -> None:
        super().__init__(root, {"PLIMSOLL_LEDGER": url})
        self.said: list[str] = []

    def plimsoll(self, *arguments: str, expect: int | None = 0, **environment: str) -> Answer:
        answer = super().plimsoll(*arguments, expect=expect, **environment)
        self.said += [answer.out, answer.err]
        return answer


@pytest.fixture
def line(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Line]:  # noqa: F811
    """Predicting returns: nothing has run yet; production wants somebody else's yes."""
    folder = tmp_path / "orders"
    shutil.copytree(Path(__file__).parent / "orders", folder)
    page = (folder / "plimsoll.yaml").read_text()
    rule = "production: {approvals: [{role: approver, count: 1, not: author}]}"
    (folder / "plimsoll.yaml").write_text(page.replace("production: {}", rule))
    (folder / ".gitignore").write_text(".plimsoll/\n__pycache__/\n")
    draw = random.Random(5)
    rows = [(draw.uniform(5, 200), draw.random()) for _ in range(2000)]
    lines = [f"{price:.2f},{price * share:.2f},{draw.random() < 0.2 + 0.6 * share}" for price, share in rows]
    (folder / "orders.csv").write_text("price,discount,returned\n" + "\n".join(lines) + "\n")
    url = postgres_server.new_database().replace("postgres@", f"postgres:{PASSWORD}@")
    project = Line(folder, url)
    project.commit("Predict returns")
    yield project
    project.end()


@pytest.mark.timeout(240)
def test_a_model_goes_live_and_back_by_commands_alone(line: Line):
    # Given a run, and the same run again
    first = line.ask("run")
    assert first["verdict"]["finding"] == "pass"
    again = line.ask("run")
    assert {step["state"] for step in again["run"]["steps"]} == {"cached"}
    assert not (line.root / ".plimsoll" / "ledger.sqlite").exists()

    # When two releases are approved by somebody else, and deployed one after the other
    grace = line.ask("people", "add", "grace", "--role", "approver")["token"]
    assert line.ask("release")["name"] == "orders@1"
    refused = line.plimsoll("deploy", "orders@1", "--env", "production", expect=None)
    assert "release.not_approved" in refused.err
    assert "author" in line.plimsoll("approve", "orders@1", "--env", "production", expect=4).err
    line.ask("approve", "orders@1", "--env", "production", PLIMSOLL_TOKEN=grace)
    address = line.ask("deploy", "orders@1", "--env", "production")["address"]
    line.ask("run", "--param", "strength=0.5")
    assert line.ask("release")["name"] == "orders@2"
    line.ask("approve", "orders@2", "--env", "production", PLIMSOLL_TOKEN=grace)
    assert line.ask("deploy", "orders@2", "--env", "production")["address"] == address
    prediction, release = predict(address)

    # Then a prediction leads back to everything, the record is whole, and the earlier release takes over again
    assert release == "orders@2"
    kinds = {link["kind"] for link in line.ask("trace", prediction)["links"]}
    assert {"release", "approval", "deployment", "run", "commit", "data", "runtime", "verdict"} <= kinds
    line.ask("deploy", "orders@1", "--env", "production")
    assert predict(address)[1] == "orders@1"
    assert line.ask("stop", "--env", "production")["state"] == "stopped"
    line.plimsoll("audit", "verify")
    assert_password_is_nowhere(line)


@pytest.mark.timeout(240)
def test_a_server_and_its_door_outlive_the_database(line: Line, tmp_path: Path, postgres_server: PostgresServer):  # noqa: F811
    # Given a server on the ledger, and a release that went live through it
    token = line.ask("tokens", "create")["token"]
    grace = line.ask("people", "add", "grace", "--role", "approver")["token"]
    log = tmp_path / "up.log"
    server = line.start("up", "--port", "0", log=log)
    try:
        note = line.root / ".plimsoll" / "server.json"
        until(note.exists, of=f"the server's note ({log.read_text()})")
        url = json.loads(note.read_text())["address"]
        through = {"PLIMSOLL_URL": url, "PLIMSOLL_TOKEN": token}
        assert line.ask("run", **through)["verdict"]["finding"] == "pass"
        assert line.ask("release", **through)["name"] == "orders@1"
        line.ask("approve", "orders@1", "--env", "production", PLIMSOLL_URL=url, PLIMSOLL_TOKEN=grace)
        address = line.ask("deploy", "orders@1", "--env", "production", **through)["address"]
        seen = {predict(address)[0]}
        assert PASSWORD not in processes()
        assert AS_TYPED not in processes()

        # When the database is away, commands say so, and the door goes on answering and capturing
        postgres_server.stop()
        try:
            for command, environment in (("run", {}), ("run", through), ("status", through)):
                answer = line.plimsoll(command, expect=5, **environment)
                assert "ledger.unavailable" in answer.err
                assert "Traceback" not in answer.err
            seen |= {predict(address)[0] for _ in range(20)}
            server_log = line.root / ".plimsoll" / "logs" / "server.log"
            until(lambda: "cannot work: ledger.unavailable" in server_log.read_text(), of="a word in the server's log")
            assert status_of(f"{url}/", token) == 503
        finally:
            postgres_server.start()

        # Then everything goes on as before once it is back, and nothing was lost
        assert {step["state"] for step in line.ask("run", **through)["run"]["steps"]} == {"cached"}
        assert line.ask("deploy", "orders@1", "--env", "production")["address"] == address
        seen.add(predict(address)[0])
        captured = {item.id for item in read_predictions(line.root / ".plimsoll" / "capture" / "production")}
        assert seen <= captured
        assert "release" in {link["kind"] for link in line.ask("trace", seen.pop(), **through)["links"]}
        line.ask("stop", "--env", "production", **through)
        line.plimsoll("audit", "verify", **through)
    finally:
        server.terminate()
        server.wait()
    assert "Traceback" not in log.read_text()
    assert_password_is_nowhere(line, log)


@pytest.mark.timeout(240)
def test_two_who_work_at_once_do_not_meet(line: Line):
    # Given two first runs at once, on a ledger that has no table yet
    first, second = at_once(line, ("run", "--json"), ("run", "--json"))
    assert first["run"]["id"] != second["run"]["id"]
    assert first["verdict"]["finding"] == second["verdict"]["finding"] == "pass"
    assert [item["run"]["state"] for item in line.ask("runs")] == ["done", "done"]

    # When one run is released twice at once, and the other beside it
    mine, theirs = (("release", report["run"]["id"], "--json") for report in (first, second))
    once, again, other = at_once(line, mine, mine, theirs)

    # Then both are told of one and the same release, and the numbers have no gap
    assert once == again
    assert {once["name"], other["name"]} == {"orders@1", "orders@2"}
    assert [item["name"] for item in line.ask("releases")] == ["orders@2", "orders@1"]
    actions = [event["action"] for event in line.ask("audit", "list", "--limit", "100")]
    assert actions.count("release_created") == 2
    assert actions.count("person_added") == 1
    line.plimsoll("audit", "verify")


def at_once(line: Line, *commands: tuple[str, ...]) -> list[Any]:
    """What several commands answer that are started together."""
    with ThreadPoolExecutor(len(commands)) as pool:
        return [answer.json for answer in pool.map(lambda command: line.plimsoll(*command), commands)]


def predict(address: str) -> tuple[str, str]:
    """One prediction's id and the release that made it."""
    tensors = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in (("price", 80.0), ("discount", 20.0))
    ]
    url = f"{address}/v2/models/orders/infer"
    request = urllib.request.Request(url, json.dumps({"inputs": tensors}).encode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers["Plimsoll-Prediction-Id"], answer.headers["Plimsoll-Release"]


def status_of(page: str, token: str) -> int:
    """The HTTP status that a page is answered with."""
    try:
        request = urllib.request.Request(page, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def processes() -> str:
    """The command lines of all processes."""
    return subprocess.run(["ps", "-eo", "args", "-ww"], check=True, capture_output=True, text=True).stdout


def assert_password_is_nowhere(line: Line, *files: Path) -> None:
    """Not in anything said, not in any file of the workspace (bundles, logs, notes), not in the audit."""
    everything = [path for path in line.root.rglob("*") if path.is_file()]
    texts = {str(path): path.read_bytes() for path in (*everything, *files)}
    texts["what commands said"] = "".join(line.said).encode()
    texts["the audit"] = line.plimsoll("audit", "list", "--limit", "1000", "--json").out.encode()
    for form in (PASSWORD, AS_TYPED):
        assert not [place for place, content in texts.items() if form.encode() in content]
