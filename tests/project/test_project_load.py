"""Reading plimsoll.yaml: values as YAML 1.2 means them, variables, merges, defaults, all problems at once."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.project.small_project import PROJECT_FILE

from plimsoll.kernel.errors import PlimsollError
from plimsoll.project.entities import METRICS, Enough, Harm, HarmTest, Project, Rollout
from plimsoll.project.load import load_project, read_project
from plimsoll.project.problems import Problem, ProjectFileMissing, ProjectInvalid
from plimsoll.project.reader import plain_value, read_tree


def load(folder: Path, text: str, **environ: str) -> Project:
    (folder / "plimsoll.yaml").write_text(text, encoding="utf-8")
    return load_project(folder / "plimsoll.yaml", environ)


def values(text: str, **environ: str):
    tree = read_tree(text, file="plimsoll.yaml", environ=environ)
    assert tree.problems == []
    return tree.value


def test_two_settings_make_a_project(tmp_path: Path):
    project = load(tmp_path, "project: loans\ncode: steps.py\n")

    assert project == Project(project="loans", code="steps.py")


def test_every_section_is_read(tmp_path: Path):
    project = load(tmp_path, PROJECT_FILE)

    assert project.data["loans"].columns["home"].in_ == ("own", "rent")
    assert project.pipeline.params == {"seed": 7}
    assert project.pipeline.steps["split"].outputs == ("train_set", "holdout")
    assert project.model is not None
    assert project.model.from_ == "train"
    assert project.gates[1].slices == "all"
    assert project.environments["production"].approvals[0].not_ == "author"


def test_an_environment_without_a_rollout_changes_releases_at_once(tmp_path: Path):
    production = load(tmp_path, PROJECT_FILE).environments["production"]

    assert production.rollout.strategy == "all-at-once"
    assert (production.after, production.bake, production.doors) == (None, "0s", 1)


def test_a_rollout_is_read_with_the_defaults_of_what_it_leaves_out(tmp_path: Path):
    rollout = """
    after: staging
    bake: 1h30m
    doors: 2
    rollout:
      strategy: canary
      stages: [0.5, 5, 25]
      hold: 0s
      look: 200ms
      stick_to: age
      candidate_deadline: 50ms
      harm: {errors: {ratio: 1.5}, latency_p99: null}
      enough: {max_added_errors: 2%}
      inconclusive: rollback
  staging: {}
