"""The model card: what a release is, for people, in Markdown. Pure text from what is already known."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.gates.entities import CheckResult, Verdict
from plimsoll.pipeline.entities import Run
from plimsoll.project.entities import Model


def model_card(*, name: str, model: Model, run: Run, verdict: Verdict, authors: tuple[str, ...]) -> str:
    """The card as Markdown: purpose, origin, data, how it was judged, where it is weak."""
    origin = [
        ("Task", model.task.replace("_", " ")),
        ("Predicts", f"`{model.label}`"),
        ("Authors", ", ".join(authors)),
        ("Run", f"`{run.id}`"),
        *((("Because", run.because),) if run.because else ()),
        ("Commit", f"`{run.commit}`" if run.commit else "none"),
        ("Uncommitted files", ", ".join(f"`{path}`" for path in run.dirty) or "none"),
        *((f"Data `{dataset}`", f"`{digest}`") for dataset, digest in sorted(run.data.items())),
        *((f"Parameter `{key}`", f"`{value}`") for key, value in sorted(run.params.items())),
    ]
    overall = [check for check in verdict.checks if check.slice is None]
    sliced = [check for check in verdict.checks if check.slice is not None]
    parts = [
        f"# {name}",
        _table(("", ""), origin),
        f"## Verdict: {verdict.finding}\n\nJudged on {verdict.rows:,} holdout rows at {verdict.decided_at}.",
        _table(("rule", "finding", "why"), [_row(check) for check in overall]),
    ]
    if sliced:
        parts += ["## By slice", _table(("slice", "finding", "why"), [_slice_row(check) for check in sliced])]
    return "\n\n".join(parts) + "\n"


def _row(check: CheckResult) -> tuple[str, str, str]:
    return (check.rule, str(check.finding), check.because)


def _slice_row(check: CheckResult) -> tuple[str, str, str]:
    return (f"`{check.slice}`", str(check.finding), check.because)


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
