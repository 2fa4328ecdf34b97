"""What a caller sees: the protocol's pages, good requests, and every kind of bad one, which must leave the door well."""

import json
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving_cases import PROJECT, a_body, expected_score, tensor

from plimsoll.capture.reader import find_prediction

MODEL = f"/v2/models/{PROJECT}"


def test_health_answers(caller):
    assert caller.get("/v2/health/live").json == {"live": True}
    assert caller.get("/v2/health/ready").json == {"live": True, "ready": True}
    assert caller.get(f"{MODEL}/ready").json == {"name": "fraud", "ready": True}
    assert caller.get(f"{MODEL}/versions/1/ready").status == 200


def test_the_server_and_the_model_describe_themselves(caller):
    server = caller.get("/v2").json
    assert (server["name"], server["extensions"]) == ("plimsoll", [])
    page = caller.get(MODEL).json
    assert page == caller.get(f"{MODEL}/versions/1").json
    assert (page["name"], page["versions"], page["platform"]) == ("fraud", ["1"], "plimsoll_onnx")
    assert [(item["name"], item["datatype"], item["shape"]) for item in page["inputs"]] == [
        ("amount", "FP64", [-1]),
        ("country", "BYTES", [-1]),
        ("is_new", "BOOL", [-1]),
    ]
    assert [(item["name"], item["datatype"]) for item in page["outputs"]] == [("score", "FP64"), ("decision", "BOOL")]
    assert page["parameters"]["classes"] == [False, True]
    assert page["parameters"]["threshold"] == 0.5
    assert [item["name"] for item in page["parameters"]["context"]] == ["customer_id"]


def test_a_batch_with_missing_values_nested_data_and_context_is_answered_and_captured(caller, shared):
    inputs = [
        tensor("customer_id", "BYTES", "a", "b", None),
        {"name": "amount", "shape": [3, 1], "datatype": "FP32", "data": [[100], [None], [-5.5]]},
        tensor("country", "BYTES", "GB", "XX", None),
        tensor("is_new", "BOOL", True, False, False),
    ]
    reply = caller.infer({"inputs": inputs, "parameters": {"anything": 1}})

    score, decision = reply.json["outputs"]
    rows = ((100, "GB", True), (None, "XX", False), (-5.5, None, False))
    assert score["shape"] == decision["shape"] == [3]
    assert score["data"] == [pytest.approx(expected_score(0.0, *row), abs=1e-9) for row in rows]
    assert decision["data"] == [True, True, False]
    assert reply.json["id"] == reply.prediction
    assert reply.json["model_version"] == "1"
    captured = find_prediction(shared.capture, reply.prediction)
    assert captured.inputs["customer_id"] == ["a", "b", None]
    assert captured.inputs["amount"] == [100, None, -5.5]
    assert captured.outputs == {"score": score["data"], "decision": decision["data"]}


def test_only_the_outputs_asked_for_are_sent(caller):
    reply = caller.infer(a_body(outputs=[{"name": "decision", "parameters": {}}]))
    assert [item["name"] for item in reply.json["outputs"]] == ["decision"]


def test_a_version_can_be_asked_for_by_name(caller):
    assert caller.infer(path=f"{MODEL}/versions/1/infer").status == 200


def test_a_large_batch_is_answered(caller):
    count = 5000
    inputs = [
        tensor("amount", "FP64", *[1.0] * count),
        tensor("country", "BYTES", *["GB"] * count),
        tensor("is_new", "BOOL", *[False] * count),
    ]
    assert len(caller.infer({"inputs": inputs}).json["outputs"][0]["data"]) == count


def with_input(position, **changes):
    body = a_body()
    body["inputs"][position] = {**body["inputs"][position], **changes}
    return body


def without(position, *more):
    body = a_body()
    del body["inputs"][position]
    body["inputs"] += more
    return body


