"""Texts that are not YAML or not text at all: what the parser meant, in words for the person who wrote the file."""

from __future__ import annotations

import re

import yaml

from plimsoll.project.problems import Problem

_MEANINGS: tuple[tuple[str, str, str], ...] = (
    (r"found character '\\t'", "a tab", "spaces; YAML does not allow tabs for indentation"),
    (
        r"mapping values are not allowed here",
        "a second colon on this line, or a line indented further than the one before",
        "`name: value` with names of one mapping in one column; quote a text that holds `: `",
    ),
    (r"could not find expected ':'", "a name without a colon", "`name: value`, with a space after the colon"),
    (
        r"expected <block end>, but found '-'",
        "a list item that is indented unlike the others",
        "the dashes of one list in one column",
    ),
    (
        r"expected <block end>, but found",
        "a line that is indented unlike the ones around it",
        "the names of one mapping in one column",
    ),
    (
        r"expected ',' or '([\]}])', but got",
        "a list or mapping in brackets that is not closed, or lacks a comma",
        "a comma between items and a closing {0}",
    ),
    (r"found unexpected end of stream", "a quote that is never closed", "a closing quote"),
    (
        r"found undefined alias '?([^']*)'?",
        "*{0}, which no &{0} defines",
        "an anchor defined further up, or the text in quotes",
    ),
    (r"found character '([@`%])' that cannot start", "a text that starts with {0}", "it in quotes"),
    (r"expected a single document", "a second `---`", "one document in the file"),
    (r"unacceptable character|special characters are not allowed", "a control character", "plain text"),
    (r"while scanning a directive|expected '<document start>'", "a text outside of any setting", "`name: value`"),
    (r"found unknown escape character '?(.)'?", "\\{0} within double quotes", "\\\\{0}, or single quotes"),
)


def explain_syntax(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """A YAML error as a problem with its line and a marker under the column."""
    message = " ".join(
        str(part) for part in (getattr(error, "problem", None), getattr(error, "reason", None)) if part
    ) or str(error)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        position = getattr(error, "position", 0)
        line, column = text.count("\n", 0, position), position - (text.rfind("\n", 0, position) + 1)
    else:
        line, column = mark.line, mark.column
    lines = text.splitlines()
    if line >= len(lines) or not lines[line].strip():
        line, column = _last_written(lines, line)
    found, expected = _meaning(message)
    return Problem(
        file=file,
        line=line + 1,
        where="not valid YAML",
        found=found,
        expected=expected,
        source=marked(lines[line] if lines else "", column),
    )


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
    """A source line with a marker under one column; indentation is shortened, tabs are shown."""
    shown = line.replace("\t", "→")
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
