"""Small releases to serve, and callers that know what was answered and what was lost."""

import json
import select
import shutil
import socket
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from plimsoll.bundle.build import build_scorer
from plimsoll.bundle.layout import write_bundle
from plimsoll.bundle.runtime import lock_text
from plimsoll.bundle.signing import signer
from plimsoll.capture.tally import CountReader
from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.hashing import digest_bytes
from plimsoll.kernel.workspace import Workspace
from plimsoll.rollout.entities import Desired, DesiredRelease, Observed, Traffic
from plimsoll.targets.process import ProcessTarget

PROJECT = "fraud"
ENVIRONMENT = "staging"


def make_rows(count=60):
    numbers = np.arange(count)
    amount = (numbers * 37 % 100).astype(float)
    amount[::10] = np.nan
    country = np.array(["GB", "FR", "LU"], dtype=object)[numbers % 3]
    country[5] = None
    return pd.DataFrame(
        {
            "amount": amount,
            "country": country,
            "is_new": numbers % 4 == 0,
            "customer_id": [f"c{number}" for number in numbers],
            "is_fraud": (numbers * 37 % 100 > 60) | (numbers % 7 == 0),
            "size": np.where(numbers * 37 % 100 > 60, "large", np.where(numbers % 2 == 0, "small", "medium")),
            "loss": numbers * 1.5,
        }
    )


RAISES, HANGS, DIES = -1.0, -2.0, -3.0
"""Amounts at which an odd scorer does something else than answer."""


def make_oddity():
    """A local function, which is pickled with the model."""

    def oddly(rows):
        import os
        import time

        amount = rows["amount"].iloc[0]
        if amount == -1.0:
            raise ValueError("it was told to")
        if amount == -2.0:
            time.sleep(20)
        if amount == -3.0:
            os._exit(9)
        return rows

    return FunctionTransformer(oddly)


def make_scorer(folder, *, task="binary_classification", label="is_fraud", bias=0.0, odd=False):
    rows = make_rows()
    columns = make_column_transformer(
        (SimpleImputer(), ["amount"]),
        (OneHotEncoder(handle_unknown="ignore"), ["country"]),
        ("passthrough", ["is_new"]),
    )
    steps = [make_oddity()] if odd else []
    model = make_pipeline(
        *steps, columns, LinearRegression() if task == "regression" else LogisticRegression(max_iter=5000)
    )
    model.fit(rows[["amount", "country", "is_new"]], rows[label])
    model[-1].intercept_ = model[-1].intercept_ + bias
    build_scorer(folder, model=model, holdout=rows, task=task, label=label, context=["customer_id"],
                 inputs=["amount", "country", "is_new"])  # fmt: skip


