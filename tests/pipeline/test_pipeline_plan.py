"""The plan's sentences: each names the exact cause, in comparison with the latest run. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.pipeline.keys import Ingredients, cache_key
from plimsoll.pipeline.plan import Earlier, Past, explain

BEFORE = Ingredients(
    code={"train": "c1", "helpers.clean": "c2"},
    data={"loans": "0123456789abcdef"},
    inputs={"train_set": "d1"},
    params={"rate": 0.1, "layers": [1, 2]},
    settings={"threshold": 0.5},
    outputs=("train",),
    lock="lock-1",
)
LOCKS = {
    "lock-1": "python==3.11.7 cpython linux\nnumpy==2.0\npandas==3.0\n",
    "lock-2": "python==3.12.1 cpython linux\nnumpy==2.0\npandas==3.1\n",
    "lock-3": "python==3.11.7 cpython linux\na==1\nb==1\nc==1\nd==1\n",
}
FILES = {
    "0123456789abcdef": {"jan.csv": "a", "feb.csv": "b"},
    "one changed": {"jan.csv": "a", "feb.csv": "c"},
    "many new": {"jan.csv": "x", "mar.csv": "d", "apr.csv": "e", "may.csv": "f", "jun.csv": "g"},
}
PAST = Past(lock_text=LOCKS.__getitem__, files=lambda _, digest: FILES.get(digest, {}))


def because(**changes: Any) -> str:
    earlier = Earlier(run="run-1", failed=False, parts=BEFORE)
    return explain(replace(BEFORE, **changes), earlier, past=PAST)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"code": {"train": "new", "helpers.clean": "c2"}}, "the code of train changed"),
        ({"code": {"train": "c1", "helpers.clean": "new"}}, "the code of helpers.clean changed"),
        ({"data": {"loans": "fedcba9876543210"}}, "the data loans changed (01234567 -> fedcba98)"),
        ({"data": {"loans": "one changed"}}, "the data loans changed (01234567 -> one chan: feb.csv changed)"),
        (
            {"data": {"loans": "many new"}},
            "the data loans changed (01234567 -> many new: jan.csv changed, mar.csv is new, apr.csv is new and 3 more files)",
        ),
        ({"data": {}}, "it is no longer given the data loans"),
        ({"inputs": {"train_set": "d2"}}, "train_set changed"),
        ({"inputs": {}}, "it is no longer given train_set"),
        ({"inputs": {"train_set": "d1", "weights": "d3"}}, "it is now given weights"),
        ({"params": {"rate": 0.2, "layers": [1, 2]}}, "rate 0.1 -> 0.2"),
        ({"params": {"rate": 0.1}}, "layers is no longer set (was [1, 2])"),
        ({"params": {**BEFORE.params, "depth": 3}}, "depth is now set to 3"),
        ({"settings": {"threshold": 0.4}}, "model.threshold 0.5 -> 0.4"),
        ({"outputs": ("model", "notes")}, "its outputs are now model, notes"),
        (
            {"lock": "lock-2"},
            "the runtime changed: python 3.11.7 cpython linux -> 3.12.1 cpython linux, pandas 3.0 -> 3.1",
        ),
        (
            {"lock": "lock-3"},
            "the runtime changed: a absent -> 1, b absent -> 1, c absent -> 1 and 3 more packages",
        ),
        (
            {"params": {"rate": 0.2, "layers": [1, 2]}, "inputs": {"train_set": "d2"}},
            "train_set changed; rate 0.1 -> 0.2",
        ),
        ({}, "its stored outputs are gone"),
    ],
)
def test_each_change_has_its_sentence(changes: dict[str, Any], sentence: str):
    assert because(**changes) == sentence


def test_an_input_that_is_not_made_yet_is_told_by_the_step_that_makes_it():
    parts = replace(BEFORE, inputs={})
    earlier = Earlier(run="run-1", failed=False, parts=BEFORE)
    told = explain(parts, earlier, after=("split",), missing=("train_set",), past=PAST)
    assert told == "split will run"


def test_a_step_that_failed_says_in_which_run():
    earlier = Earlier(run="run-1", failed=True, parts=BEFORE)
    assert explain(BEFORE, earlier, past=PAST) == "it failed in run-1"


names = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"]), max_size=3)
parts = st.builds(
    Ingredients,
    code=names,
    data=names,
    inputs=names,
    params=names,
    settings=names,
    outputs=st.sampled_from([("x",), ("x", "y")]),
    lock=st.sampled_from(["lock-1", "lock-2"]),
)


@given(one=parts, other=parts)
def test_keys_are_equal_exactly_when_the_ingredients_are_and_a_new_key_always_has_a_cause(
    one: Ingredients, other: Ingredients
):
    assert (cache_key("step", one) == cache_key("step", other)) == (one == other)
    told = explain(one, Earlier(run="run-1", failed=False, parts=other), past=PAST)
    assert (told == "its stored outputs are gone") == (one == other)