BAD = [
    ("not json", "{", "the body is not JSON"),
    ("empty", "", "the body is not JSON"),
    ("not utf-8", b'{"inputs": "\xff"}', "the body is not JSON"),
    ("a list", "[]", "the body must be a JSON object"),
    ("a number with nan", '{"inputs": NaN}', "the body is not JSON"),
    ("deep nesting", "[" * 5000, "the body is not JSON"),
    ("no inputs", {}, "inputs must be a list of tensors"),
    ("inputs of another kind", {"inputs": {"amount": 1}}, "inputs must be a list of tensors"),
    ("an input of another kind", {"inputs": [3]}, "inputs[0] must be an object with name"),
    ("no tensors", {"inputs": []}, "the column amount is missing; the column country is missing; the column is_new is"),
    ("a missing column", without(1), "the column country is missing"),
    ("an extra column", without(0, tensor("amuont", "FP64", 1.0)), "no column 'amuont' (did you mean amount?); the column amount is missing"),
    ("the label", without(2, tensor("is_fraud", "BOOL", True)), "there is no column 'is_fraud'"),
    ("a column twice", a_body() | {"inputs": [*a_body()["inputs"], tensor("amount", "FP64", 2.0)]}, "amount is sent twice"),
    ("an unknown datatype", with_input(0, datatype="FLOAT"), "amount has the datatype 'FLOAT', expected one of FP64,"),
    ("no datatype", {"inputs": [{"name": "amount", "shape": [1], "data": [1]}]}, "amount has the datatype null"),
    ("text for a number", with_input(0, data=["10"]), "amount holds '10' in row 0, expected a number (FP64)"),
    ("true for a number", with_input(0, data=[True]), "amount holds true in row 0, expected a number"),
    ("a number for a text", with_input(1, data=[3]), "country holds 3 in row 0, expected a string (BYTES)"),
    ("a number for a bool", with_input(2, data=[1]), "is_new holds 1 in row 0, expected true or false (BOOL)"),
    ("a list for a value", with_input(1, data=[["a", "b"]]), "country must hold one value a row"),
    ("an object for a value", with_input(1, data=[{}]), "country holds {} in row 0, expected a string"),
    ("a null where none may be", with_input(2, data=[None]), "is_new is null in row 0, and may not be"),
    ("a fraction as an integer", with_input(0, datatype="INT32", data=[1.5]), "amount holds 1.5 in row 0, expected a number (INT32)"),
    ("an integer out of range", with_input(0, datatype="UINT8", data=[256]), "amount holds 256 in row 0"),
    ("no data", with_input(0, data=None), "amount must carry its values as a list under data"),
    ("a shape that lies", with_input(0, shape=[2]), "amount has the shape [2] with 1 values, expected [1] or [1, 1]"),
    ("a shape with two columns", with_input(0, shape=[1, 2]), "amount has the shape [1,2] with 1 values"),
    ("a shape of texts", with_input(0, shape=["1"]), 'amount has the shape ["1"]'),
    ("rows that differ", with_input(1, shape=[2], data=["GB", "FR"]), "country has 2 rows, the columns before it 1"),
    ("no rows", {"inputs": [tensor("amount", "FP64"), tensor("country", "BYTES"), tensor("is_new", "BOOL")]}, "there must be at least one row"),
    ("too many rows", with_input(0, shape=[10_001], data=[1.0] * 10_001), "amount has 10001 rows; at most 10000"),
    ("an id of another kind", a_body(id=3), "id must be a string"),
    ("an unknown output", a_body(outputs=[{"name": "prob"}]), "there is no output 'prob'; the outputs are score, decision"),
    ("outputs of another kind", a_body(outputs="score"), "outputs must be a list of objects with a name"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "text"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_request_is_answered_400_and_told_why(caller, body, text):
    reply = caller.infer(body)
    assert reply.status == 400
    assert text in reply.json["error"]
    assert set(reply.json) == {"error"}
    assert caller.infer().status == 200
    assert caller.connections == 1


def test_every_problem_of_a_request_is_named_at_once(caller):
    body = {"inputs": [tensor("amount", "FP64", "x"), tensor("is_new", "INT8", 1), tensor("zone", "BYTES", "a")]}
    error = caller.infer(body).json["error"]
    for part in (
        "amount holds 'x'",
        "is_new has the datatype 'INT8', expected BOOL",
        "no column 'zone'",
        "country is missing",
    ):
        assert part in error


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("POST", "/v2/models/other/infer", 404, "there is no model 'other' here; the model is fraud"),
        ("GET", "/v2/models/other", 404, "there is no model 'other'"),
        ("POST", f"{MODEL}/versions/9/infer", 404, "there is no version '9' of fraud here; loaded: 1"),
        ("GET", f"{MODEL}/versions", 404, "there is nothing at"),
        ("GET", "/", 404, "the model is at /v2/models/fraud"),
        ("GET", "/v2/models", 404, "there is nothing at"),
        ("GET", f"{MODEL}/infer", 405, "takes POST"),
        ("DELETE", MODEL, 405, "takes GET"),
    ],
)
def test_unknown_places_are_told_apart(caller, method, path, status, text):
    reply = caller.ask(method, path, "{}")
    assert reply.status == status
    assert text in reply.json["error"]


