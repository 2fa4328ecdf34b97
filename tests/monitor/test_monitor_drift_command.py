"""`plimsoll drift` on real files: verdicts and exit codes, what it says, what it refuses and the way on it names."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from plimsoll.cli.main import make_app
from plimsoll.monitor.drift_text import sparklines

MONDAY = datetime(2026, 1, 5)  # noqa: DTZ001 - written to files as UTC


def rows(count, *, seed=1, moved=0.0, empty=0.0):
    """Orders: an amount, a channel, a number of items."""
    draw = np.random.default_rng(seed)
    amounts = np.exp(draw.normal(2.5 + moved, 0.8, count)).round(2)
    channels = draw.choice(["online", "shop", "phone"], count, p=[0.31 + moved / 4, 0.5 - moved / 4, 0.19])
    return [
        {"amount": "" if draw.random() < empty else amount, "channel": channel, "items": int(item)}
        for amount, channel, item in zip(amounts, channels, draw.poisson(1, count), strict=True)
    ]


def write(path: Path, made, **columns):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=[*made[0], *columns])
        writer.writeheader()
        writer.writerows(
            [{**row, **{name: values[at] for name, values in columns.items()}} for at, row in enumerate(made)]
        )
    return path


def as_parquet(path: Path):
    target = path.with_suffix(".parquet")
    duckdb.sql(f"COPY (FROM read_csv('{path}')) TO '{target}' (FORMAT parquet)")
    return target


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "before.csv", rows(3000))
    return tmp_path


def drift(*words):
    return CliRunner().invoke(make_app(), ["drift", *map(str, words)])


def document(*words, code):
    result = drift(*words, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_equal_distributions_end_with_0(folder):
    write(folder / "after.csv", rows(1000, seed=2))
    result = drift("before.csv", "after.csv")
    assert result.exit_code == 0
    assert "no drift in 3 columns" in result.stdout


def test_drift_ends_with_1_and_says_what_moved(folder):
    write(folder / "after.csv", rows(1000, seed=2, moved=0.8))
    result = drift("before.csv", "after.csv")
    assert result.exit_code == 1
    assert "drift in 2 of 3 columns" in result.stdout
    assert "amount: median 12." in result.stdout
    assert "'online' 30 % -> 51 %" in result.stdout
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines if "█" in line] == ["amount", "channel", "items"]


def test_csv_and_parquet_globs_and_folders_say_the_same(folder):
    after = write(folder / "after.csv", rows(1000, seed=2, moved=0.8))
    both = document("before.csv", "after.csv", code=1)
    parquet = document(as_parquet(folder / "before.csv"), as_parquet(after), code=1)
    assert parquet["columns"] == both["columns"]
    (folder / "parts").mkdir()
    made = rows(1000, seed=2, moved=0.8)
    write(folder / "parts" / "a.csv", made[:400])
    write(folder / "parts" / "b.csv", made[400:])
    for path in ("parts", "parts/*.csv"):
        assert document("before.csv", path, code=1)["columns"] == both["columns"]


def test_too_few_rows_end_with_3(folder):
    write(folder / "after.csv", rows(12, seed=2))
    result = drift("before.csv", "after.csv")
    assert result.exit_code == 3
    assert "inconclusive: too few rows to judge 3 columns of 3" in result.stdout
    assert document("before.csv", "after.csv", code=3)["verdict"] == "inconclusive"


def test_a_column_that_lost_all_values_has_drifted(folder):
    write(folder / "after.csv", rows(500, seed=2, empty=1.0))
    found = document("before.csv", "after.csv", code=1)
    assert [one["column"] for one in found["columns"] if one["drifted"]] == ["amount"]
    assert found["columns"][0]["told"].startswith("missing 0 % -> 100 %")


def test_columns_are_chosen_and_left_out_by_name(folder):
    write(folder / "after.csv", rows(500, seed=2, moved=0.8))
    only = document("before.csv", "after.csv", "--columns", "items, channel", code=1)
    assert sorted(one["column"] for one in only["columns"]) == ["channel", "items"]
    without = document("before.csv", "after.csv", "--exclude", "amount,channel", code=0)
    assert [one["column"] for one in without["columns"]] == ["items"]


def test_what_only_one_side_has_is_told(folder):
    write(folder / "after.csv", rows(500, seed=2), fresh=["x"] * 500)
    found = document("before.csv", "after.csv", code=0)
    assert found["left_out"] == [{"column": "fresh", "because": "only in CURRENT"}]
    assert "left out   fresh (only in CURRENT)" in drift("before.csv", "after.csv").stdout


def test_a_higher_tolerance_tolerates_more(folder):
    write(folder / "after.csv", rows(1000, seed=2, moved=0.5))
    assert document("before.csv", "after.csv", code=1)["tolerance"] == 0.1
    assert document("before.csv", "after.csv", "--tolerance", 1, code=0)["tolerance"] == 1


def hours(count, days, *, moved_from=None):
    """Orders of so many days, whose amounts follow the hour of the day."""
    made, moments = rows(count), []
    for at, row in enumerate(made):
        hour = at * days * 24 // count
        moved = 2.0 if moved_from is not None and hour >= moved_from else 1.0
        row["amount"] = round(row["amount"] * moved * (4 if hour % 24 < 8 else 1), 2)
        moments.append((MONDAY + timedelta(hours=hour, minutes=at % 60)).isoformat(" "))
    return made, moments


@pytest.fixture
def dated(folder):
    made, moments = hours(24_000, 20)
    write(folder / "history.csv", made, at=moments)
    return folder


def test_a_night_is_compared_with_nights(dated):
    made, moments = hours(2400, 2)
    night = [(row, moment) for row, moment in zip(made, moments, strict=True) if moment[11:13] < "08"]
    write(dated / "night.csv", [row for row, _ in night], at=[moment for _, moment in night])
    assert document("history.csv", "night.csv", code=1)["columns"][0]["column"] == "amount"
    like = document("history.csv", "night.csv", "--time", "at", code=0)
    assert like["compared"] == "hour of week"


def test_windows_say_since_when(dated):
    made, moments = hours(4800, 4, moved_from=60)
    write(dated / "week.csv", made, at=moments)
    found = document("history.csv", "week.csv", "--time", "at", "--window", "12h", code=1)
    windows = [span for span in found["spans"] if span["span"] == "window"]
    assert windows[0]["begin"] == "2026-01-07T12:00:00+00:00"
    assert {"window", "day", "week"} >= {span["span"] for span in found["spans"]}
    assert found["spans_judged"] == 8 + 4 + 1
    assert (
        "2026-01-07 12:00 (600 rows): amount"
        in drift("history.csv", "week.csv", "--time", "at", "--window", "12h").stdout
    )


def test_repeated_customers_cost_certainty(folder):
    made = [row for row in rows(300) for _ in range(10)]
    write(folder / "before.csv", made, who=[at // 10 for at in range(3000)])
    after = [row for row in rows(60, seed=3) for _ in range(10)]
    write(folder / "after.csv", after, who=[at // 10 for at in range(600)])
    words = ("before.csv", "after.csv", "--columns", "amount,channel")
    alone = document(*words, code=drift(*words).exit_code)
    grouped = document(*words, "--group", "who", code=drift(*words, "--group", "who").exit_code)
    critical = [{one["column"]: one for one in found["columns"]}["channel"] for found in (alone, grouped)]
    assert critical[1]["spread"] == pytest.approx(10, rel=0.02)
    assert critical[1]["critical"] > critical[0]["critical"]


def test_the_report_holds_every_column_and_stands_alone(folder):
    hostile = "<script>alert(1)</script>"
    write(folder / "before.csv", rows(3000), why=[hostile, "x"] * 1500)
    write(folder / "after.csv", rows(1000, seed=2, moved=0.8, empty=0.1), why=[hostile] * 1000)
    result = drift("before.csv", "after.csv", "--html", "report.html")
    assert result.exit_code == 1
    assert "report: report.html" in result.stdout
    page = (folder / "report.html").read_text()
    tree = ET.fromstring(page.partition("\n")[2])
    headings = [" ".join("".join(h2.itertext()).split()) for h2 in tree.iter("h2")]
    assert headings[:3] == ["amount drift", "channel drift", "why drift"] or set(headings) >= {
        "amount drift",
        "why drift",
    }
    assert len(list(tree.iter("svg"))) == 2 * 4
    assert "<script" not in page
    assert hostile not in page
    assert "http" not in page.replace("http-equiv", "")


REFUSED = [
    (("absent.csv", "before.csv"), "drift.rows_unusable", "REFERENCE absent.csv: no file matches"),
    (("before.csv", "empty.csv"), "drift.rows_unusable", "CURRENT empty.csv: "),
    (("before.csv", "head.csv"), "drift.rows_unusable", "without a single row"),
    (("before.csv", "text.csv"), "drift.columns_differ", "amount holds numbers in REFERENCE"),
    (("before.csv", "other.csv"), "drift.nothing_to_compare", "no column in common"),
    (("before.csv", "before.csv", "--columns", "amuont"), "drift.unknown_column", "the most similar one is amount"),
    (("before.csv", "before.csv", "--exclude", "Chann"), "drift.unknown_column", "the most similar one is channel"),
    (("before.csv", "before.csv", "--time", "channel"), "drift.not_time", "which holds text in REFERENCE"),
    (("before.csv", "before.csv", "--html", "no/where.html"), "drift.report_unwritable", "no such file or directory"),
    (("before.csv", "cut.parquet"), "drift.rows_unusable", "not a whole Parquet file"),
]


@pytest.mark.parametrize(("words", "code", "told"), REFUSED, ids=[" ".join(words) for words, *_ in REFUSED])
def test_bad_input_ends_with_2_and_names_place_and_cure(folder, words, code, told):
    (folder / "empty.csv").write_text("")
    (folder / "head.csv").write_text("amount,channel,items\n")
    (folder / "text.csv").write_text("amount,channel\nN/A,online\n12.5,shop\n")
    (folder / "other.csv").write_text("elsewhere\n1\n")
    (folder / "cut.parquet").write_bytes(b"PAR1 and then nothing")
    found = document(*words, code=2)["error"]
    assert found["code"] == code
    assert told in found["text"]
    assert found["hint"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--window", "1h"), "it needs --time"),
        (("--time", "at", "--window", "soon"), "is not a duration"),
        (("--time", "at", "--window", "1ms"), "at least a second"),
        (("--alpha", "0"), "greater than or equal to"),
        (("--tolerance", "-1"), "greater than or equal to"),
    ],
)
def test_bad_options_are_bad_usage(folder, words, told):
    result = drift("before.csv", "before.csv", *words)
    assert result.exit_code == 2
    assert told in result.output


def test_rows_without_any_moment_are_refused(dated):
    write(dated / "undated.csv", rows(50), at=["2026-01-05"] + [""] * 49)
    assert document("history.csv", "undated.csv", "--time", "at", code=3)["current"]["rows"] == 1


def test_sparklines_share_a_scale_and_show_what_is_missing():
    assert sparklines([0.5, 0.5, 0.0], [1.0, 0.0, 0.0]) == ("▅▅", "█ ")
    first, second = sparklines([0.05] * 20 + [0.0], [0.0] * 20 + [1.0])
    assert len(first) == len(second) == 13
    assert second == " " * 12 + "█"
