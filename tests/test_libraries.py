"""One import and one round trip for each library that has broken others before: the first thing to look at when a
lock is renewed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest


def test_duckdb_moves_frames_through_parquet_without_pyarrow(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["pyarrow"] = None
import duckdb, pandas as pd
frame = pd.DataFrame({"i": [1, 2], "f": [0.5, None], "s": ["x", None], "b": [True, False],
                      "t": pd.to_datetime(["2026-01-02 03:04:05.000006", None]).astype("datetime64[us]")})
frame["s"] = frame["s"].astype("str")
connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
connection.register("frame", frame)
connection.execute(f"COPY (SELECT * FROM frame) TO '{sys.argv[1]}' (FORMAT parquet)")
again = connection.execute(f"SELECT * FROM read_parquet('{sys.argv[1]}')").df()
pd.testing.assert_frame_equal(again, frame)
print(duckdb.__version__.split(".")[0])
"""
    command = [sys.executable, "-c", code, str(tmp_path / "frame.parquet")]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.stdout == "2\n", process.stderr


def test_protobuf_stays_below_7() -> None:
    """7 breaks the converters of gradient boosting."""
    from importlib.metadata import version

    assert int(version("protobuf").partition(".")[0]) == 6


def test_skl2onnx_and_onnxruntime_agree_with_scikit_learn_on_doubles() -> None:
    import numpy as np
    import onnxruntime
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(7)
    rows = random.normal(size=(200, 3))
    model = LogisticRegression().fit(rows, rows[:, 0] + rows[:, 1] > 0)
    graph = to_onnx(model, initial_types=[("x", DoubleTensorType([None, 3]))], options={"zipmap": False})
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    _, scores = session.run(None, {"x": rows})
    assert np.abs(scores - model.predict_proba(rows)).max() < 1e-6


def test_cryptography_signs_with_p256() -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    again = serialization.load_pem_private_key(pem, None)
    assert isinstance(again, ec.EllipticCurvePrivateKey)
    signature = again.sign(b"cargo", ec.ECDSA(hashes.SHA256()))
    key.public_key().verify(signature, b"cargo", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, b"other", ec.ECDSA(hashes.SHA256()))


def test_orjson_reads_numpy_and_turns_nan_into_null() -> None:
    import numpy as np
    import orjson

    document = {"a": np.array([[1.5, float("nan")]]), "b": "é", "c": datetime(2026, 1, 2, tzinfo=UTC)}
    text = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    assert orjson.loads(text) == {"a": [[1.5, None]], "b": "é", "c": "2026-01-02T00:00:00+00:00"}


def test_httptools_parses_what_uvicorn_is_built_on() -> None:
    import httptools
    import uvicorn

    class Seen:
        url = b""
        body = b""

        def on_url(self, url: bytes) -> None:
            self.url += url

        def on_body(self, body: bytes) -> None:
            self.body += body

    seen = Seen()
    parser = httptools.HttpRequestParser(seen)
    parser.feed_data(b"POST /v2/models/fraud/infer HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
    assert (parser.get_method(), seen.url, seen.body) == (b"POST", b"/v2/models/fraud/infer", b"{}")
    assert parser.should_keep_alive()
    assert uvicorn.Config(app=lambda: None, http="httptools").http == "httptools"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    __pydantic_config__ = {"extra": "forbid", "alias_generator": lambda name: name.rstrip("_")}  # noqa: RUF012

    in_: tuple[str, ...] = ()
    min: float | None = None


def test_pydantic_reads_frozen_dataclasses_by_their_aliases() -> None:
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(Choice)
    assert adapter.validate_python({"in": ["a"], "min": 1}) == Choice(in_=("a",), min=1.0)
    assert set(adapter.json_schema()["properties"]) == {"in", "min"}
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python({"in_": ["a"], "mni": 1})
    assert {error["loc"] for error in caught.value.errors()} == {("in_",), ("mni",)}


def test_psycopg_brings_its_own_library() -> None:
    import psycopg

    assert psycopg.pq.__impl__ == "binary"
    assert psycopg.conninfo.conninfo_to_dict("postgresql://ada@host/db")["user"] == "ada"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect("postgresql:///x?host=/no/such/folder")


def test_cloudpickle_carries_what_pickle_cannot() -> None:
    import pickle

    import cloudpickle

    factor = 3
    again = pickle.loads(cloudpickle.dumps(lambda value: value * factor, protocol=5))
    assert again(2) == 6