def test_a_body_beyond_the_limit_is_refused(shared):
    declared = shared.caller()
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as stream:
        stream.sendall(f"POST {MODEL}/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 999999999\r\n\r\n".encode())
        answer = stream.recv(1000)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer
    assert declared.infer().status == 200


def test_a_body_that_grows_beyond_the_limit_unannounced_is_refused(shared):
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", shared.port), timeout=20) as stream:
        stream.sendall(f"POST {MODEL}/infer HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        with pytest.raises(OSError):  # noqa: PT012 - the door closes while more is sent
            for _ in range(2000):
                stream.sendall(chunk)
    assert shared.caller().infer().status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v2 HTTP/1.1\r\n" + b"".join(b"h%d: %s\r\n" % (number, b"x" * 1000) for number in range(100)) + b"\r\n",
        b"GET /v2 HTTP/1.1\r\nendless: " + b"x" * 200_000,
        b"GET /" + b"x" * 200_000,
        b"\x16\x03\x01\x00garbage that is no HTTP\r\n\r\n",
        b"POST /v2 HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"POST /v2 HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
    ],
    ids=["many headers", "an endless header", "an endless path", "no http", "a negative length", "two lengths"],
)
def test_a_broken_or_endless_head_is_refused_and_the_connection_closed(shared, head):
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as stream:
        try:
            stream.sendall(head)
            answer = stream.recv(1000)
            rest = stream.recv(1000)
        except ConnectionError:
            answer = rest = b""
    assert answer == b"" or answer.split()[1] in (b"400", b"431", b"404", b"405")
    assert rest == b""
    assert shared.caller().infer().status == 200


def test_metrics_count_what_happened(caller, shared):
    caller.infer()
    caller.infer("{")
    text = caller.get("/metrics").body.decode()
    labels = 'model="fraud",version="1",environment="staging"'
    assert f'plimsoll_requests_total{{{labels},role="champion",status="200"}}' in text
    assert f'plimsoll_requests_total{{{labels},role="champion",status="400"}}' in text
    assert f'plimsoll_request_seconds_bucket{{{labels},role="champion",le="+Inf"}}' in text
    assert 'plimsoll_capture_shed_total{model="fraud",environment="staging"} 0' in text
    assert "prediction-" not in text
    for line in text.splitlines():
        assert line.startswith("#") or float(line.rpartition(" ")[2]) >= 0


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "data", "shape"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    position=st.integers(0, 2),
    key=st.sampled_from(["name", "shape", "datatype", "data", "parameters"]),
    value=values | st.lists(values, max_size=3),
)
def test_no_request_of_any_form_is_answered_500(caller, position, key, value):
    reply = caller.infer(json.dumps(with_input(position, **{key: value})))
    assert reply.status in (200, 400), reply.body
    assert caller.connections == 1
