"""A day's figure: answers joined with labels by id, at one fixed age, whoever asks when."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.monitor.test_shipping import DIGEST, FIELDS, START, record

from plimsoll.capture.labels import Label, LabelWriter
from plimsoll.capture.writer import CaptureWriter
from plimsoll.monitor.entities import Outcome
from plimsoll.monitor.performance import Answers, label_numbers, metric_of, read_answers
from plimsoll.monitor.shipping import files_of, label_files, ship, ship_labels

DAY = timedelta(days=1)


class Stream:
    """Predictions and labels of one environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer = CaptureWriter(folder / "capture")
        self.labels = LabelWriter(folder / "labels")

    def answer(self, number: int, *, score: float = 0.25, **changes: Any) -> str:
        outputs = {"score": [score], "decision": [score >= 0.5]}
        inputs = {"amount": [1.0]}
        made = record(number, **({"outputs": outputs, "inputs": inputs} | changes))
        self.writer.append(made)
        return str(made["id"])

    def label(self, prediction: str, value: Any, *, after: timedelta = timedelta(hours=1), **changes: Any) -> None:
        label = Label(prediction=prediction, label=value, at=START, **changes)
        self.labels.append([label], received=START + after, by="ada")

    def day(
        self, *, begin: datetime = START, delay: timedelta = DAY, classes: tuple[Any, ...] = (False, True)
    ) -> Answers:
        ship(self.folder / "capture", self.folder / "shipped", lambda _: FIELDS)
        ship_labels(self.folder / "labels", self.folder / "shipped-labels")
        return read_answers(
            files_of(self.folder / "shipped", DIGEST),
            label_files(self.folder / "shipped-labels"),
            begin=begin,
            end=begin + DAY,
            delay=delay,
            classes=classes,
        )


@pytest.fixture
def stream(tmp_path: Path) -> Any:
    stream = Stream(tmp_path)
    yield stream
    stream.writer.close()
    stream.labels.close()


def test_the_metric_is_of_the_labelled_answers_and_coverage_says_how_many_those_are(stream: Stream):
    first, second, _ = stream.answer(1, score=0.9), stream.answer(2, score=0.1), stream.answer(3)
    stream.label(first, True)
    stream.label(second, True)
    found = stream.day()
    assert (found.rows, len(found.cases)) == (3, 2)
    assert metric_of(found, metric="accuracy", task="binary_classification") == 0.5
    assert metric_of(found, metric="roc_auc", task="binary_classification") is None, "one class only"


def test_a_later_label_counts_instead_of_an_earlier_one(stream: Stream):
    first = stream.answer(1, score=0.9)
    stream.label(first, False)
    stream.label(first, True, after=timedelta(hours=2))
    assert metric_of(stream.day(), metric="accuracy", task="binary_classification") == 1.0


def test_a_label_that_came_after_its_due_age_does_not_count(stream: Stream):
    early, late = stream.answer(1), stream.answer(2)
    stream.label(early, False, after=timedelta(hours=24))
    stream.label(late, False, after=timedelta(hours=25))
    assert len(stream.day().cases) == 1
    assert len(stream.day(delay=2 * DAY).cases) == 2


def test_only_answers_that_callers_got_in_that_day_count(stream: Stream):
    ids = [
        stream.answer(1),
        stream.answer(2, role="shadow"),
        stream.answer(3, role="candidate"),
        stream.answer(4, status=500, outputs={}),
        stream.answer(90_000),
    ]
    for prediction in ids:
        stream.label(prediction, False)
    assert len(stream.day().cases) == 1


def test_labels_of_unknown_predictions_and_unknown_classes_are_no_labels(stream: Stream):
    first = stream.answer(1)
    stream.label(first, "maybe")
    stream.label("prediction-01kjnxge00cc7hpyeatj5491ta", True)
    found = stream.day()
    assert (found.rows, len(found.cases)) == (1, 0)
    assert metric_of(found, metric="accuracy", task="binary_classification") is None


def test_outcomes_are_added_up_by_name(stream: Stream):
    first, second = stream.answer(1), stream.answer(2)
    stream.label(first, None, outcomes={"revenue": 10.0, "cost": 1.0})
    stream.label(second, True, outcomes={"revenue": 2.5})
    found = stream.day()
    assert found.outcomes == {"cost": Outcome(rows=1, total=1.0), "revenue": Outcome(rows=2, total=12.5)}
    assert len(found.cases) == 1


def test_regression_compares_numbers(stream: Stream):
    first = stream.answer(1, outputs={"prediction": [3.0]})
    stream.label(first, 5)
    assert metric_of(stream.day(classes=()), metric="mae", task="regression") == 2.0


def test_each_row_of_a_request_has_its_label(stream: Stream):
    many = stream.answer(1, inputs={"amount": [1.0, 2.0]}, outputs={"score": [0.9, 0.8], "decision": [True, True]})
    stream.label(many, True, row=1)
    found = stream.day()
    assert (found.rows, len(found.cases)) == (2, 1)
    assert found.cases.score[0] == 0.8


def test_probabilities_of_many_classes_keep_their_order(stream: Stream):
    first = stream.answer(1, outputs={"decision": ["b"], "probabilities": [[0.2, 0.7, 0.1]]})
    stream.label(first, "b")
    found = stream.day(classes=("a", "b", "c"))
    assert found.cases.probabilities is not None
    assert found.cases.probabilities.tolist() == [[0.2, 0.7, 0.1]]
    assert metric_of(found, metric="accuracy", task="multiclass_classification") == 1.0


@pytest.mark.parametrize(
    ("classes", "written", "number"),
    [
        ((False, True), "true", 1), ((False, True), "1", 1), ((False, True), "True", 1), ((False, True), "0.0", 0),
        ((0, 1), "true", 1), ((0, 1), "0", 0), ((1, 2, 3), "2", 1), ((1.0, 2.0, 5.0), "2", 1), (("no", "yes"), "yes", 1),
    ],
)  # fmt: skip
def test_a_class_is_known_however_it_is_written(classes: tuple[Any, ...], written: str, number: int):
    assert label_numbers(classes)[written] == number
