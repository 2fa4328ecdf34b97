"""Texts that are not YAML or not text at all: what the parser meant, in words for the person who wrote the file."""

from __future__ import annotations

import re

import yaml

from plimsoll.project.problems import Problem

_MEANINGS: tuple[tuple[str, str, str], ...] = (
    (r"found character '\\t'", "a tab", "spaces; YAML does not allow tabs for indentation"),
    (r"could not find expected ':'", "a name without a colon", "`name: value`, with a space after the colon"),
    (
        r"expected <block end>, but found '-'",
        "a list item that is indented unlike the others",
        "the dashes of one list in one column",
    ),
    (
        r"expected <block end>, but found",
        "a line that is indented unlike the ones around it",
        "the names of one mapping, or the dashes of one list, in one column",
    ),
    (
        r"expected ',' or '([\]}])', but got",
        "a list or mapping in brackets that is not closed, or lacks a comma",
        "a comma between items and a closing {0}",
    ),
    (r"found unexpected end of stream", "a quote that is never closed", "a closing quote"),
    (
        r"undefined alias '?([^']*)'?",
        "*{0}, which no &{0} defines",
        "an anchor defined further up, or the text in quotes",
    ),
    (r"scanning an alias", "a text that starts with *", "it in quotes"),
    (r"scanning an anchor", "a text that starts with &", "it in quotes"),
    (r"found character '(.)' that cannot start", "a text that starts with {0}", "it in quotes"),
    (r"expected a single document", "a second document after `---`", "one document in the file"),
    (r"unacceptable character|special characters are not allowed", "a control character", "plain text"),
    (r"scanning a directive|expected '<document start>'", "a text outside of any setting", "`name: value`"),
    (r"unknown escape character '?([^'])'?", "\\{0} within double quotes", "\\\\{0}, or single quotes"),
)
_BLAME_THE_START = re.compile(r"could not find expected ':'|unexpected end of stream")
"""Errors that the parser sees long after the place where the mistake is: it remembers that place as their context."""


def explain_syntax(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """A YAML error as a problem with its line and a marker under the column."""
    parts = (getattr(error, name, None) for name in ("context", "problem", "reason"))
    message = ": ".join(str(part) for part in parts if part) or str(error)
    lines = text.splitlines()
    line, column = _position(error, message, text)
    if line >= len(lines) or not lines[line].strip():
        line, column = _last_written(lines, line)
    if "mapping values are not allowed" in message:
        line, column, found, expected = _misplaced_colon(lines, line, column)
    else:
        found, expected = _meaning(message)
    return Problem(
        file=file,
        line=line + 1,
        where="not valid YAML",
        found=found,
        expected=expected,
        source=marked(lines[line] if lines else "", column),
    )


def _position(error: yaml.YAMLError, message: str, text: str) -> tuple[int, int]:
    """Line and column, counted from 0, of the mistake rather than of the parser's surprise."""
    mark, start = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if start and (mark is None or _BLAME_THE_START.search(message)):
        mark = start
    if mark:
        return mark.line, mark.column
    position = getattr(error, "position", 0)
    return text.count("\n", 0, position), position - (text.rfind("\n", 0, position) + 1)


def _misplaced_colon(lines: list[str], line: int, column: int) -> tuple[int, int, str, str]:
    """What a colon that YAML did not expect means, and where: a text with a colon, or the line before is to blame."""
    name = lines[line][:column].strip()
    if ":" in name:
        return line, column, "a second colon on this line", "one `name: value` a line; quote a text that holds `: `"
    before, end = _last_written(lines, line - 1)
    if line and ":" not in lines[before]:
        return before, end, "a name without a colon", "`name: value`, with a space after the colon"
    return line, column, "a line that is indented further than the one before", "the names of one mapping in one column"


def decode(content: bytes, file: str) -> str | Problem:
    """The text of a file, or what is wrong with its encoding."""
    for mark, name in ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")):
        if content.startswith(mark):
            return Problem(file=file, line=1, found=f"a file saved as {name}", expected="UTF-8; save it again as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{content[error.start]:02x}, which is not UTF-8"
        return Problem(file=file, line=line, found=found, expected="UTF-8; save the file again as UTF-8")


def marked(line: str, column: int) -> str:
    """A source line with a marker under one column; indentation is shortened, tabs and the unprintable are shown."""
    shown = "".join(letter if letter.isprintable() else "→" if letter == "\t" else "�" for letter in line)
    indent = len(shown) - len(shown.lstrip(" "))
    column = max(column - indent, 0)
    return f"{shown.strip(' ')}\n{' ' * column}^"


def _last_written(lines: list[str], line: int) -> tuple[int, int]:
    """Where the file's text ends: for errors that the parser sees only after it."""
    for number in range(min(line, len(lines) - 1), -1, -1):
        if lines[number].strip():
            return number, len(lines[number].rstrip())
    return 0, 0


def _meaning(message: str) -> tuple[str, str]:
    for pattern, found, expected in _MEANINGS:
        match = re.search(pattern, message)
        if match:
            return found.format(*match.groups()), expected.format(*match.groups())
    return message, "valid YAML"
