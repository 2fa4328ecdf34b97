"""Metrics and comparisons of a real server: over HTTP, from a script with PLIMSOLL_URL, and on the pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.server.asking import Visit
from tests.server.conftest import Up, plimsoll, start

STEPS = """
import plimsoll

def numbers(factor):
    plimsoll.log_params(shape={"width": 3})
    for number in range(400):
        plimsoll.log({"loss<b>": 1 / (number + 1) ** factor}, step=number)
    plimsoll.log(gap=float("nan"))
    return [factor * number for number in range(5)]

def total(numbers):
    return sum(numbers)
"""


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Up, list[str]]]:
    """A server over a project with two runs that differ in a parameter and a line."""
    folder = tmp_path_factory.mktemp("tracked") / "project"
    folder.mkdir()
    (folder / "plimsoll.yaml").write_text("project: answers\ncode: steps.py\npipeline: {params: {factor: 2}}\n")
    (folder / "steps.py").write_text(STEPS)
    runs = [json.loads(plimsoll(folder, "run", "--json").stdout)["run"]["id"]]
    (folder / "steps.py").write_text(STEPS.replace("sum(numbers)", "sum(numbers) + 1"))
    runs.append(json.loads(plimsoll(folder, "run", "-p", "factor=1", "--json").stdout)["run"]["id"])
    up = start(folder)
    up.tokens["admin"] = json.loads(plimsoll(folder, "tokens", "create", "--json").stdout)["token"]
    yield up, runs
    up.end(15)
    assert up.process.stdout is not None
    up.process.stdout.close()


def test_curves_are_told_thinned_and_whole(tracked):
    up, runs = tracked
    _, found = up.json("GET", f"/api/runs/{runs[0]}/metrics?most=50", token=up.tokens["admin"])
    gap, loss = found["curves"]
    assert (gap["last"], gap["least"], gap["values"]) == ("nan", None, ["nan"])
    assert (loss["metric"], loss["points"], loss["steps"][0], loss["steps"][-1]) == ("loss<b>", 400, 0, 399)
    assert len(loss["steps"]) <= 50
    assert found["params"] == [{"name": "shape", "source": "numbers", "value": {"width": 3}}]
    _, whole = up.json("GET", f"/api/runs/{runs[0]}/metrics?metric=loss%3Cb%3E", token=up.tokens["admin"])
    assert [len(curve["steps"]) for curve in whole["curves"]] == [400]


@pytest.mark.parametrize(
    "body",
    [
        {"points": [["x" * 201, 0, 1.0, 0.0]]},
        {"points": [["", 0, 1.0, 0.0]]},
        {"points": [["auc", -1, 1.0, 0.0]]},
        {"points": [["auc", 0, "high", 0.0]]},
        {"points": [["auc", 0, 1.0, 0.0]] * 10_001},
    ],
)
def test_what_cannot_be_kept_is_a_bad_request(tracked, body):
    up, runs = tracked
    status, answer = up.json("POST", f"/api/runs/{runs[0]}/metrics", token=up.tokens["admin"], body=body)
    assert (status, answer["error"]["code"]) == (400, "edge.bad_request")


def test_a_script_logs_to_a_run_over_http(tracked, tmp_path: Path):
    up, _ = tracked
    run = json.loads(plimsoll(up.folder, "run", "--json").stdout)["run"]["id"]
    script = f"""
import plimsoll
from plimsoll.kernel.errors import PlimsollError
with plimsoll.track({run!r}):
    for number in range(3500):
        plimsoll.log(auc=number / 3500)
    plimsoll.log_params(by="hand")
try:
    with plimsoll.track("run-none"):
        pass
except PlimsollError as error:
    print(error.code)
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**clean, "PLIMSOLL_URL": up.address, "PLIMSOLL_TOKEN": up.tokens["admin"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "pipeline.run_missing\n"), ended.stderr
    _, found = up.json("GET", f"/api/runs/{run}/metrics?metric=auc&most=5000", token=up.tokens["admin"])
    (auc,) = found["curves"]
    assert (auc["source"][0], auc["steps"]) == ("@", list(range(3500)))


def test_a_comparison_tells_what_differs_and_with_all_the_rest(tracked):
    up, runs = tracked

    def compare(*arguments: str) -> Any:
        answer = plimsoll(up.folder, "compare", *runs, *arguments, "--json")
        assert answer.returncode == 0, answer.stdout
        return json.loads(answer.stdout)

    found = compare()
    assert found["params"] == [{"name": "factor", "values": [2, 1]}]
    loss = next(one for one in found["metrics"] if one["metric"] == "loss<b>")
    assert loss["last"] == [1 / 400**2, 1 / 400]
    assert loss["change"] == [0.0, pytest.approx(1 / 400 - 1 / 400**2)]
    assert "gap" not in {one["metric"] for one in found["metrics"]}
    assert [(one["path"], one["added"], one["removed"]) for one in found["code"]] == [("steps.py", 1, 1)]
    assert "+    return sum(numbers) + 1" in found["code"][0]["diff"]
    assert (found["runtime"], found["data"], found["gates"], found["notes"]) == ([], [], [], [])
    everything = compare("--all")
    assert [one["name"] for one in everything["params"]][:2] == ["by", "factor"] or everything["params"][0][
        "name"
    ] == "factor"
    assert {"gap", "loss<b>"} <= {one["metric"] for one in everything["metrics"]}
    text = plimsoll(up.folder, "compare", *runs).stdout
    assert "█" in text
    assert "+    return sum(numbers) + 1" in text


def test_one_run_alone_is_no_comparison_and_an_unknown_release_is_named(tracked):
    up, runs = tracked
    alone = plimsoll(up.folder, "compare", runs[0])
    assert (alone.returncode, "edge.bad_request" in alone.stderr) == (2, True)
    unknown = plimsoll(up.folder, "compare", runs[0], "answers@9")
    assert (unknown.returncode, "release.missing" in unknown.stderr) == (2, True)


def test_pages_draw_curves_and_comparisons_and_names_stay_text(tracked):
    up, runs = tracked
    visit = Visit(up, up.tokens["admin"])
    assert 'href="/compare?runs=run-' in visit.get("/runs")[1]
    status, _, raw = up.request("GET", f"/runs/{runs[0]}", headers={"Cookie": visit.cookie})
    page = raw.decode()
    assert status == 200
    assert 'class="line s1"' in page
    assert "loss<b>" not in page
    assert "loss&lt;b&gt;" in page
    assert f'href="/compare?runs={runs[0]}"' in page
    status, page = visit.get(f"/compare?runs={runs[0]}&with={runs[1]}")
    assert status == 200
    for text in ("Parameters", "factor", 'class="line s2"', "+    return sum(numbers) + 1", "Show everything"):
        assert text in page
    assert "gap" in visit.get(f"/compare?runs={runs[0]},{runs[1]}&all=1")[1]
    assert "Name two runs or more" in visit.get("/compare")[1]
    assert "Nothing differs." not in page
    assert "There is no release answers@9" in visit.get(f"/compare?runs={runs[0]},answers@9")[1]