"""

    production = load(tmp_path, PROJECT_FILE.rstrip() + rollout).environments["production"]

    assert (production.after, production.bake, production.doors) == ("staging", "1h30m", 2)
    assert production.rollout == Rollout(
        strategy="canary",
        stages=(0.5, 5, 25),
        hold="0s",
        look="200ms",
        stick_to="age",
        candidate_deadline="50ms",
        harm=Harm(errors=HarmTest(ratio=1.5), latency_p99=None),
        enough=Enough(requests=1000, max_added_errors="2%"),
        inconclusive="rollback",
    )


@pytest.mark.parametrize(
    "rollout",
    [
        "{strategy: all-at-once, stages: [5, 25, 50], ready: 5m, warm: 0s, look: 1s}",
        "{strategy: blue-green, shadow: 10, harm: {latency_p99: null}}",
        "{strategy: canary, stages: [50, 100], shadow: 10}",
        "{strategy: canary, stick_to: header:X-Customer, enough: {max_added_errors: 0.02}}",
        "{strategy: shadow-then-canary, stages: [], shadow: 0.1}",
    ],
)
def test_settings_that_a_strategy_uses_are_accepted(rollout: str, tmp_path: Path):
    text = PROJECT_FILE.replace("port: 8080", f"rollout: {rollout}")

    assert load(tmp_path, text).environments["production"].rollout.strategy in rollout


def test_callers_stick_by_an_input_as_well_as_by_context(tmp_path: Path):
    text = PROJECT_FILE.replace("port: 8080", "rollout: {strategy: canary, stick_to: home}")

    with pytest.raises(ProjectInvalid):
        load(tmp_path, text)
    assert load(tmp_path, text.replace("  context:", "  inputs: [home]\n  context:"))


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path):
    (tmp_path / "plimsoll.yaml").write_bytes(b"\xef\xbb\xbfproject: loans\r\ncode: steps.py\r\n")

    assert load_project(tmp_path / "plimsoll.yaml").project == "loans"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1_000_000", 1_000_000),
        ("2024_01", "2024_01"),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("1.2.3", "1.2.3"),
        ("1e999", "1e999"),
    ],
)
def test_unquoted_scalars_mean_what_they_look_like(text: str, value: object):
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


def test_quotes_make_a_text():
    assert values("a: '1'\nb: \"true\"\nc: |\n  2\n") == {"a": "1", "b": "true", "c": "2\n"}


def test_names_are_texts_whatever_they_look_like():
    assert values("1: a\non: b\nnull: c\n") == {"1": "a", "on": "b", "null": "c"}


@pytest.mark.parametrize(
    ("written", "environ", "value"),
    [
        ("${PORT}", {"PORT": "8080"}, 8080),
        ('"${PORT}"', {"PORT": "8080"}, "8080"),
        ("${PORT:-9090}", {}, 9090),
        ("${PORT:-9090}", {"PORT": ""}, 9090),
        ("${PORT:-}", {}, None),
        ("${DIR}/${NAME:-loans}.csv", {"DIR": "/data"}, "/data/loans.csv"),
        ("$${NAME}", {"NAME": "x"}, "${NAME}"),
        ("costs $5 or $$5", {}, "costs $5 or $5"),
        ("${A}", {"A": "${B}", "B": "never"}, "${B}"),
    ],
)
def test_variables_are_filled_in(written: str, environ: dict[str, str], value: object):
    assert values(f"key: {written}\n", **environ) == {"key": value}


def test_a_number_from_a_variable_is_checked_like_any_other(tmp_path: Path):
    text = PROJECT_FILE.replace("port: 8080", 'port: "${PORT}"')

    assert load(tmp_path, text, PORT="9000").environments["production"].port == 9000
    with pytest.raises(ProjectInvalid) as caught:
        load(tmp_path, text, PORT="99000")
    assert "found 99000, expected a port" in str(caught.value)


def test_anchors_are_repeated_and_merged():
    text = "base: &base {type: float, min: 0}\na: *base\nb: {<<: *base, min: 1}\nc: {<<: [{type: int}, *base]}\n"

    assert values(text) == {
        "base": {"type": "float", "min": 0},
        "a": {"type": "float", "min": 0},
        "b": {"type": "float", "min": 1},
        "c": {"type": "int", "min": 0},
    }


def test_an_alias_of_what_contains_it_is_a_problem():
    tree = read_tree("a: &a\n  b: *a\n", file="plimsoll.yaml", environ={})

    assert [str(problem) for problem in tree.problems] == [
        "plimsoll.yaml:1  a.b: found an alias of something that contains it, expected a value"
    ]


def test_a_file_nested_without_end_is_a_problem():
    tree = read_tree("a: " + "[" * 5000, file="plimsoll.yaml", environ={})

    assert "nested hundreds deep" in str(tree.problems[0])


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path: Path):
    text = (
        PROJECT_FILE.replace("project: loans", "project: Loans")
        .replace("type: float", "type: flot")
        .replace("timeout: 10m", "timeout: soon")
        .replace("label: defaulted", "labell: defaulted")
        .replace("min: 0.75", "min: 75, mix: 1")
        .replace("production, margin", "staging, margin")
        .replace("8080", "${PORT}")
    )

    with pytest.raises(ProjectInvalid) as caught:
        load(tmp_path, text)

    assert [(problem.line, problem.where) for problem in caught.value.problems] == [
        (1, "project"),
        (7, "data.loans.columns.amount.type"),
        (13, "pipeline.steps.train.timeout"),
        (17, "model.labell"),
        (22, "gates[0].mix"),
        (22, "gates[0].min"),
        (23, "gates[1].against"),
        (26, "environments.production.port"),
    ]
    assert str(caught.value).startswith("8 problems in plimsoll.yaml\n  plimsoll.yaml:1  project: ")


def test_problems_are_facts_that_survive_json_and_pickle(tmp_path: Path):
    with pytest.raises(ProjectInvalid) as caught:
        load(tmp_path, PROJECT_FILE.replace("type: float", "type: flot"))

    error: PlimsollError = caught.value
    assert error.as_dict()["facts"]["problems"] == [
        {
            "file": "plimsoll.yaml",
            "line": 7,
            "where": "data.loans.columns.amount.type",
            "found": "'flot'",
            "expected": "one of int, float, string, bool, timestamp, date",
            "nearest": "float",
            "source": "",
        }
    ]
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path):
    with pytest.raises(ProjectFileMissing) as caught:
        load_project(tmp_path / "plimsoll.yaml")

    assert str(caught.value) == f"Cannot read {tmp_path / 'plimsoll.yaml'}: it does not exist."
    assert "plimsoll init" in caught.value.advice


def test_the_tree_knows_what_was_written_and_where(write_project):
    _, tree = read_project(write_project() / "plimsoll.yaml")

    assert tree.line(("gates", 1, "against")) == 23
    assert ("gates", 1, "min") not in tree.lines


@pytest.mark.parametrize(("task", "metrics"), METRICS.items())
def test_every_metric_of_a_task_is_accepted(task: str, metrics: tuple[str, ...], tmp_path: Path):
    gates = "".join(f"  - {{metric: {metric}, max: 1}}\n" for metric in metrics)
    text = PROJECT_FILE.replace("binary_classification", task).partition("gates:")[0] + "gates:\n" + gates

    assert [gate.metric for gate in load(tmp_path, text).gates] == list(metrics)


def problems_of(text: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Problem, ...]:
    """What is wrong with a file; nothing when it is a project."""
    file = tmp_path_factory.getbasetemp() / "generated.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        load_project(file, {})
    except ProjectInvalid as error:
        return error.problems
    return ()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_damage_to_a_file_escapes_as_another_error(data: st.DataObject, tmp_path_factory):
    """Lines lost, doubled, moved or cut anywhere: there is a project or a list of problems, never a crash."""
    lines = PROJECT_FILE.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        cut = data.draw(st.integers(0, len(lines[at])))
        junk = data.draw(
            st.sampled_from(["", "\t", ": ", "- ", "{", "]", "'", "&a ", "*a", "null", "3", "${", "!!int "])
        )
        lines[at : at + 1] = data.draw(
            st.sampled_from([[], [lines[at]] * 2, [" " + lines[at]], [lines[at][:cut] + junk + lines[at][cut:]]])
        )
        lines = lines or [""]
    for problem in problems_of("\n".join(lines), tmp_path_factory):
        assert 1 <= problem.line <= len(lines) + 1


@settings(max_examples=150, deadline=None)
@given(
    at=st.sampled_from(
        [
            ("data",),
            ("model",),
            ("gates",),
            ("gates", 0),
            ("environments",),
            ("environments", "production"),
            ("environments", "production", "rollout"),
            ("pipeline", "params"),
        ]
    ),
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=4)
        | st.sampled_from(["all", "home", "10m", "canary", "production"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "path",
                        "columns",
                        "metric",
                        "min",
                        "slices",
                        "approvals",
                        "after",
                        "rollout",
                        "strategy",
                        "stages",
                        "harm",
                        "enough",
                        "a",
                    ]
                ),
                inner,
            )
        ),
        max_leaves=6,
    ),
)
def test_values_of_any_shape_are_a_project_or_problems(at: tuple[str | int, ...], value: object, tmp_path_factory):
    whole = values(PROJECT_FILE)
    inner = whole
    for part in at[:-1]:
        inner = inner[part]
    inner[at[-1]] = value
    for problem in problems_of(json.dumps(whole), tmp_path_factory):
        assert problem.found


def test_loading_a_project_imports_nothing_heavy(write_project):
    program = (
        "import sys; from pathlib import Path; from plimsoll.project.load import load_project\n"
        f"load_project(Path({str(write_project() / 'plimsoll.yaml')!r}))\n"
        "heavy = {'pandas', 'numpy', 'duckdb', 'fastapi', 'sklearn', 'scipy', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
