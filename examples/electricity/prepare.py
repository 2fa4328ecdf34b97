"""Writes the New South Wales electricity data as this project reads it: a past to train on, and rows to replay.

    ELEC2=…/elec2.csv python prepare.py

The file has no dates. Its rows are half-hours that follow one another from 7 May 1996 on; its weekday column agrees with
that on all 944 days, which is checked here. Columns keep their names and their scaling from 0 to 1.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import duckdb
import pandas as pd

FIRST = pd.Timestamp("1996-05-07")
ROWS = 45_312
COLUMNS = ["nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"]
ABOUT = """\
ELEC2 names no file: set it to the path of elec2.csv, the New South Wales electricity market from May 1996 to December 1998
(M. Harries, 1999; 45,312 half-hours). It is among the benchmark streams of scikit-multiflow and of MOA, and on OpenML as
`electricity`. The columns that are read: day, period, nswprice, nswdemand, vicprice, vicdemand, transfer, class."""


def read(path: Path) -> pd.DataFrame:
    """The rows in their order, with the moment of each and the label as a truth value."""
    rows = pd.read_csv(path)
    if len(rows) != ROWS:
        raise ValueError(f"{path} holds {len(rows):,} rows instead of {ROWS:,}")
    at = FIRST + pd.to_timedelta(30 * rows.index.to_numpy(), unit="m")
    weekday = pd.Series(at.day_of_week + 1)
    if not weekday.equals(rows["day"].astype(weekday.dtype)):
        raise ValueError("the weekdays of the file are not those of half-hours from 7 May 1996 on")
    return pd.DataFrame(
        {
            "at": at,
            "day": at.strftime("%Y-%m-%d"),
            "weekday": weekday.astype("int64"),
            "half_hour": ((at.hour * 60 + at.minute) // 30).astype("int64"),
            **{name: rows[name].astype("float64") for name in COLUMNS},
            "price_up": rows["class"].isin([1, "1", "UP"]),
        }
    )


def write(rows: pd.DataFrame, folder: Path, *, begin: pd.Timestamp, days: int | None) -> tuple[int, int]:
    """The past as the dataset `market`, the rest as rows to replay; how many rows each has."""
    past = rows[rows["at"] < begin]
    recorded = rows[rows["at"] >= begin]
    if days is not None:
        recorded = recorded[recorded["at"] < begin + pd.Timedelta(days=days)]
    (folder / "market").mkdir(parents=True, exist_ok=True)
    for found, path in ((past, folder / "market" / "past.parquet"), (recorded, folder / "recorded.parquet")):
        duckdb.from_df(found).write_parquet(str(path))
    return len(past), len(recorded)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the electricity data as a past and as rows to replay.")
    parser.add_argument("--begin", type=pd.Timestamp, default=pd.Timestamp("1996-07-01"), help="the first replayed day")
    parser.add_argument("--days", type=int, help="how many days to replay; default: to the end")
    parser.add_argument("--out", type=Path, default=Path("data"), help="the folder to write to")
    given = parser.parse_args()
    source = os.environ.get("ELEC2", "")
    if not source or not Path(source).is_file():
        sys.exit(ABOUT)
    past, recorded = write(read(Path(source)), given.out, begin=given.begin, days=given.days)
    sys.stdout.write(f"{past:,} half-hours before {given.begin:%d %B %Y}, {recorded:,} to replay\n")


if __name__ == "__main__":
    main()
