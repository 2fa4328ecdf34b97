"""Slices: values of a column or SQL conditions, in a database that can compute and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from plimsoll.gates.errors import BadSlices, LabelMissing
from plimsoll.gates.slices import HoldoutTable, open_holdout


@pytest.fixture
def table(tmp_path: Path) -> Iterator[HoldoutTable]:
    path = tmp_path / "holdout.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            """
            COPY (SELECT i AS id, CASE WHEN i % 10 = 0 THEN NULL WHEN i % 3 = 0 THEN 'FR' ELSE 'GB' END AS country,
                         i * 10.0 AS amount, i % 2 = 0 AS is_fraud, i % 40 AS shop,
                         TIMESTAMP '2026-01-01' - to_days(i::INTEGER) AS at, CASE WHEN i = 3 THEN 'nan'::DOUBLE ELSE 1.0 END AS score
                  FROM range(200) numbers(i))
            TO $path (FORMAT parquet)
            """,
            {"path": str(path)},
        )
    with open_holdout(path) as opened:
        yield opened


def test_a_column_makes_one_slice_a_value_and_one_for_absent_values(table):
    found = table.slice_by(["country"])

    assert [(part.name, int(part.rows.sum())) for part in found.slices] == [
        ("country = GB", 120),
        ("country = FR", 60),
        ("country is missing", 20),
    ]
    assert found.notes == ()


def test_conditions_follow_the_rows_order_and_leave_absent_values_out(table):
    found = table.slice_by(["amount >= 1980", "country = 'FR'"])

    assert np.flatnonzero(found.slices[0].rows).tolist() == [198, 199]
    assert int(found.slices[1].rows.sum()) == 60


def test_a_column_of_many_values_is_cut_and_that_is_said(table):
    found = table.slice_by(["shop"])

    assert len(found.slices) == 20
    (note,) = found.notes
    assert note == (
        "Slice shop: its 20 most frequent values are looked at; 20 others with 50.0% of the rows are not. "
        "A condition can name a range or a group of them."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("countri", "The slice countri is no column of the holdout. Did you mean country?"),
        ("amountt > 5", "The slice 'amountt > 5' names amountt, which is no column of the holdout. Did you mean amount?"),
        ("amount >", "The slice 'amount >' is not a condition that can be evaluated: Parser Error: syntax error at or near"),
        ("amount + 1", "The slice 'amount + 1' is decimal"),
        ("count(*) > 5", "The slice 'count(*) > 5' gives 1 answers for 200 rows; it must look at each row."),
        ("true) FROM holdout --", "is not a condition that can be evaluated: Parser Error"),
        ("true; DROP TABLE holdout", "is not a condition that can be evaluated: Parser Error"),
        ("(SELECT count(*) FROM read_text('/etc/hostname')) > 0", "file system operations are disabled by configuration."),
        ("(SELECT count(*) FROM '/etc/hostname') > 0", "is not a condition that can be evaluated"),
    ],
)  # fmt: skip
def test_a_bad_slice_is_named_with_what_is_wrong(table, text, said):
    with pytest.raises(BadSlices) as refusal:
        table.slice_by([text])

    assert said in str(refusal.value)
    assert table.slice_by(["amount > 5"]).slices


def test_all_bad_slices_are_named_at_once(table):
    with pytest.raises(BadSlices) as refusal:
        table.slice_by(["countri", "amount > 5", "amountt > 5"])

    assert len(refusal.value.facts["problems"]) == 2


def test_the_lock_cannot_be_undone(table):
    for attempt in ("SET enable_external_access = true", "INSTALL httpfs", "ATTACH '/tmp/other.db'"):
        with pytest.raises(duckdb.Error):
            table._connection.execute(attempt)


def test_labels_times_and_absent_values_are_read_in_row_order(table):
    assert table.column("is_fraud")[:3] == [True, False, True]
    assert table.column("country")[:2] == [None, "GB"]
    assert table.column("score")[2:5] == [1.0, None, 1.0]
    assert table.order_by("at")[:2].tolist() == [199, 198]


def test_a_missing_label_is_named_with_the_nearest_column(table):
    with pytest.raises(LabelMissing) as refusal:
        table.require_label("is_frod", holdout="holdout")

    assert str(refusal.value) == (
        "The holdout holdout has no column is_frod, which model.label names. Did you mean is_fraud?"
    )
    assert "It has: id, country, amount" in refusal.value.advice
