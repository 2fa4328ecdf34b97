"""Labels and predictions that cannot be judged are refused in words that say which rows and what to do."""

from __future__ import annotations

import numpy as np
import pytest

from plimsoll.bundle.entities import ScorerSpec
from plimsoll.bundle.scores import Scores
from plimsoll.gates.encoding import encode_label, encode_scores, require_comparable
from plimsoll.kernel.errors import PlimsollError


def spec(task="binary_classification", classes=(False, True)):
    return ScorerSpec(
        task=task, label="y", classes=classes, threshold=0.5, inputs=(), context=(), transform=()
    )  # fmt: skip


def label(values, of=None):
    return encode_label(values, of or spec(), holdout="holdout", label="y", type="BOOLEAN")


def refused(call) -> str:
    with pytest.raises(PlimsollError) as refusal:
        call()
    assert refusal.value.advice
    return f"{refusal.value.code}: {refusal.value}"


def test_labels_become_class_numbers():
    assert label([True, False, True]).tolist() == [1, 0, 1]
    assert label(["b", "a"], spec(classes=("a", "b"))).tolist() == [1, 0]
    assert label([3, 2.5], spec("regression", ())).tolist() == [3.0, 2.5]


def test_scores_are_put_into_the_candidates_numbering():
    scores = Scores(probabilities=np.array([[0.9, 0.1], [0.2, 0.8]]), decision=np.array(["b", "a"]))

    cases = encode_scores(scores, np.array([0, 1]), spec(classes=("b", "a")), classes=("a", "b"), who="fraud@1")

    assert cases.decision.tolist() == [1, 0]
    assert cases.probabilities.tolist() == [[0.1, 0.9], [0.8, 0.2]]


def test_a_class_that_only_the_champion_knows_is_a_mistake():
    scores = Scores(probabilities=np.array([[0.1, 0.2, 0.7]]), decision=np.array(["c"]))
    of = spec("multiclass_classification", ("a", "b", "c"))

    cases = encode_scores(scores, np.array([0]), of, classes=("a", "b"), who="fraud@1")

    assert (cases.decision.tolist(), cases.probabilities.tolist()) == ([-1], [[0.1, 0.2]])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: label([True, None, None]), "gates.label_null: 2 of 3 rows of the holdout holdout have no value in the label column y."),
        (lambda: label([True, "yes", "yes"]), "gates.label_unknown_class: The label y of the holdout holdout holds 'yes' (2 rows); the model knows False, True."),
        (lambda: label([1.0, "high"], spec("regression", ())), "gates.label_not_numeric: The label y of the holdout holdout is boolean, with values such as 'high'; regression needs finite numbers."),
        (lambda: label([1.0, float("inf")], spec("regression", ())), "gates.label_not_numeric: The label y of the holdout holdout is boolean, with values such as inf; regression needs finite numbers."),
    ],
)  # fmt: skip
def test_a_label_that_cannot_be_judged_is_refused(call, said):
    assert refused(call) == said


def test_predictions_that_are_not_numbers_are_refused_with_their_rows():
    scores = Scores(probabilities=np.array([[0.5, 0.5], [np.nan, np.nan]]), decision=np.array([False, True]))

    said = refused(lambda: encode_scores(scores, np.array([0, 1]), spec(), classes=(False, True), who="The candidate"))

    assert said == (
        "gates.bad_predictions: The candidate gave predictions that cannot be judged: "
        "1 of 2 are NaN or infinite (rows 1, counted from 0)."
    )


def test_a_wrong_number_of_predictions_is_refused():
    scores = Scores(probabilities=None, decision=np.array([1.0]))

    said = refused(
        lambda: encode_scores(scores, np.array([0.0, 1.0]), spec("regression", ()), classes=(), who="fraud@1")
    )

    assert said == "gates.bad_predictions: fraud@1 gave predictions that cannot be judged: 1 predictions for 2 rows."


@pytest.mark.parametrize(
    ("champion", "problem"),
    [
        (spec("regression", ()), "it does regression, not binary classification"),
        (spec(classes=("no", "yes")), "its classes are 'no', 'yes', not False, True"),
    ],
)
def test_a_champion_for_another_question_is_refused(champion, problem):
    said = refused(lambda: require_comparable(spec(), champion, who="fraud@1", environment="production"))

    assert said == (f"gates.champion_differs: The candidate cannot be compared with fraud@1 in production: {problem}.")
