"""Which SQL may stand in `checks:`, which may not, and that a pattern is asked about only where it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plimsoll.data.expressions import examine, rule_breaches
from plimsoll.pipeline.check import check_project
from plimsoll.project.entities import Column, Dataset, FieldType, RowCheck
from plimsoll.project.problems import ProjectInvalid

if TYPE_CHECKING:
    from conftest import Desk

KINDS: dict[str, FieldType] = {
    "amount": "float", "limit": "float", "n": "int", "Note": "string", "at": "timestamp", "day": "date", "ok": "bool",
    'odd "name': "int",
}  # fmt: skip
COLUMNS = {name: Column(type=kind) for name, kind in KINDS.items()}


def found(sql: str) -> str:
    """What is said of a condition; empty when it may stand."""
    breaches = list(rule_breaches("sales", Dataset(path="a.csv", columns=COLUMNS, checks=(sql,))))
    return breaches[0].found if breaches else ""


@pytest.mark.parametrize(
    "sql",
    [
        'amount <= "limit"',
        "note LIKE 'a%' AND length(Note) < 5",
        "n BETWEEN 1 AND 5 OR n IS NULL",
        "CASE WHEN ok THEN n > 1 ELSE true END",
        "abs(amount - n) < 1e-6 AND round(amount, 2) = amount",
        "regexp_matches(note, '^[a-z]+$') AND lower(note) IN ('a', 'b')",
        'extract(year FROM "at") = 2026 AND "at" >= DATE \'2026-01-01\' + INTERVAL 3 DAY',
        "date_diff('day', day, CAST(\"at\" AS DATE)) < 3",
        "TRY_CAST(note AS INTEGER) > 0 -- a comment",
        "coalesce(nullif(n, 3), 0) % 2 = 0",
        '"odd ""name" > 1',
        "ok",
    ],
)
def test_a_condition_over_declared_columns_may_stand(sql: str) -> None:
    assert found(sql) == ""
    _, (condition,) = examine("sales", Dataset(path="a.csv", columns=COLUMNS, checks=(sql,)))
    assert set(condition.columns) <= KINDS.keys()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("amount >", 'syntax error at or near ")"'),
        ("amount <= limit", 'SQL knows that word, so write "limit"'),
        ("n", "which is bigint, not true or false"),
        ("note > 3", "Cannot compare values of type VARCHAR"),
        ("amuont > 2", "which names amuont; `columns:` does not declare it"),
        ("sales.n > 2", "which names sales.n"),
        ("n > 1) FROM (SELECT 1", "more than a condition"),
        ("n > 1), (ok", "more than a condition"),
        ("n > 1; DROP TABLE declared", "syntax error"),
        ("n > 1) ; ATTACH 'x.db' ; SELECT (true", "Only SELECT"),
        ("n IN (SELECT 1)", "a subquery; a foreign key goes under `references`"),
        ("EXISTS (FROM read_csv('/etc/passwd'))", "a subquery"),
        ("read_text('/etc/passwd') = 'x'", "read_text()"),
        ("sum(n) > 1", "sum() looks at more than one row"),
        ("count(*) > 1", "looks at more than one row"),
        ("row_number() OVER () > 1", "a window"),
        ("COLUMNS(*) > 1", "a star"),
        ("$1 > n", "a parameter"),
        ("[x FOR x IN [1, 2] IF x > n][1] > 1", "a lambda"),
        ("random() < 0.5", "random() does not depend on the row alone"),
        ('now() > "at"', "now() does not depend on the row alone"),
        ("day < current_date", "current_date"),
        ("day < today()", "today() does not depend on the row alone"),
        ("getvariable('x') = 1", "getvariable() does not depend on the row alone"),
        ("current_setting('threads') = '2'", "current_setting()"),
        ("pg_sleep(3) IS NULL", "pg_sleep() does not depend on the row alone"),
        ("error(note)", "error() does not depend on the row alone"),
        ("nextval('x') > 1", "nextval() does not depend on the row alone"),
        ("nosuch(n) > 1", "nosuch"),
    ],
)
def test_whatever_does_more_than_compute_is_refused_with_what_it_is(sql: str, said: str) -> None:
    assert said in found(sql)


def test_the_nearest_column_is_named() -> None:
    (breach,) = rule_breaches("sales", Dataset(path="a.csv", columns=COLUMNS, checks=(RowCheck(sql="amuont > 2"),)))
    assert (breach.path, breach.word) == (("data", "sales", "checks", 0, "sql"), "amuont")
    assert "amount" in breach.options


PROJECT = """\
project: loans
code: steps.py
data:
  loans:
    path: loans.csv
    columns:
      home: {type: string, pattern: "[a-z"}
      amount: {type: float}
    checks:
      - amuont > 1
      - {name: later, sql: amount > now()}
"""


def test_a_pattern_and_sql_that_are_none_are_told_by_check_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "plimsoll.yaml").write_text(PROJECT)
    (tmp_path / "steps.py").write_text("def count(loans):\n    return len(loans)\n")
    with pytest.raises(ProjectInvalid) as caught:
        check_project(tmp_path)
    condition = "expected one SQL condition over the declared columns, such as amount <= credit_limit"
    assert [str(problem) for problem in caught.value.problems] == [
        (
            "plimsoll.yaml:7  data.loans.columns.home.pattern: found '[a-z' (missing ]: [a-z), expected a regular expression "
            "that RE2 knows, such as [A-Z]{2}[0-9]+"
        ),
        (
            "plimsoll.yaml:10  data.loans.checks[0]: found 'amuont > 1', which names amuont; `columns:` does not declare it, "
            f"{condition}; did you mean amount?"
        ),
        (
            "plimsoll.yaml:11  data.loans.checks[1].sql: found 'amount > now()', where now() does not depend on the row "
            f"alone, {condition}"
        ),
    ]


def test_they_stop_a_run_before_a_row_is_read(desk: Desk) -> None:
    desk.write("a.csv", "note\nx\n")
    with pytest.raises(ProjectInvalid) as caught:
        desk.resolve("a.csv", {"note": Column(type="string", pattern="[a-z")}, checks=("note >",))
    assert [problem.where for problem in caught.value.problems] == [
        "data.sales.columns.note.pattern",
        "data.sales.checks[0]",
    ]
    assert desk.count("data_versions") == desk.count("data_checks") == 0


def test_loading_a_project_does_not_load_the_engine(tmp_path: Path) -> None:
    (tmp_path / "plimsoll.yaml").write_text(PROJECT)
    code = (
        "import sys; from pathlib import Path; from plimsoll.project.load import load_project;"
        "load_project(Path('plimsoll.yaml')); print('duckdb' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
