"""What is Ray's own: files between nodes that share none, nodes that die or differ, clusters that are not there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipeline_case import Case, make_case
from ray_nodes import MIB, Nodes
from test_executors_conformance import NOTE, Apart, notes, until

from plimsoll.pipeline.entities import StepState
from plimsoll.pipeline.errors import NoSuchRoom, RayNodeUnfit, StepFailed
from plimsoll.pipeline.operations import latest_run, list_runs

pytestmark = pytest.mark.system

EVERYTHING = """
import pickle
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import xgboost
from sklearn.linear_model import LogisticRegression

class Own:
    def __init__(self, value):
        self.value = value

def rows(orders):
    return orders.assign(total=orders.price * orders.count_)

def polars_frame(rows):
    return pl.DataFrame({"a": rows.price.to_numpy(), "b": ["x"] * len(rows)})

def lazy(polars_frame):
    return polars_frame.lazy().with_columns(c=pl.col("a") * 2)

def arrow(rows):
    return pa.table({"a": rows.price.to_list()})

def array(rows, seed):
    return np.random.default_rng(seed).normal(size=(len(rows), 3))

def arrays(array):
    return {"x": array, "y": (array[:, 0] > 0).astype("int64")}

def series(rows):
    return rows.price

def logistic(arrays):
    return LogisticRegression().fit(arrays["x"], arrays["y"])

def boosted(arrays):
    return xgboost.train({"objective": "binary:logistic", "seed": 1, "nthread": 2}, xgboost.DMatrix(**_xy(arrays)), 5)

def light(arrays):
    options = {"objective": "binary", "seed": 1, "num_threads": 2, "verbose": -1, "deterministic": True}
    return lightgbm.train(options, lightgbm.Dataset(arrays["x"], arrays["y"]), 5)

def _xy(arrays):
    return {"data": arrays["x"], "label": arrays["y"]}

def plain(seed):
    return {"seed": seed, "words": sorted({f"w{i}" for i in range(9)}), "none": None}

def order_of_a_set(seed):
    return list({f"word {i}" for i in range(50)})

def file(seed):
    Path("report.txt").write_text("x" * 5_000_000)
    return Path("report.txt").resolve()

def folder(file):
    place = Path("many")
    place.mkdir(exist_ok=True)
    for number in range(40):
        (place / f"{number}.txt").write_text(file.read_text()[:number])
    return place

def yielded(rows):
    for start in range(0, len(rows), 50):
        yield rows.iloc[start : start + 50].reset_index(drop=True)

def own(seed):
    return Own(seed)

def each(word, own):
    return [word, own.value]

def end(lazy, arrow, series, logistic, boosted, light, plain, folder, yielded, each):
    shape = lazy.collect().shape
    return [shape, arrow.num_rows, len(series), len(list(folder.iterdir())), len(yielded), each, boosted.num_boosted_rounds()]
"""


def test_every_kind_of_output_has_the_same_digest_as_on_this_machine(on_ray: Nodes, tmp_path: Path):
    settings = """
    data: {orders: {path: orders.csv}}
    pipeline:
      params: {seed: 7, words: [a, b]}
      steps: {each: {each: {word: words}}}
    """
    runs = {}
    for executor in ("local", "ray"):
        case = make_case(tmp_path / executor, EVERYTHING, settings)
        lines = [f"{number / 7},{number % 5}" for number in range(200)]
        case.write("orders.csv", "price,count_\n" + "\n".join(lines) + "\n")
        case.executor = executor
        runs[executor] = case.run()
    assert runs["ray"].outputs == runs["local"].outputs
    assert {step.step: step.key for step in runs["ray"].steps} == {step.step: step.key for step in runs["local"].steps}
    assert len(runs["ray"].outputs) == 18


def test_a_project_with_a_model_ends_in_the_same_scorer(on_ray: Nodes, tmp_path: Path):
    steps = """
    from sklearn.linear_model import LogisticRegression

    def features(orders):
        return orders.assign(square=orders.price**2)

    def train(orders):
        frame = features(orders.drop(columns="late"))
        return LogisticRegression().fit(frame, orders.late)
    """
    settings = """
    data: {orders: {path: orders.csv}}
    model: {from: train, transform: [features], task: binary_classification, label: late, holdout: orders}
    """
    scorers = set()
    for executor in ("local", "ray"):
        case = make_case(tmp_path / executor, "", settings)
        case.write("steps.py", steps)
        case.write("orders.csv", "price,late\n" + "".join(f"{i / 7},{str(i % 3 == 0).lower()}\n" for i in range(60)))
        case.executor = executor
        scorers.add(case.run().scorer)
    assert len(scorers) == 1


def ray_case(root: Path, steps: str, options: str = "", **params: Any) -> Case:
    known = {"notes": str(root / "notes.txt"), **params}
    case = make_case(
        root / "project", NOTE + steps, f"pipeline:\n  executor: ray\n  params: {known!r}\n  steps: {options or '{}'}\n"
    )
    (root / "notes.txt").touch()
    return case


def test_steps_run_on_both_nodes_and_each_has_its_own_files(on_ray: Nodes, tmp_path: Path):
    steps = """
