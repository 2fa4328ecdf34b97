"""Counts a release's shipped rows by window and role, on the bins of its reference. Reads Parquet through DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from plimsoll.data.binning import counts_of
from plimsoll.data.engine import engine, path_list
from plimsoll.data.entities import ColumnProfile, Profile
from plimsoll.kernel.clock import to_text
from plimsoll.monitor.entities import Window


def measure(
    files: Sequence[Path], digest: str, profile: Profile, *, begin: datetime, end: datetime, window_s: float
) -> tuple[Window, ...]:
    """The windows between two moments in which the release answered anything, oldest first."""
    if not files:
        return ()
    found: list[Window] = []
    with engine() as connection:
        connection.execute(
            f"""
            CREATE TEMP TABLE captured AS
            SELECT * FROM read_parquet({path_list(list(files))}, union_by_name = true) WHERE _at >= $begin AND _at < $end
            """,
            {"begin": begin.replace(tzinfo=None), "end": end.replace(tzinfo=None)},
        )
        known = {str(name) for name, *_ in connection.execute("DESCRIBE captured").fetchall()}
        columns = _known(profile, known)
        roles = connection.execute("SELECT DISTINCT _role FROM captured ORDER BY _role").fetchall()
        for (role,) in roles:
            connection.execute(
                "CREATE OR REPLACE TEMP TABLE asked AS SELECT * FROM captured WHERE _role = $role", {"role": role}
            )
            failures = connection.execute(
                f"SELECT time_bucket(to_microseconds({round(window_s * 1e6)}), _at, TIMESTAMP '1970-01-01') AS begin, "
                "count(*) FROM asked WHERE _status <> 200 GROUP BY 1"
            ).fetchall()
            failed = {to_text(at.replace(tzinfo=begin.tzinfo)): rows for at, rows in failures}
            counted = counts_of(
                connection, "asked", columns=columns, phase=profile.phase, moment="_at", window_s=window_s
            )
            for counts in counted:
                assert counts.begin is not None, "captured rows have a moment"
                at = to_text(counts.begin)
                window_end = to_text(counts.begin + timedelta(seconds=window_s))
                found.append(
                    Window(digest=digest, role=role, begin=at, end=window_end, failed=failed.get(at, 0), counts=counts)
                )
    return tuple(sorted(found, key=lambda window: (window.begin, window.role)))


def _known(profile: Profile, captured: set[str]) -> tuple[ColumnProfile, ...]:
    """The columns that both have; a context column that nobody sends is in no file."""
    return tuple(column for column in profile.columns if column.name in captured)
