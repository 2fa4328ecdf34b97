"""A failure as the error that people see: what happened, the traceback, the end of what the step printed."""

from __future__ import annotations

from pathlib import Path

from plimsoll.kernel.errors import PlimsollError
from plimsoll.pipeline.engine import Failure
from plimsoll.pipeline.errors import CodeNotImportable, StepFailed

_LOG_LINES = 20
_LOG_BYTES = 16_384


def error_of(failure: Failure, *, entry: str, run: str, import_log: Path) -> PlimsollError:
    """The error to raise. entry: the project's `code` setting; import_log: what importing it printed."""
    if failure.error is not None:
        return failure.error
    trace = f"\n{failure.trouble.trace}" if failure.trouble.trace else ""
    if failure.log is None:
        return CodeNotImportable(
            source=entry, problem=failure.trouble.problem, trace=trace, log=str(import_log), run=run
        )
    tail = "\n".join(f"  | {line}" for line in _last_lines(failure.log))
    return StepFailed(
        step=failure.step,
        problem=failure.trouble.problem,
        trace=trace,
        printed=f"\nIt printed last:\n{tail}" if tail else "",
        log=str(failure.log),
        run=run,
    )


def _last_lines(log: Path) -> list[str]:
    """The end of a step's log; empty when it printed nothing."""
    if not log.is_file():
        return []
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _LOG_BYTES))
        return stream.read().decode(errors="replace").splitlines()[-_LOG_LINES:]
