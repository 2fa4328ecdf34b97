"""What differs between two real runs is named by the first step that it reaches."""

from __future__ import annotations

import pytest
from tests.pipeline.pipeline_case import Case, make_case

from plimsoll.pipeline.operations import ingredients_of
from plimsoll.pipeline.plan import Past
from plimsoll.release.reproduction import StepRecord, first_difference, match_steps

STEPS = """
def rows(orders):
    return int(orders["price"].sum())

def scaled(rows, factor):
    return rows * factor

def named(scaled):
    return {"scaled": scaled}
"""
SETTINGS = "data: {orders: {path: orders.csv}}\npipeline: {params: {factor: 2}}\n"
PAST = Past(lock_text=lambda _: "", files=lambda _name, _digest: {})


@pytest.fixture
def case(tmp_path):
    return make_case(tmp_path, STEPS, SETTINGS, **{"orders.csv": "price\n1\n2\n"})


def records(case: Case, **params):
    run = case.run(**params)
    parts = ingredients_of(case.context, run)
    return [StepRecord(step=one.step, parts=parts[one.step], outputs=one.outputs) for one in run.steps]


def test_two_runs_of_the_same_do_not_differ(case):
    assert first_difference(match_steps(records(case), records(case), past=PAST)) == ""


def test_a_changed_parameter_is_named_at_the_step_that_takes_it(case):
    found = match_steps(records(case), records(case, factor=3), past=PAST)
    assert first_difference(found) == "scaled: factor 2 -> 3"


def test_changed_data_are_named_at_the_step_that_is_given_them(case):
    before = records(case)
    case.write("orders.csv", "price\n1\n3\n")
    assert first_difference(match_steps(before, records(case), past=PAST)).startswith("rows: the data orders changed (")


def test_changed_code_is_named_with_its_function(case):
    before = records(case)
    case.edit("steps.py", "rows * factor", "rows * factor + 1")
    assert first_difference(match_steps(before, records(case), past=PAST)) == "scaled: the code of scaled changed"
