"""What a release is watched against: its holdout's columns and predictions, without what identifies a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from plimsoll.bundle.entities import Field, ScorerSpec
from plimsoll.bundle.scores import Scores
from plimsoll.gates.cases import Cases
from plimsoll.gates.operations import OnHoldout
from plimsoll.kernel.canonical import canonical_json
from plimsoll.project.entities import Drift, Monitor
from plimsoll.release import reference
from plimsoll.release.reference import Reference, read_reference

ROWS = 2000
SPEC = ScorerSpec(
    task="binary_classification",
    label="fraud",
    classes=(False, True),
    threshold=0.5,
    inputs=(Field(name="amount", type="float"), Field(name="known", type="bool"), Field(name="when", type="timestamp")),
    context=(Field(name="customer", type="string"), Field(name="basket", type="string")),
    transform=(),
)


@pytest.fixture
def found(tmp_path: Path) -> OnHoldout:
    """Thirty days of rows; 400 customers, and a number for each basket."""
    duckdb.sql(
        f"""
        COPY (
            SELECT TIMESTAMP '2026-03-02' + to_seconds(i * 1296) AS at, i % 97 + 0.5 AS amount, i % 3 = 0 AS known,
                TIMESTAMP '2026-01-01' AS "when", 'c' || (i % 400) AS customer, 'b' || i AS basket, i % 5 = 0 AS fraud
            FROM range({ROWS}) t(i)
        ) TO '{tmp_path / "holdout.parquet"}' (FORMAT parquet)
        """
    )
    truth = (np.arange(ROWS) % 5 == 0).astype(np.intp)
    score = np.where(truth == 1, 0.8, 0.2)
    probabilities = np.column_stack([1 - score, score])
    return OnHoldout(
        spec=SPEC,
        scores=Scores(probabilities=probabilities, decision=np.asarray(SPEC.classes)[truth]),
        cases=Cases(truth=truth, decision=truth, probabilities=probabilities, classes=2),
        rows=tmp_path / "holdout.parquet",
        time="at",
    )


def columns(found: OnHoldout, **drift: Any) -> list[str]:
    profile = reference._profile(found, Monitor(drift=Drift(**drift)))
    return [column.name for column in profile.columns]


def test_columns_and_predictions_are_profiled_but_no_moments_and_no_numbers_of_baskets(found: OnHoldout):
    assert columns(found) == ["amount", "known", "_decision", "_score"]


def test_what_groups_rows_is_not_watched_itself(found: OnHoldout):
    duckdb.sql(
        f"COPY (SELECT * REPLACE ('d' || (row_number() OVER () % 20) AS customer) FROM '{found.rows}') "
        f"TO '{found.rows.with_name('grouped.parquet')}' (FORMAT parquet)"
    )
    grouped = OnHoldout(
        spec=found.spec,
        scores=found.scores,
        cases=found.cases,
        rows=found.rows.with_name("grouped.parquet"),
        time=found.time,
    )
    assert "customer" in columns(grouped)
    assert "customer" not in columns(grouped, group="customer")
    profile = reference._profile(grouped, Monitor(drift=Drift(group="customer")))
    assert profile.columns[0].spread["window"].clustered >= 1


def test_hours_are_told_apart_unless_the_calendar_does_not_matter(found: OnHoldout):
    assert reference._profile(found, Monitor()).phase == "hour of week"
    assert reference._profile(found, Monitor(drift=Drift(calendar="none"))).phase == "none"


def test_the_page_is_read_back_as_it_was_written(found: OnHoldout):
    from plimsoll.data.profile_json import profile_document

    written = Reference(profile=reference._profile(found, Monitor()), metrics=reference._metrics(found))
    page = canonical_json({"profile": profile_document(written.profile), "metrics": written.metrics})
    assert read_reference(json.loads(page)) == written
    assert written.metrics["accuracy"] == 1.0
    assert written.metrics["roc_auc"] == 1.0


def test_decisions_are_counted_as_captured_answers_write_them(found: OnHoldout):
    profile = reference._profile(found, Monitor())
    decision = next(column for column in profile.columns if column.name == "_decision")
    assert dict(zip(decision.categories, decision.counts, strict=False)) == {"false": 1600, "true": 400}
