"""Where the `plimsoll` command begins: it imports what was asked for, and nothing else."""

from __future__ import annotations

import gc
import sys

from plimsoll.kernel.collector import collector_at_rest


def main() -> None:
    """Run the command line. Ends the process with its exit code."""
    with collector_at_rest():
        from plimsoll.cli import main as cli
    try:
        cli.main()
    finally:
        _leave_quickly()


def _leave_quickly() -> None:
    """Spare the interpreter its last collection, which would visit everything once more, for nothing.

    DuckDB needs it: without, its bindings print all that they hold as leaked.
    """
    if "duckdb" in sys.modules:
        gc.unfreeze()
    else:
        gc.freeze()
