"""How fast a door answers, beside an empty ASGI application on the same server: `python benchmarks/serving.py`.

Scaler and logistic regression over 30 numbers, one row a request, JSON: once compiled into the door, once in a worker.
The load comes from a second process on the same machine: wrk when it is installed, else a client of our own. Rounds
alternate between the servers, because a machine's speed drifts; the medians are reported, and the ratio to empty.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

FEATURES = 30
CONNECTIONS = (1, 64)
PATH = "/v2/models/bench/infer"
EMPTY = """
import asyncio, socket, sys, uvicorn
try:
    import uvloop
    loop = uvloop.new_event_loop
except ImportError:
    loop = None
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
BODY = {"type": "http.response.body", "body": b"{}"}
async def app(scope, receive, send):
    await receive()
    await send(START)
    await send(BODY)
config = uvicorn.Config(app, interface="asgi3", http="httptools", ws="none", lifespan="off", log_config=None,
                        access_log=False, proxy_headers=False, server_header=False, timeout_keep_alive=75)
listener = socket.socket(fileno=int(sys.argv[1]))
with asyncio.Runner(loop_factory=loop) as runner:
    runner.run(uvicorn.Server(config).serve([listener]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds a measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--client", nargs=4, metavar=("PORT", "CONNECTIONS", "SECONDS", "BODY"), help="be the load")
    options = parser.parse_args()
    if options.client:
        port, connections, seconds, body = options.client
        print(json.dumps(asyncio.run(_load(int(port), int(connections), float(seconds), Path(body).read_bytes()))))
        return
    with tempfile.TemporaryDirectory() as folder:
        _compare(Path(folder), seconds=options.seconds, rounds=options.rounds)


def _compare(folder: Path, *, seconds: float, rounds: int) -> None:
    from plimsoll.kernel.workspace import Workspace
    from plimsoll.rollout.entities import Desired
    from plimsoll.targets.process import ProcessTarget

    body = folder / "body.json"
    row = np.random.default_rng(7).normal(size=FEATURES).round(6).tolist()
    tensors = [{"name": f"x{i}", "shape": [1], "datatype": "FP64", "data": [value]} for i, value in enumerate(row)]
    body.write_text(json.dumps({"inputs": tensors}))
    workspace = Workspace(root=folder, state=folder / "state", ledger_url="sqlite://")
    target = ProcessTarget(workspace, None)
    releases = _releases(folder, workspace.keys)
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    empty = subprocess.Popen([sys.executable, "-c", EMPTY, str(listener.fileno())], pass_fds=(listener.fileno(),))
    ports = {"empty ASGI": listener.getsockname()[1]}
    pids = {"empty ASGI": [empty.pid]}
    seen: dict[tuple[str, int], list[tuple[float, ...]]] = {}
    try:
        for name, release in releases.items():
            wanted = Desired(
                project="bench", environment=name, revision=1, host="127.0.0.1", port=0, live=release.digest,
                releases=(release,),
            )  # fmt: skip
            observed = target.apply(wanted)
            while not observed.ready:
                time.sleep(0.1)
                observed = target.observe(name) or observed
            ports[name] = observed.port
            pids[name] = [pid for role, pid in observed.processes if role != "shim"]
        for _ in range(rounds):
            for connections in CONNECTIONS:
                for name, port in ports.items():
                    before = _cpu_s(pids[name])
                    rate, p50, p99 = _measure(port, connections, seconds, body)
                    cpu_us = (_cpu_s(pids[name]) - before) / (rate * seconds) * 1e6
                    seen.setdefault((name, connections), []).append((rate, p50, p99, cpu_us))
    finally:
        for name in releases:
            target.stop(name, revision=2)
        empty.terminate()
        empty.wait()
        listener.close()
    _report(seen, list(ports))


def _releases(folder: Path, keys: Path) -> dict[str, Any]:
    """The same model twice: compiled, and for a worker."""
    import onnx
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from plimsoll.bundle.build import build_scorer
    from plimsoll.bundle.layout import write_bundle
    from plimsoll.bundle.runtime import lock_text
    from plimsoll.bundle.signing import signer
    from plimsoll.kernel.hashing import digest_bytes
    from plimsoll.rollout.entities import DesiredRelease

    random = np.random.default_rng(3)
    rows = pd.DataFrame(random.normal(size=(500, FEATURES)), columns=[f"x{i}" for i in range(FEATURES)])
    rows["y"] = rows["x0"] + rows["x1"] > 0
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows.drop(columns="y"), rows["y"])
    build_scorer(folder / "scorer", model=model, holdout=rows, task="binary_classification", label="y")
    releases = {}
    for number, name in enumerate(("door (compiled)", "door and worker"), 1):
        bundle = folder / f"bundle-{number}"
        shutil.copytree(folder / "scorer", bundle / "scorer")
        (bundle / "lock.txt").write_text(lock_text())
        if number == 1:
            (bundle / "compiled").mkdir()
            onnx.save(_graph(model[0], model[1]), str(bundle / "compiled" / "model.onnx"))
            (bundle / "compiled" / "compiled.json").write_text('{"format":"onnx","missing_string":"?","opset":18}')
        digest = write_bundle(
            bundle, signer=signer(keys), project="bench", number=number, run="", commit="", authors=(), dirty=(), data={},
            lock_digest=digest_bytes(lock_text().encode()), verdict="", created_by="bench", created_at="",
            compiled="onnx" if number == 1 else None,
        )  # fmt: skip
        releases[name] = DesiredRelease(name=f"bench@{number}", digest=digest, bundle=bundle)
    return releases


def _graph(scaler: Any, model: Any) -> Any:
    from onnx import TensorProto, helper

    names = [f"x{i}" for i in range(FEATURES)]
    weight = (model.coef_[0] / scaler.scale_).tolist()
    bias = float(model.intercept_[0] - (model.coef_[0] * scaler.mean_ / scaler.scale_).sum())
    constants = [
        helper.make_tensor("weight", TensorProto.DOUBLE, [FEATURES, 1], weight),
        helper.make_tensor("bias", TensorProto.DOUBLE, [1], [bias]),
        helper.make_tensor("one", TensorProto.DOUBLE, [1], [1.0]),
    ]
    nodes = [
        helper.make_node("Concat", names, ["x"], axis=1),
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["p"]),
        helper.make_node("Sub", ["one", "p"], ["q"]),
        helper.make_node("Concat", ["q", "p"], ["scores"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 1]) for name in names]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.DOUBLE, [None, 2])]
    graph = helper.make_graph(nodes, "bench", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def _measure(port: int, connections: int, seconds: float, body: Path) -> tuple[float, float, float]:
    """Requests a second, and the 50th and 99th percentile of latency in milliseconds."""
    if shutil.which("wrk") is None:
        command = [sys.executable, __file__, "--client", str(port), str(connections), str(seconds), str(body)]
        page = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return page["rate"], page["p50"], page["p99"]
    script = body.with_suffix(".lua")
    script.write_text(
        'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\n'
        f'wrk.body = io.open("{body}"):read("*a")\n'
    )
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{round(seconds)}s",
        "--timeout",
        "30s",
        "--latency",
        "-s",
        str(script),
    ]
    told = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{PATH}"], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise SystemExit(told)
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    found = {
        int(percent): float(number) * units[unit]
        for percent, number, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", told)
    }
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert rate is not None
    return float(rate[1]), found[50], found[99]


