"""DuckDB as this room uses it: in memory, with capped threads and memory, and never a download.

Remote files and databases are no business of the engine: what it reads lies in the artifacts.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_MOST_THREADS = 8
_MOST_MEMORY_MIB = 8192


@contextmanager
def engine(*, memory_mib: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own for one piece of work; what does not fit in memory spills to a folder that is removed.

    memory_mib: how much of it to use at most; without it half of the machine's, up to 8 GiB. Moments without a zone are UTC. Read every result to its end before the next statement.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="plimsoll-duckdb-", ignore_cleanup_errors=True) as spill:
        connection = duckdb.connect(
            config={
                "threads": min(_MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2),
                "memory_limit": f"{min(memory_mib or _MOST_MEMORY_MIB, _memory_mib())}MiB",
                "temp_directory": spill,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        try:
            connection.execute("SET TimeZone = 'UTC'")
            # In a notebook without ipywidgets there is no bar, and DuckDB refuses to hear of one.
            with suppress(duckdb.InvalidInputException):
                connection.execute("SET enable_progress_bar = false")
            yield connection
        finally:
            connection.close()


def text_literal(text: str) -> str:
    """The text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def name_literal(name: str) -> str:
    """The name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def path_list(paths: list[Path]) -> str:
    """Paths as an SQL list; what DuckDB would take for a pattern is escaped."""
    return "[" + ", ".join(text_literal(_no_pattern(str(path))) for path in paths) + "]"


def _no_pattern(path: str) -> str:
    for character in "[*?":
        path = path.replace(character, f"\0{character}")
    return path.replace("\0[", "[[]").replace("\0*", "[*]").replace("\0?", "[?]")


def _memory_mib() -> int:
    """Half of the machine's memory, at most 8 GiB."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    except (AttributeError, OSError, ValueError):
        total = 2048
    return max(256, min(total // 2, _MOST_MEMORY_MIB))
