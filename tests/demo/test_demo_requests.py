"""Request bodies made from Parquet rows, as a door describes that it wants them."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import pytest

from plimsoll.demo.requests import write_requests

DESCRIPTION = {
    "inputs": [{"name": "country", "datatype": "BYTES"}, {"name": "distance", "datatype": "FP64"}],
    "parameters": {"context": [{"name": "customer", "datatype": "BYTES"}]},
}


@pytest.fixture
def model_url():
    class Door(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(DESCRIPTION).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v2/models/fraud"
    server.shutdown()
    thread.join()
    server.server_close()


def test_rows_become_one_request_each_with_missing_values_as_null(model_url: str, tmp_path: Path):
    rows, into = tmp_path / "rows.parquet", tmp_path / "requests.jsonl"
    values = (
        "('GB', 1.5, 'c1', true), ('LU', 'NaN'::DOUBLE, 'c2', false), ('FR', NULL, NULL, false), ('DE', 2, 'c4', true)"
    )
    duckdb.sql(f"COPY (FROM (VALUES {values}) AS t(country, distance, customer, unasked)) TO '{rows}'")

    assert write_requests(model_url, rows, into, count=4) == 4

    bodies = [json.loads(line) for line in into.read_text().splitlines()]
    assert [[tensor["name"] for tensor in body["inputs"]] for body in bodies] == [
        ["country", "distance", "customer"]
    ] * 4
    assert sorted(tensor["data"] for body in bodies for tensor in body["inputs"][:1]) == [
        ["DE"],
        ["FR"],
        ["GB"],
        ["LU"],
    ]
    by_country = {body["inputs"][0]["data"][0]: [tensor["data"][0] for tensor in body["inputs"][1:]] for body in bodies}
    assert by_country == {"GB": [1.5, "c1"], "LU": [None, "c2"], "FR": [None, None], "DE": [2.0, "c4"]}


def test_the_rows_are_drawn_from_all_over_the_file_and_always_the_same(model_url: str, tmp_path: Path):
    rows = tmp_path / "rows.parquet"
    duckdb.sql(
        f"COPY (SELECT 'GB' AS country, i::DOUBLE AS distance, 'c' AS customer FROM range(1000) t(i)) TO '{rows}'"
    )
    for name in ("one", "other"):
        write_requests(model_url, rows, tmp_path / name, count=100)
    text = (tmp_path / "one").read_text()
    assert text == (tmp_path / "other").read_text()
    distances = [json.loads(line)["inputs"][1]["data"][0] for line in text.splitlines()]
    assert max(distances) > 800