async def _load(port: int, connections: int, seconds: float, body: bytes) -> dict[str, float]:
    """Our own load: requests one after the other on each connection."""
    head = f"POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (begun := time.perf_counter()) < end:
            writer.write(head + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            length = re.search(rb"content-length: (\d+)", answer)
            assert length is not None
            await reader.readexactly(int(length[1]))
            latencies.append(time.perf_counter() - begun)
        writer.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    p50, p99 = np.percentile(latencies, [50, 99]) * 1000
    return {"rate": len(latencies) / seconds, "p50": float(p50), "p99": float(p99)}


def _cpu_s(pids: list[int]) -> float:
    """Processor time that processes used so far: unlike the rate, it hardly depends on what else the machine does."""
    ticks = os.sysconf("SC_CLK_TCK")
    facts = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
    return sum(int(fact[11]) + int(fact[12]) for fact in facts) / ticks


def _report(seen: dict[tuple[str, int], list[tuple[float, ...]]], names: list[str]) -> None:
    print(f"{'server':<18}{'conns':>6}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'of empty':>10}{'CPU us/req':>12}")
    for connections in CONNECTIONS:
        base = statistics.median(item[0] for item in seen[names[0], connections])
        for name in names:
            rate, p50, p99, cpu_us = (
                statistics.median(values) for values in zip(*seen[name, connections], strict=True)
            )
            print(f"{name:<18}{connections:>6}{rate:>9.0f}{p50:>9.3f}{p99:>9.3f}{rate / base:>10.1%}{cpu_us:>12.0f}")


if __name__ == "__main__":
    main()
