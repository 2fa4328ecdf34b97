"""What a sweep tries: whole grids, draws within bounds, the same trials for the same seed, nothing done twice."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.pipeline.entities import Graph, Step
from plimsoll.project.sweep_rules import setting_breaches
from plimsoll.sweep.apply import NotSafe, diff_text, with_params
from plimsoll.sweep.entities import Plan, Trial, TrialState
from plimsoll.sweep.search import grid_point, grid_size, may_begin, params_of, random_point, ranked, space_of, waiting
from plimsoll.sweep.sharing import reach_of, works_of
from plimsoll.sweep.tried import tried

LISTS = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(), min_size=1, max_size=4, unique=True), min_size=1
)


def make_plan(**changed: Any) -> Plan:
    plan: dict[str, Any] = {"metric": "auc", "direction": "maximize", "trials": 20, "params": {"rate": [1, 2]}}
    return Plan(**(plan | changed))


def trial(number: int, value: float | None = None, **changed: Any) -> Trial:
    state = TrialState.DONE if value is not None else TrialState.FAILED
    fields: dict[str, Any] = {"params": {"rate": 1}, "run": f"run-{number}", "state": state}
    return Trial(number=number, value=value, **(fields | changed))


@given(LISTS)
def test_a_grid_has_every_combination_once(params: dict[str, list[int]]):
    space = space_of(params)
    points = [tuple(grid_point(space, number).values()) for number in range(grid_size(space))]
    assert points == list(itertools.product(*params.values()))


@given(
    st.floats(1e-6, 1e3), st.floats(1.01, 1e6), st.sampled_from(["log", "uniform"]), st.integers(0, 9), st.integers(0)
)
def test_draws_lie_within_their_range(low: float, factor: float, kind: str, seed: int, number: int):
    high = low * factor
    drawn = random_point(space_of({"rate": {kind: [low, high]}}), seed=seed, number=number)["rate"]
    assert low <= drawn <= high


@given(st.integers(1, 50), st.integers(1, 50), st.sampled_from(["int", "log_int"]), st.integers(0, 999))
def test_whole_numbers_stay_whole(low: int, breadth: int, kind: str, number: int):
    drawn = random_point(space_of({"depth": {kind: [low, low + breadth]}}), seed=3, number=number)["depth"]
    assert type(drawn) is int
    assert low <= drawn <= low + breadth


def test_magnitudes_are_drawn_alike():
    space = space_of({"rate": {"log": [1e-4, 1.0]}, "depth": {"int": [1, 4]}, "kind": ["a", "b"]})
    points = [random_point(space, seed=1, number=number) for number in range(4000)]
    decades = [math.floor(math.log10(point["rate"])) for point in points]
    for decade in (-4, -3, -2, -1):
        assert abs(decades.count(decade) - 1000) < 120
    for depth in (1, 2, 3, 4):
        assert abs(sum(point["depth"] == depth for point in points) - 1000) < 120
    assert abs(sum(point["kind"] == "a" for point in points) - 2000) < 150


def test_the_ends_of_whole_numbers_by_magnitude_are_reached():
    space = space_of({"trees": {"log_int": [1, 100]}})
    drawn = [random_point(space, seed=0, number=number)["trees"] for number in range(3000)]
    assert (min(drawn), max(drawn)) == (1, 100)
    assert drawn.count(1) > drawn.count(2) > drawn.count(5)


def test_a_seed_gives_the_same_trials_and_another_gives_others():
    space = space_of({"rate": {"log": [0.001, 0.3]}, "depth": [3, 5, 7]})
    first, again, other = ([random_point(space, seed=seed, number=n) for n in range(50)] for seed in (7, 7, 8))
    assert first == again != other
    assert len({point["rate"] for point in first}) == 50


OPTUNA = make_plan(
    method="optuna", direction="minimize", seed=4, params={"rate": {"log": [1e-3, 1.0]}, "kind": [[1], {"a": 2}, "b"]}
)


def play(plan: Plan, upto: int) -> list[Trial]:
    """Trials of a hill whose foot lies at a rate of 0.1; every fifth fails."""
    known: list[Trial] = []
    for number in range(upto):
        params = params_of(plan, known, number)
        value = None if number % 5 == 4 else abs(math.log10(params["rate"]) + 1)
        known.append(trial(number, value, params=params))
    return known


def test_optuna_proposes_the_same_for_a_seed_and_learns():
    known = play(OPTUNA, 40)
    assert play(OPTUNA, 40) == known
    assert play(make_plan(**{**vars_of(OPTUNA), "seed": 5}), 3) != known[:3]
    late = [one.value for one in known[20:] if one.value is not None]
    early = [one.value for one in known[:10] if one.value is not None]
    assert sum(late) / len(late) < 0.6 * sum(early) / len(early)
    assert all(1e-3 <= one.params["rate"] <= 1.0 and one.params["kind"] in ([1], {"a": 2}, "b") for one in known)


def vars_of(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}


def test_optuna_beside_itself_does_not_depend_on_who_ends_first():
    plan = make_plan(**{**vars_of(OPTUNA), "jobs": 3})
    known = play(plan, 12)
    fewer = [one for one in known if one.number not in (10, 11)]
    assert params_of(plan, known, 12) == params_of(plan, fewer, 12)
    assert len({str(params_of(plan, (), number)) for number in range(3)}) == 3
    assert may_begin(plan, fewer, 12)
    assert not may_begin(plan, [one for one in known if one.number != 9], 12)


def test_what_was_interrupted_waits_again_and_what_ended_does_not():
    states = [TrialState.DONE, TrialState.INTERRUPTED, TrialState.RUNNING, TrialState.FAILED, TrialState.CANCELLED]
    trials = [trial(number, state=state) for number, state in enumerate(states)]
    assert list(waiting(make_plan(trials=7), trials)) == [1, 5, 6]


def test_ranks_follow_the_direction_and_equals_their_numbers():
    trials = [trial(0, 0.5), trial(1), trial(2, 0.7), trial(3, 0.7), trial(4, -1.0)]
    assert [one.number for one in ranked(make_plan(), trials)] == [2, 3, 0, 4]
    assert [one.number for one in ranked(make_plan(direction="minimize"), trials)] == [4, 0, 2, 3]


def test_steps_share_work_that_no_tried_parameter_reaches():
    def step(name: str, *parameters: str, each: tuple[str, str] | None = None) -> Step:
        return Step(
            name=name,
            parameters=parameters,
            defaulted=frozenset(),
            outputs=(name,),
            line=1,
            source="steps.py",
            each=each,
        )

    steps = (
        step("split", "rows"),
        step("features", "split", "depth"),
        step("fit", "features", "one", each=("one", "rates")),
        step("report", "fit"),
    )
    graph = Graph(steps=steps, inputs={"split": (), "features": ("split",), "fit": ("features",), "report": ("fit",)})
    reach = reach_of(graph, ("depth", "rates"))
    assert reach == {
        "split": (),
        "features": ("depth",),
        "fit": ("depth", "rates"),
        "report": ("depth", "rates"),
    }
    first, second = (works_of(reach, {"depth": 3, "rates": rates}) for rates in ([1], [2]))
    assert (first["split"], first["features"]) == (second["split"], second["features"])
    assert first["report"] != second["report"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rate=0.01,0.1", [0.01, 0.1]),
        ("kind=gini,entropy", ["gini", "entropy"]),
        ("layers=[8,8],[16]", [[8, 8], [16]]),
        ("flag=true", [True]),
        ("rate=log:1e-3..0.3", {"log": [0.001, 0.3]}),
        ("depth=int:2..8", {"int": [2, 8]}),
        ("shift=uniform:-1..1", {"uniform": [-1, 1]}),
    ],
)
def test_a_command_line_says_what_is_tried(text: str, said: Any):
    assert tried(text)[1] == said


@pytest.mark.parametrize("text", ["rate", "rate=", "=1", "a-b=1"])
def test_other_text_is_refused(text: str):
    with pytest.raises(ValueError, match=text):
        tried(text)


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"maximize": None}, ()),
        ({"minimize": "loss"}, ()),
        ({"trials": 0, "method": "random"}, ("trials",)),
        ({"trials": 3}, ("trials",)),
        ({"jobs": 65}, ("jobs",)),
        ({"seed": -1}, ("seed",)),
        ({"params": {}}, ("params",)),
        ({"params": {"rate": 3}}, ("params", "rate")),
        ({"params": {"rate": []}}, ("params", "rate")),
        ({"params": {"rate": [1, 1]}}, ("params", "rate", 1)),
        ({"params": {"rate": [float("nan")]}}, ("params", "rate", 0)),
        ({"params": {"rate": {"log": [1, 2]}}}, ("params", "rate")),
        ({"params": {"rate": {"log": [0, 2]}}, "method": "random"}, ("params", "rate", "log")),
        ({"params": {"rate": {"int": [0.5, 2]}}, "method": "random"}, ("params", "rate", "int")),
        ({"params": {"rate": {"uniform": [2, 1]}}, "method": "random"}, ("params", "rate", "uniform")),
        ({"params": {"rate": {"uniform": [2]}}, "method": "random"}, ("params", "rate", "uniform")),
        ({"params": {name: list(range(30)) for name in "abcd"}}, ("params",)),
    ],
)
def test_settings_that_cannot_be_tried_are_named(changed: dict[str, Any], where: tuple[str, ...]):
    sound = {"maximize": "auc", "method": "grid", "params": {"rate": [1, 2]}}
    assert not list(setting_breaches(sound, ()))
    assert [breach.path for breach in setting_breaches(sound | changed, ())] == [where]


FILE = """project: hills  # ours
pipeline:
  params:
    rate: 0.1      # how far a step goes
    kind: "a"
    layers: [8, 8]   # of the net
    seed: ${SEED:-1}
    long:
      - 1
"""


def test_parameters_are_put_where_they_stood_and_all_else_stays():
    after = with_params(FILE, {"layers": [16], "rate": 1e-05, "kind": "b"})
    assert after == FILE.replace("0.1 ", "1e-05 ").replace('"a"', '"b"').replace("[8, 8]", "[16]")
    assert with_params(FILE, {"rate": 0.1}) == FILE
    assert diff_text(FILE, after, name="plimsoll.yaml").count("\n+") == 4  # the header's, too


@pytest.mark.parametrize(
    ("text", "params", "problem"),
    [
        (FILE, {"depth": 3}, "depth does not stand"),
        (FILE, {"seed": 3}, "from the environment"),
        (FILE, {"long": [2]}, "over several lines"),
        ("project: hills\n", {"rate": 3}, "no mapping"),
        ("pipeline:\n  params: {rate: &a 1, other: *a}\n", {"rate": 3}, "without changing others"),
        ("pipeline:\n  params: {kind: a}\n", {"kind": "${HOME}"}, "without changing others"),
    ],
)
def test_what_cannot_be_put_there_safely_is_refused(text: str, params: dict[str, Any], problem: str):
    with pytest.raises(NotSafe, match=problem):
        with_params(text, params)