def made(size):
    return "x" * size

def where(item, made, notes):
    time.sleep(0.4)
    return [os.environ["PLIMSOLL_NODE_CACHE"], len(made), os.getcwd()]
"""
    case = ray_case(tmp_path, steps, "{where: {each: {item: items}}}", items=list(range(8)), size=1000)
    found = case.value(case.run(), "where")
    caches = {cache for cache, _, _ in found}
    assert len(caches) == 2
    assert all(size == 1000 and cwd.startswith(cache) for cache, size, cwd in found)
    assert not any(Path(cache).is_relative_to(case.root) for cache in caches)
    made = latest_run(case.context, project="tiny").outputs["made"]
    for cache in caches:  # each has fetched what it needed, and only through the depot
        assert (Path(cache) / "artifacts" / made[:2] / made[2:]).exists()


DYING = """
def before(notes):
    _note(notes, "before")
    return 1

def work(before, notes):
    _note(notes, "work:" + os.environ["PLIMSOLL_NODE_CACHE"])
    while not Path(notes + ".go").exists():
        time.sleep(0.05)
    return before + 1
"""


def test_a_step_whose_node_dies_is_tried_again_elsewhere(on_ray: Nodes, tmp_path: Path):
    case = ray_case(tmp_path, DYING, "{work: {retries: 1, backoff: 10ms, resources: {cpu: 3}}}")
    first = on_ray.add(cpus=3)
    apart = Apart(case)
    until(lambda: any(note.startswith("work") for note in notes(case)))
    second = on_ray.add(cpus=3)
    on_ray.kill(first)
    until(lambda: sum(note.startswith("work") for note in notes(case)) == 2)
    (tmp_path / "notes.txt.go").touch()
    apart.join()
    on_ray.kill(second)
    assert apart.raised is None
    assert {step.step: (step.state, step.attempts) for step in apart.run.steps} == {
        "before": (StepState.DONE, 1),
        "work": (StepState.DONE, 2),
    }
    assert notes(case).count("before") == 1
    assert len(set(notes(case))) == 3
    assert any("was lost while it ran there; it is tried again" in message.message for message in case.messages)


def test_a_step_whose_node_dies_and_that_has_no_retry_fails_and_says_so(on_ray: Nodes, tmp_path: Path):
    case = ray_case(tmp_path, DYING, "{work: {resources: {cpu: 3}}}")
    node = on_ray.add(cpus=3)
    apart = Apart(case)
    until(lambda: any(note.startswith("work") for note in notes(case)))
    on_ray.kill(node)
    apart.join()
    assert isinstance(apart.raised, StepFailed)
    assert "was lost while it ran there" in str(apart.raised)


WITHOUT = "import sys\nsys.modules['plimsoll'] = None\n"
OTHER = """
import site, sys
site.PREFIXES.append({prefix!r})
sys.path.append({packages!r})
"""


@pytest.mark.parametrize("lacking", ["plimsoll", "package"])
def test_a_node_with_another_runtime_is_refused(on_ray: Nodes, tmp_path: Path, lacking: str):
    import sysconfig

    packages = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "prefix")}))
    (packages / "strange-9.9.dist-info").mkdir(parents=True)
    page = WITHOUT if lacking == "plimsoll" else OTHER.format(prefix=str(tmp_path / "prefix"), packages=str(packages))
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(page)
    node = on_ray.add(cpus=3, PYTHONPATH=str(tmp_path / "site"))
    case = ray_case(tmp_path, DYING, "{before: {retries: 5, resources: {cpu: 3}}}")
    with pytest.raises(RayNodeUnfit) as caught:
        case.run()
    on_ray.kill(node)
    words = "Plimsoll cannot be imported there" if lacking == "plimsoll" else "strange none, there 9.9"
    assert words in str(caught.value)
    assert notes(case) == []
    assert list_runs(case.context, project="tiny")[0].state == "failed"


def test_more_than_any_node_has_is_refused_before_a_run_begins(on_ray: Nodes, tmp_path: Path):
    case = ray_case(tmp_path, DYING, "{work: {resources: {gpu: 1}}}")
    with pytest.raises(NoSuchRoom, match="Step work asks for 1 GPU and there is none on any node of the Ray cluster"):
        case.run()
    case = ray_case(tmp_path / "b", DYING, "{work: {resources: {memory: 4096Gi}}}")
    with pytest.raises(NoSuchRoom, match=r"asks for 4 TiB|asks for 4096 GiB"):
        case.run()
    assert list_runs(case.context, project="tiny") == ()


BIG = """
def big(size, notes):
    with open("big.bin", "wb") as stream:
        for _ in range(size):
            stream.write(os.urandom(1 << 20))
    return Path("big.bin").resolve()

