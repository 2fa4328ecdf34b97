"""`plimsoll.output()`: the value that the next step would be given."""

from __future__ import annotations

import sys

import pytest
from tests.stories.workspace import ProjectFolder

import plimsoll
from plimsoll.kernel.errors import PlimsollError

OWN = '''
class Summary:
    version = "{version}"

    def __init__(self, rows):
        self.rows = rows


def summary(train_set):
    """A value of the project's own class."""
    return [Summary(len(train_set))]


def features('''


def with_summary(project: ProjectFolder, version: str) -> None:
    steps = project.root / "steps.py"
    head, _, tail = steps.read_text().partition("\ndef features(")
    head = head.partition("\nclass Summary")[0]
    steps.write_text(head + OWN.format(version=version) + tail)


def test_outputs_come_back_as_steps_returned_them(orders: ProjectFolder):
    run = plimsoll.run()

    train_set = plimsoll.output("train_set")

    assert [*train_set.columns] == ["price", "discount", "returned"]
    assert len(train_set) + len(plimsoll.output("holdout", run.id)) == 2000
    assert plimsoll.output("train").coef_.shape == (1, 2)


def test_own_classes_are_those_of_their_run_whatever_is_imported_here(orders: ProjectFolder):
    before = sys.modules.get("steps")
    with_summary(orders, "first")
    first = plimsoll.run()
    with_summary(orders, "second")
    second = plimsoll.run()

    (one,), (two,) = first.output("summary"), second.output("summary")

    assert (one.version, two.version, one.rows) == ("first", "second", 1000)
    assert sys.modules.get("steps") is before


def test_an_unknown_name_is_answered_with_the_nearest_and_all(orders: ProjectFolder):
    run = plimsoll.run()

    with pytest.raises(PlimsollError, match=r"no output 'trainset' \(did you mean train_set\?\); it has train_set"):
        run.output("trainset")
    with pytest.raises(PlimsollError, match="There is no run 'run-7'"):
        plimsoll.output("train_set", "run-7")


def test_before_any_run_there_is_nothing_to_read(orders: ProjectFolder):
    with pytest.raises(PlimsollError, match="no finished run"):
        plimsoll.output("train_set")
