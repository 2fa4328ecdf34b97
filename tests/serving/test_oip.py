"""The protocol as a pure translation: what a request may say, and how each task's answer looks."""

import json

import numpy as np
import pytest

from plimsoll.bundle.entities import Field, ScorerSpec
from plimsoll.serving.errors import BadRequest
from plimsoll.serving.oip import Protocol, parse


def a_protocol(*inputs, task="binary_classification", classes=(False, True), context=()):
    spec = ScorerSpec(
        task=task, label="y", classes=classes, threshold=0.5, inputs=inputs, context=context, transform=()
    )
    return Protocol(spec, model="m", version="1", most_rows=100)


def body(datatype, *values, **more):
    return json.dumps({"inputs": [{"name": "x", "shape": [len(values)], "datatype": datatype, "data": values}], **more})


def read(kind, datatype, *values, nullable=False):
    protocol = a_protocol(Field(name="x", type=kind, nullable=nullable))
    return protocol.read(parse(body(datatype, *values), model="m")).columns["x"]


@pytest.mark.parametrize(
    ("kind", "datatype", "values"),
    [
        ("int", "INT64", [1, -(2**63)]),
        ("int", "UINT8", [0, 255]),
        ("int", "FP64", [3.0]),
        ("float", "FP16", [1.5, 2]),
        ("float", "INT32", [7]),
        ("bool", "BOOL", [True, False]),
        ("string", "BYTES", ["", "é", "null"]),
        ("timestamp", "BYTES", ["2026-03-01T12:00:00Z", "2026-03-01"]),
        ("date", "BYTES", ["2026-03-01"]),
    ],
)
def test_a_field_is_taken_in_every_datatype_that_can_hold_it(kind, datatype, values):
    assert read(kind, datatype, *values) == values


@pytest.mark.parametrize(
    ("kind", "datatype", "value"),
    [
        ("int", "FP64", 3.5),
        ("int", "INT8", 128),
        ("int", "UINT64", -1),
        ("int", "INT64", 2**63),
        ("int", "BOOL", True),
        ("int", "INT64", False),
        ("float", "FP64", "1"),
        ("float", "INT64", 1.5),
        ("bool", "BOOL", 1),
        ("string", "BYTES", 1),
        ("timestamp", "BYTES", "yesterday"),
        ("timestamp", "INT64", 1),
        ("date", "BYTES", "2026-03-01T12:00:00"),
        ("string", "BYTES", None),
    ],
)
def test_a_value_that_does_not_fit_its_field_is_refused(kind, datatype, value):
    with pytest.raises(BadRequest, match=r"^x "):
        read(kind, datatype, value)


def test_a_null_is_taken_where_the_field_may_be_null():
    assert read("int", "INT64", 1, None, nullable=True) == [1, None]


def test_many_problems_are_counted_rather_than_all_listed():
    protocol = a_protocol(*(Field(name=f"x{number}", type="int") for number in range(50)))
    with pytest.raises(BadRequest, match=r"x19 is missing; and 30 more$") as caught:
        protocol.read({"inputs": []})
    assert len(caught.value.facts["problems"]) == 50


def answer(protocol, probabilities, decision, **request):
    asked = protocol.read(json.loads(body("INT64", *range(len(decision)), **request)))
    outputs = protocol.outputs(probabilities, decision)
    return json.loads(protocol.write(asked, outputs, prediction_id="prediction-1"))


def test_a_binary_answer_is_the_positive_classs_score_and_the_decision():
    page = answer(a_protocol(Field(name="x", type="int")), np.array([[0.75, 0.25], [0.5, 0.5]]), [False, True])
    assert page == {
        "model_name": "m",
        "model_version": "1",
        "id": "prediction-1",
        "outputs": [
            {"name": "score", "datatype": "FP64", "shape": [2], "data": [0.25, 0.5]},
            {"name": "decision", "datatype": "BOOL", "shape": [2], "data": [False, True]},
        ],
    }


def test_a_multiclass_answer_has_all_probabilities_row_by_row():
    protocol = a_protocol(Field(name="x", type="int"), task="multiclass_classification", classes=("a", "b", "c"))
    page = answer(protocol, np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]), ["a", "b"], id="mine")
    assert page["id"] == "mine"
    assert page["outputs"][0] == {
        "name": "probabilities",
        "datatype": "FP64",
        "shape": [2, 3],
        "data": [0.5, 0.25, 0.25, 0.0, 1.0, 0.0],
    }
    assert page["outputs"][1]["datatype"] == "BYTES"
    assert protocol.metadata(platform="p")["outputs"][0]["shape"] == [-1, 3]


def test_a_regression_answer_is_one_number_a_row():
    protocol = a_protocol(Field(name="x", type="int"), task="regression", classes=())
    assert answer(protocol, None, [1.5, 2.0])["outputs"] == [
        {"name": "prediction", "datatype": "FP64", "shape": [2], "data": [1.5, 2.0]}
    ]


@pytest.mark.parametrize(
    ("classes", "datatype"), [((0, 1), "INT64"), ((0.5, 1), "FP64"), (("no", "yes"), "BYTES"), ((False, True), "BOOL")]
)
def test_decisions_are_of_the_labels_own_type(classes, datatype):
    protocol = a_protocol(Field(name="x", type="int"), classes=classes)
    assert protocol.metadata(platform="p")["outputs"][1]["datatype"] == datatype


def test_context_is_read_apart_and_may_be_left_out():
    context = (Field(name="who", type="string"),)
    protocol = a_protocol(Field(name="x", type="int"), context=context)
    assert protocol.read(json.loads(body("INT64", 1))).context == {}
    asked = json.loads(body("INT64", 1))
    asked["inputs"].append({"name": "who", "shape": [1], "datatype": "BYTES", "data": ["ada"]})
    request = protocol.read(asked)
    assert (list(request.columns), request.context) == (["x"], {"who": ["ada"]})