def read(item, big, notes):
    time.sleep(0.5)
    return [big.stat().st_size, os.environ["PLIMSOLL_NODE_CACHE"]]
"""


def test_a_big_output_travels_in_bounded_memory(on_ray: Nodes, tmp_path: Path):
    """200 MiB, with object stores of 100 MiB; the peak of every process of Ray's that it goes through is looked at."""
    case = ray_case(tmp_path, BIG, "{read: {each: {item: items}}}", size=200, items=[1, 2, 3, 4])
    peaks: dict[str, int] = {}
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(peaks, over))
    watch.start()
    try:
        run = case.run()
    finally:
        over.set()
        watch.join()
    found = case.value(run, "read")
    assert {size for size, _ in found} == {200 * MIB}
    assert len({cache for _, cache in found}) == 2
    assert any("Depot" in name for name in peaks)
    assert any("enter_streaming" in name or "plimsoll" in name for name in peaks)
    assert max(peaks.values()) < 180 * MIB, peaks  # Ray's own take 60; all at once would be 260


def _watch(peaks: dict[str, int], over: threading.Event) -> None:
    """The most anonymous memory, that is without shared pages of libraries and object stores, by process."""
    while not over.wait(0.05):
        for place in Path("/proc").glob("[0-9]*"):
            try:
                name = (place / "cmdline").read_text().rstrip("\0")
                if name.startswith("ray::") and "IDLE" not in name:
                    status = (place / "status").read_text()
                    used = int(status.partition("RssAnon:")[2].split()[0]) * 1024
                    peaks[name.split()[0] + place.name] = max(used, peaks.get(name.split()[0] + place.name, 0))
            except (OSError, IndexError, ValueError):
                continue


ALONE = """
import os, time
from pathlib import Path
from pipeline_case import make_case
os.environ["RAY_ADDRESS"] = {address!r}
case = make_case(Path({root!r}), settings="pipeline: {{executor: ray, params: {{size: 3, factor: 2}}}}\\n")
began = time.monotonic()
try:
    case.run()
except Exception as error:
    print(error.code, error)
print(time.monotonic() - began < 20, "ray" in __import__("sys").modules)
"""


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("127.0.0.1:1", "pipeline.ray_unreachable", "connection refused"),
        ("ray://127.0.0.1:10001", "pipeline.ray_address_unfit", "names no cluster"),
        ("local", "pipeline.ray_address_unfit", "names no cluster"),
    ],
)
def test_a_cluster_that_is_not_there_is_said_at_once(
    run_python: Callable[[str], str], tmp_path: Path, address: str, code: str, words: str
):
    said = run_python(ALONE.format(address=address, root=str(tmp_path)))
    assert said.startswith(code)
    assert words in said
    assert said.endswith("True True\n")


def test_the_node_keeps_artifacts_up_to_a_size(on_ray: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from plimsoll.artifacts.folder import FolderStore
    from plimsoll.pipeline.executors.node_store import NodeStore

    store = NodeStore(tmp_path, depot=None)
    kept = FolderStore(tmp_path / "artifacts")
    digests = [kept.put_bytes(bytes([number]) * MIB) for number in range(4)]
    job = FolderStore(tmp_path / "job")
    time.sleep(0.02)
    store.lend(digests[:1], job)  # used last, so it stays
    monkeypatch.setenv("PLIMSOLL_NODE_CACHE_SIZE", "2Mi")
    store.shrink()
    assert [kept.has(digest) for digest in digests] == [True, False, False, True]
    assert job.has(digests[0])
