"""The command `drift`. It works on files in front of the person, so it needs no project and no server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plimsoll.edge.options import Json
from plimsoll.edge.output import finish, paint, reported, say, show_table
from plimsoll.kernel.durations import parse_duration

if TYPE_CHECKING:
    from plimsoll.monitor.comparison import Comparison

_CODES = {"no drift": 0, "drift": 1, "inconclusive": 3}
_COLOURS = {"drift": "red", "no drift": "green", "too few rows": "yellow", "inconclusive": "yellow"}


def drift(
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="The rows to compare with.")],
    current: Annotated[str, typer.Argument(metavar="CURRENT", help="The rows that may have drifted.")],
    columns: Annotated[
        str, typer.Option("--columns", metavar="NAMES", help="Compare these only, separated by commas.")
    ] = "",
    exclude: Annotated[
        str, typer.Option("--exclude", metavar="NAMES", help="Leave these out, separated by commas.")
    ] = "",
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="COLUMN", help="When rows happened: compare hours with hours like them."),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option("--window", metavar="DURATION", help="With --time: judge each window too, and days and weeks."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="COLUMN", help="Whose rows belong together, such as a customer's."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0.0, metavar="PSI", help="The index that is still no drift.")
    ] = 0.1,
    alpha: Annotated[
        float,
        typer.Option(
            "--alpha", min=1e-6, max=0.5, metavar="SHARE", help="How often to find drift where there is none."
        ),
    ] = 0.05,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a report with a chart for each column.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two tables, and say which columns have drifted.

    A table is a CSV or Parquet file, a glob in quotes, or a folder. Exit code 1: drift; 3: too few rows to tell.
    """
    window_s = _window(window, time)
    with reported(as_json=as_json):
        from plimsoll.monitor.common_columns import Selection
        from plimsoll.monitor.comparison import Question, compare

        question = Question(
            reference=reference,
            current=current,
            selection=Selection(columns=_names(columns), exclude=_names(exclude), time=time, group=group),
            window_s=window_s,
            tolerance=tolerance,
            alpha=alpha,
        )
        found = compare(question, root=Path.cwd())
        if html is not None:
            _write(html, found)
    _finish(found, as_json=as_json, html=html)


def _finish(found: Comparison, *, as_json: bool, html: Path | None) -> None:
    from plimsoll.monitor.drift_text import comparison_document

    def show(_: Any) -> None:
        _show(found)
        if html is not None:
            say(f"report: {html}")

    document = comparison_document(found) if as_json else {}
    finish(document, as_json=as_json, show=show, code=_CODES[found.verdict])


def _show(found: Comparison) -> None:
    from plimsoll.monitor.drift_text import HEADINGS, compared_told, headline, reasons, spans_told, table_rows

    for line in compared_told(found):
        say(line)
    say()
    rows = [(*row[:3], paint(row[3], _COLOURS[row[3]]), *row[4:]) for row in table_rows(found)]
    show_table(HEADINGS, rows)
    say()
    say(paint(headline(found), _COLOURS[found.verdict]))
    for line in (*reasons(found), *spans_told(found)):
        say(f"  {line}")


def _write(path: Path, found: Comparison) -> None:
    from plimsoll.monitor.drift_errors import ReportUnwritable
    from plimsoll.monitor.drift_page import comparison_html

    try:
        path.write_text(comparison_html(found), encoding="utf-8")
    except OSError as error:
        raise ReportUnwritable(path=str(path), problem=(error.strerror or str(error)).lower()) from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _window(text: str | None, time: str | None) -> float | None:
    if text is None:
        return None
    if time is None:
        raise typer.BadParameter("it needs --time, the column that says when rows happened", param_hint="--window")
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--window") from error
    if seconds < 1:
        raise typer.BadParameter("a window lasts at least a second", param_hint="--window")
    return seconds