def make_graph(bias):
    """p = sigmoid(0.01 * amount + weight of country + is_new + bias); missing amounts count as 0."""
    scalar = {name: helper.make_tensor(name, TensorProto.DOUBLE, [1], [value]) for name, value in
              (("zero", 0.0), ("slope", 0.01), ("bias", bias), ("one", 1.0))}  # fmt: skip
    nodes = [
        helper.make_node("IsNaN", ["amount"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "amount"], ["known"]),
        helper.make_node("Mul", ["known", "slope"], ["sloped"]),
        helper.make_node("LabelEncoder", ["country"], ["weight32"], domain="ai.onnx.ml", keys_strings=["GB", "?"],
                         values_floats=[0.25, -0.5], default_float=0.0),
        helper.make_node("Cast", ["weight32"], ["weight"], to=TensorProto.DOUBLE),
        helper.make_node("Sum", ["sloped", "weight", "is_new", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["p"]),
        helper.make_node("Sub", ["one", "p"], ["q"]),
        helper.make_node("Concat", ["q", "p"], ["scores"], axis=1),
    ]  # fmt: skip
    kinds = {"amount": TensorProto.DOUBLE, "country": TensorProto.STRING, "is_new": TensorProto.DOUBLE}
    graph = helper.make_graph(
        nodes,
        "fraud",
        [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in kinds.items()],
        [helper.make_tensor_value_info("scores", TensorProto.DOUBLE, [None, 2])],
        list(scalar.values()),
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 2)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def expected_score(bias, amount, country, is_new):
    logit = 0.01 * (amount or 0.0) + {"GB": 0.25, None: -0.5}.get(country, 0.0) + is_new + bias
    return 1 / (1 + np.exp(-logit))


def seal(folder, keys, number, *, compiled):
    lock = (folder / "lock.txt").read_bytes()
    digest = write_bundle(
        folder, signer=signer(keys), project=PROJECT, number=number, run="run-1", commit="", authors=("ada",), dirty=(),
        data={}, lock_digest=digest_bytes(lock), verdict="verdict-1", created_by="ada",
        created_at="2026-03-01T12:00:00.000000Z", compiled=compiled,
    )  # fmt: skip
    return DesiredRelease(name=f"{PROJECT}@{number}", digest=digest, bundle=folder)


def make_release(folder, keys, number, *, scorer, bias=None, lock=None):
    """A release on a copy of a scorer; with a bias it is compiled, and answers by the formula above."""
    shutil.copytree(scorer, folder / "scorer")
    (folder / "lock.txt").write_text(lock or lock_text(), encoding="utf-8")
    for name in ("columns.json", "verdict.json"):
        (folder / name).write_bytes(canonical_json({}))
    (folder / "model-card.md").write_text("# fraud\n", encoding="utf-8")
    if bias is not None:
        (folder / "compiled").mkdir()
        onnx.save(make_graph(bias), str(folder / "compiled" / "model.onnx"))
        page = {"format": "onnx", "missing_string": "?", "opset": 18}
        (folder / "compiled" / "compiled.json").write_bytes(canonical_json(page))
    return seal(folder, keys, number, compiled=None if bias is None else "onnx")


def make_workspace(root):
    return Workspace(root=root, state=root / ".plimsoll", ledger_url="sqlite://")


def desired(release, *others, revision=1, port=0, host="127.0.0.1", doors=1, stick_to="", traffic=None):
    """The release live, the others loaded beside it."""
    return Desired(
        project=PROJECT, environment=ENVIRONMENT, revision=revision, host=host, port=port, live=release.digest,
        releases=(release, *others), doors=doors, stick_to=stick_to, traffic=traffic,
    )  # fmt: skip


def split(candidate, percent, *, rollout="rollout-1", stage=1, **more):
    return Traffic(rollout=rollout, stage=stage, candidate=candidate.digest, candidate_pct=percent, **more)


def tensor(name, datatype, *values):
    return {"name": name, "shape": [len(values)], "datatype": datatype, "data": list(values)}


def a_body(amount=10.0, country="GB", is_new=False, **more):
    inputs = [tensor("amount", "FP64", amount), tensor("country", "BYTES", country), tensor("is_new", "BOOL", is_new)]
    return {"inputs": inputs, **more}


@dataclass
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def prediction(self):
        return self.headers.get("plimsoll-prediction-id")


class Caller:
    """One keep-alive connection; a closed one is noticed before a request is sent on it."""

    def __init__(self, port, *, timeout=30):
        self._connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
        self.connections = 0

    def ask(self, method, path, body=None, headers=None):
        if self._is_closed():
            self._connection.close()
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
        content = json.dumps(body) if isinstance(body, dict) else body
        self._connection.request(method, path, content, headers or {})
        response = self._connection.getresponse()
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())

    def get(self, path):
        return self.ask("GET", path)

    def infer(self, body=None, *, path=f"/v2/models/{PROJECT}/infer", **headers):
        return self.ask("POST", path, a_body() if body is None else body, headers)

    def close(self):
        self._connection.close()

    def _is_closed(self):
        if self._connection.sock is None:
            return True
        readable, _, _ = select.select([self._connection.sock], [], [], 0)
        return bool(readable)


