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

    assert write_requests(model_url, rows, into, count=3) == 3

    bodies = [json.loads(line) for line in into.read_text().splitlines()]
    assert [[tensor["name"] for tensor in body["inputs"]] for body in bodies] == [
        ["country", "distance", "customer"]
    ] * 3
    assert [[tensor["data"] for tensor in body["inputs"]] for body in bodies] == [
        [["GB"], [1.5], ["c1"]],
        [["LU"], [None], ["c2"]],
        [["FR"], [None], [None]],
    ]
    assert bodies[0]["inputs"][1] == {"name": "distance", "datatype": "FP64", "shape": [1], "data": [1.5]}
