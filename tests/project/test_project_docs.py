"""docs/project-file.md tells every setting that exists, with its true default and an example that is accepted."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, get_type_hints

import pytest
from pydantic import TypeAdapter
from tests.conftest import REPOSITORY

from plimsoll.project import entities
from plimsoll.project.load import load_project
from plimsoll.project.problems import describe
from plimsoll.project.reader import read_tree
from plimsoll.project.schema import project_schema

PAGE = (REPOSITORY / "docs" / "project-file.md").read_text(encoding="utf-8")
SECTIONS = {
    "The top of the file": entities.Project,
    "data": entities.Dataset,
    "columns": entities.Column,
    "references": entities.Reference,
    "checks": entities.RowCheck,
    "rows": entities.RowCount,
    "fresh": entities.Freshness,
    "pipeline": entities.Pipeline,
    "steps": entities.StepOptions,
    "resources": entities.Resources,
    "model": entities.Model,
    "gates": entities.Gate,
    "environments": entities.Environment,
    "approvals": entities.ApprovalRule,
    "rollout": entities.Rollout,
    "harm": entities.Harm,
    "harm tests": entities.HarmTest,
    "enough": entities.Enough,
    "monitor": entities.Monitor,
    "mlflow": entities.Mlflow,
    "drift": entities.Drift,
    "quality": entities.Quality,
    "retrain": entities.RetrainRule,
    "limits": entities.RetrainLimits,
    "sweep": entities.SweepSettings,
}
ROW = re.compile(r"^\| `(\w+)` \| (.+) \| (.+) \| `(.+)` \|$", re.MULTILINE)


def section(heading: str) -> str:
    match = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^## |^### |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match, heading
    return match.group(1)


def schema_of(entity: type[Any]) -> dict[str, Any]:
    schema = project_schema()
    return schema if entity is entities.Project else schema["$defs"][entity.__name__]


def test_every_mapping_of_the_schema_has_its_section():
    assert {entity.__name__ for entity in SECTIONS.values()} == {"Project", *project_schema()["$defs"]}


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_setting_has_its_row_in_the_order_of_the_schema(heading: str):
    assert [row[0] for row in ROW.findall(section(heading))] == list(schema_of(SECTIONS[heading])["properties"])


@pytest.mark.parametrize("heading", SECTIONS)
def test_defaults_are_the_true_ones(heading: str):
    fields = {field.name.rstrip("_"): field for field in dataclasses.fields(SECTIONS[heading])}
    for name, _, told, _ in ROW.findall(section(heading)):
        assert told == default_as_written(fields[name]), name


def default_as_written(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return "`{}`"
    if field.default is dataclasses.MISSING:
        return "required"
    if isinstance(field.default, tuple):
        return f"`{list(field.default)}`"
    return f"`{describe(field.default).strip(chr(39)).replace('nothing', 'null')}`"


@pytest.mark.parametrize("heading", SECTIONS)
def test_examples_are_accepted(heading: str):
    entity = SECTIONS[heading]
    hints = {name.rstrip("_"): hint for name, hint in get_type_hints(entity).items()}
    for name, _, _, example in ROW.findall(section(heading)):
        tree = read_tree(example, file="example", environ={})
        assert not tree.problems, example
        TypeAdapter(hints[name]).validate_python(tree.value[name])


def test_whole_files_on_the_page_are_projects(tmp_path):
    files = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("project:")]

    assert len(files) == 2
    for text in files:
        (tmp_path / "plimsoll.yaml").write_text(text, encoding="utf-8")
        assert load_project(tmp_path / "plimsoll.yaml", {}).project == "loans"


def test_every_metric_is_on_the_page():
    for task, metrics in entities.METRICS.items():
        assert f"| `{task}` | {', '.join(f'`{metric}`' for metric in metrics)} |" in PAGE