@dataclass
class Load:
    """Callers that ask without pause on keep-alive connections, until told to stop.

    Each answer is a prediction's id, the release's name, the amount, the score, and the candidate that failed before.
    """

    port: int
    callers: int = 4
    amounts: tuple = tuple(float(number) for number in range(50))
    answers: list = field(default_factory=list)
    sent: list = field(default_factory=list)
    """One item a request."""
    refused: list = field(default_factory=list)
    """Answers other than 200, and connections that could not be made."""
    broken: list = field(default_factory=list)
    """Requests that were sent and never answered."""
    seconds: list = field(default_factory=list)
    """How long each answer took, as its caller saw it."""
    connections: int = 0

    def __enter__(self):
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(self.callers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, count, *, release=None, within_s=40):
        """Until that many more answers (of that release) are in."""
        begin, deadline = len(self.answers), time.monotonic() + within_s
        while sum(release in (None, item[1]) for item in self.answers[begin:]) < count:
            assert time.monotonic() < deadline, (len(self.answers) - begin, self.refused[-3:], self.broken[-3:])
            time.sleep(0.01)

    def _ask_on(self):
        caller = Caller(self.port, timeout=40)
        number = 0
        while not self._stop.is_set():
            number += 1
            amount = self.amounts[number % len(self.amounts)]
            self.sent.append(number)
            began = time.perf_counter()
            try:
                reply = caller.infer(a_body(amount))
                self.seconds.append(time.perf_counter() - began)
            except ConnectionRefusedError as error:
                self.refused.append(repr(error))
            except (OSError, HTTPException) as error:
                self.broken.append(repr(error))
                caller.close()
            else:
                if reply.status == 200:
                    score = reply.json["outputs"][0]["data"][0]
                    failed = reply.headers.get("plimsoll-fallback", "")
                    self.answers.append((reply.prediction, reply.headers["plimsoll-release"], amount, score, failed))
                else:
                    self.refused.append((reply.status, reply.body))
        self.connections += caller.connections
        caller.close()


@dataclass
class Place:
    """A workspace with its target."""

    workspace: Workspace
    target: ProcessTarget
    doors: int = 1
    port: int = 0
    revision: int = 0
    callers: list[Caller] = field(default_factory=list)

    def apply(self, release: DesiredRelease, *others: DesiredRelease, **more) -> Observed:
        """The next revision, and what was observed once it was settled."""
        self.tell(release, *others, **more)
        return self.settle()

    def tell(self, release: DesiredRelease, *others: DesiredRelease, **more) -> Observed:
        """The next revision, without waiting for what comes of it."""
        self.revision += 1
        wanted = desired(release, *others, revision=self.revision, port=self.port, doors=self.doors, **more)
        observed = self.target.apply(wanted)
        self.port = observed.port
        return observed

    def settle(self, within_s=60) -> Observed:
        deadline = time.monotonic() + within_s
        while not (observed := self.observe()).settled:
            assert time.monotonic() < deadline, observed
            time.sleep(0.01)
        assert observed.revision == self.revision
        return observed

    def roll_out(self, champion, candidate, percent, *, stick_to="", deadline_s=30.0, **more) -> Observed:
        """The candidate beside the champion, with that share of the requests, and a deadline that no noise misses."""
        traffic = split(candidate, percent, deadline_s=deadline_s, **more)
        return self.apply(champion, candidate, stick_to=stick_to, traffic=traffic)

    def counts(self, rollout="rollout-1"):
        """All that was counted, whether it is due or not."""
        return CountReader(self.workspace.environment(ENVIRONMENT) / "counts" / rollout).read()

    def observe(self) -> Observed:
        observed = self.target.observe(ENVIRONMENT)
        assert observed is not None
        return observed

    def pid(self, role: str) -> int:
        """The pid of the one process in that role; 0 when there is none."""
        pids = self.pids(role)
        assert len(pids) < 2, pids
        return pids[0] if pids else 0

    def pids(self, role: str) -> list[int]:
        return [pid for name, pid in self.observe().processes if name == role]

    def caller(self) -> Caller:
        self.callers.append(Caller(self.port or self.observe().port))
        return self.callers[-1]

    def end(self) -> None:
        for caller in self.callers:
            caller.close()
        self.stop()

    def stop(self) -> None:
        self.revision += 1
        self.target.stop(ENVIRONMENT, revision=self.revision)

    @property
    def capture(self) -> Path:
        return self.workspace.capture(ENVIRONMENT)

    @property
    def logs(self) -> Path:
        return self.workspace.environment(ENVIRONMENT) / "logs"


def make_place(root, keys, *, doors=1, **options):
    workspace = make_workspace(root)
    workspace.state.mkdir()
    workspace.keys.symlink_to(keys)
    return Place(workspace, ProcessTarget(workspace, None, **options), doors=doors)
