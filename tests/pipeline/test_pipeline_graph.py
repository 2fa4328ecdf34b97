"""Steps become a graph by the names of their parameters; what does not fit is told all at once, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline_case import Case, make_case

from plimsoll.pipeline.entities import Graph
from plimsoll.pipeline.errors import GraphInvalid
from plimsoll.pipeline.graph import build_graph
from plimsoll.project.code import read_code
from plimsoll.project.load import load_project, read_project

MODEL = "model: {from: train, task: regression, label: y, holdout: holdout}\n"


def graph_of(case: Case) -> Graph:
    project = load_project(case.root / "plimsoll.yaml")
    tree = read_project(case.root / "plimsoll.yaml")[1]
    return build_graph(project, read_code(case.root, project.code), line_of=tree.line)


def test_steps_come_after_what_they_need_and_else_in_the_order_of_the_source(tmp_path: Path):
    graph = graph_of(make_case(tmp_path, "def c(b): ...\ndef b(a): ...\ndef other(): ...\ndef a(): ...\n", ""))
    assert [step.name for step in graph.steps] == ["other", "a", "b", "c"]
    assert graph.inputs == {"c": ("b",), "b": ("a",), "other": (), "a": ()}


def test_a_step_is_given_datasets_outputs_and_params_and_keeps_its_defaults(tmp_path: Path):
    graph = graph_of(
        make_case(
            tmp_path,
            "def split(loans, seed): ...\ndef train(train_set, rate, rounds=10): ...\n",
            """\
            data: {loans: {path: loans.csv}}
            pipeline:
              params: {seed: 1, rate: 0.1}
              steps: {split: {outputs: [train_set, holdout], timeout: 1m30s}}
            """,
        )
    )
    split, train = graph.steps
    assert graph.inputs == {"split": ("loans",), "train": ("train_set",)}
    assert (split.outputs, split.timeout_s, train.outputs) == (("train_set", "holdout"), 90.0, ("train",))


def test_the_scorer_is_the_last_step_of_a_project_with_a_model(tmp_path: Path):
    steps = "def holdout(): ...\ndef features(rows, scale, shift=0): ...\ndef rows(): ...\ndef train(features): ...\n"
    settings = MODEL.replace("holdout: holdout", "holdout: holdout, transform: [features]")
    graph = graph_of(make_case(tmp_path, steps, settings + "pipeline: {params: {scale: 2}}\n"))
    scorer = graph.steps[-1]
    assert (scorer.name, scorer.built_in, scorer.outputs) == ("scorer", True, ("scorer",))
    assert (scorer.parameters, graph.inputs["scorer"]) == (("train", "holdout", "scale"), ("train", "holdout"))


def test_a_dataset_as_holdout_is_kept_by_the_scorer_and_holds_nobody_up(tmp_path: Path):
    steps = "def train(loans): ...\n"
    settings = MODEL.replace("holdout: holdout", "holdout: loans") + "data: {loans: {path: loans.csv}}\n"
    graph = graph_of(make_case(tmp_path, steps, settings))
    assert [step.name for step in graph.steps] == ["train", "scorer"]
    assert graph.steps[-1].outputs == ("scorer", "loans")


BROKEN = {
    "a circle": (
        "def a(c): ...\ndef b(a): ...\ndef c(b): ...\n",
        "",
        (
            "steps.py:1  a(): found a circle of steps that wait for each other: a -> b -> c -> a, "
            "expected steps that can run one after the other"
        ),
    ),
    "a step that takes its own output": (
        "def a(a): ...\n",
        "",
        (
            "steps.py:1  a(): found a circle of steps that wait for each other: a -> a, "
            "expected steps that can run one after the other"
        ),
    ),
    "a misspelt parameter": (
        "def a(): ...\ndef train(lerning_rate, a): ...\n",
        "pipeline: {params: {learning_rate: 0.1}}\n",
        (
            "steps.py:2  train(): found the parameter 'lerning_rate', which nothing provides, expected a dataset, "
            "another step's output, or a value under pipeline.params; did you mean learning_rate?"
        ),
    ),
    "a step taken by its name whose outputs have names": (
        "def split(): ...\ndef train(split): ...\n",
        "pipeline: {steps: {split: {outputs: [train_set, holdout]}}}\n",
        (
            "steps.py:2  train(): found the parameter 'split', a step whose outputs are named train_set, holdout, "
            "expected the name of one of its outputs; did you mean train_set?"
        ),
    ),
    "an output that two steps return": (
        "def a(): ...\ndef b(): ...\n",
        "pipeline:\n  steps:\n    b: {outputs: [a, rest]}\n",
        "plimsoll.yaml:5  pipeline.steps.b.outputs[0]: found the output 'a', which a returns too, expected a name of its own",
    ),
    "a step named like a dataset": (
        "def loans(): ...\n",
        "data: {loans: {path: loans.csv}}\n",
        "steps.py:1  loans(): found the output 'loans', which is a dataset too, expected a name of its own",
    ),
    "an output named like a parameter": (
        "def split(): ...\n",
        "pipeline:\n  params: {seed: 1}\n  steps: {split: {outputs: [seed, rest]}}\n",
        (
            "plimsoll.yaml:5  pipeline.steps.split.outputs[0]: found the output 'seed', which is a parameter too, "
            "expected a name of its own"
        ),
    ),
    "options of a step that does not exist": (
        "def train(): ...\n",
        "pipeline:\n  steps:\n    trainn: {timeout: 1m}\n",
        (
            "plimsoll.yaml:5  pipeline.steps.trainn: found no function 'trainn' in steps.py, expected the name of a step; "
            "did you mean train?"
        ),
    ),
    "a model from nowhere": (
        "def train(): ...\ndef holdout(): ...\n",
        MODEL.replace("from: train", "from: trainn"),
        (
            "plimsoll.yaml:3  model.from: found 'trainn', which no step returns, expected the step that returns the model; "
            "did you mean train?"
        ),
    ),
    "a model from a step of several outputs": (
        "def train(): ...\ndef holdout(): ...\n",
        MODEL + "pipeline: {steps: {train: {outputs: [fitted, notes]}}}\n",
        "plimsoll.yaml:3  model.from: found 'train', which returns fitted, notes, expected the one of these that is the model",
    ),
    "an unknown holdout": (
        "def train(): ...\ndef split(): ...\n",
        MODEL + "pipeline: {steps: {split: {outputs: [train_set, hold_out]}}}\n",
        (
            "plimsoll.yaml:3  model.holdout: found 'holdout', which no step returns and which is no dataset, "
            "expected an output or a dataset with raw rows and the label; did you mean hold_out?"
        ),
    ),
    "an unknown transform": (
        "def train(): ...\ndef holdout(): ...\ndef features(holdout): ...\n",
        MODEL.replace("holdout: holdout", "holdout: holdout, transform: [feature]"),
        (
            "plimsoll.yaml:3  model.transform[0]: found no function 'feature' in steps.py, "
            "expected a step that transforms rows; did you mean features?"
        ),
    ),
    "a transform that looks at other data": (
        "def train(): ...\ndef holdout(): ...\ndef features(holdout, train): ...\n",
        MODEL.replace("holdout: holdout", "holdout: holdout, transform: [features]"),
        (
            "steps.py:3  features(): found the parameter 'train' of a row-wise step, which a request does not carry, "
            "expected after the rows, only values under pipeline.params"
        ),
    ),
    "a transform without rows": (
        "def train(): ...\ndef holdout(): ...\ndef features(): ...\n",
        MODEL.replace("holdout: holdout", "holdout: holdout, transform: [features]"),
        (
            "plimsoll.yaml:3  model.transform[0]: found 'features', which takes nothing, "
            "expected a step whose first parameter is the rows"
        ),
    ),
    "a step named like the built-in one": (
        "def train(): ...\ndef holdout(): ...\ndef scorer(): ...\n",
        MODEL,
        "steps.py:3  scorer(): found the output 'scorer', which Plimsoll makes from the model, expected a name of its own",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_fit_is_told_with_its_place(tmp_path: Path, name: str):
    steps, settings, expected = BROKEN[name]
    with pytest.raises(GraphInvalid) as caught:
        graph_of(make_case(tmp_path, steps, settings))
    assert str(caught.value).splitlines()[1:] == [f"  {expected}"]


def test_every_problem_is_told_at_once(tmp_path: Path):
    case = make_case(
        tmp_path, "def a(b): ...\ndef b(a): ...\ndef c(nothing): ...\n", "pipeline:\n  steps:\n    d: {timeout: 1m}\n"
    )
    with pytest.raises(GraphInvalid) as caught:
        graph_of(case)
    assert [problem.where for problem in caught.value.problems] == ["pipeline.steps.d", "a()", "c()"]
    assert str(caught.value).startswith(
        "The steps do not fit together: 3 problems to put right in plimsoll.yaml, steps.py"
    )


def test_two_circles_are_both_told(tmp_path: Path):
    with pytest.raises(GraphInvalid) as caught:
        graph_of(make_case(tmp_path, "def a(b): ...\ndef b(a): ...\ndef x(y): ...\ndef y(x): ...\n", ""))
    assert [problem.found.rpartition(": ")[2] for problem in caught.value.problems] == ["a -> b -> a", "x -> y -> x"]
