"""Where the `plimsoll` command begins: it imports what was asked for, and nothing else."""

from __future__ import annotations

from plimsoll.kernel.collector import collector_at_rest, leave_quickly


def main() -> None:
    """Run the command line. Ends the process with its exit code."""
    with collector_at_rest():
        from plimsoll.cli import main as cli
    try:
        cli.main()
    finally:
        leave_quickly()
