"""Runs a page's blocks in their order and holds what they print against what the page shows below them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_VARIES = (
    (r"run-[0-9a-z…]+", "RUN"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b", "TIME"),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,64}\b", "DIGEST"),
    (r"\b\d+ [KM]iB\b", "SIZE"),
    (r"\b(done|cached|failed) +\d+\.\d+\b", r"\1 SECONDS"),
    (r"(TIME) +\d+\.\d+\b", r"\1 SECONDS"),
    (r" +", " "),
)


@dataclass(frozen=True)
class Block:
    """A block of a page, and what the page shows below it; None where it shows nothing."""

    kind: str
    text: str
    shown: str | None


def blocks(page: Path) -> Iterator[Block]:
    """The blocks that are run; a `text` block belongs to the one before it."""
    found = [(match[1], match[2]) for match in _BLOCK.finditer(page.read_text())]
    for place, (kind, text) in enumerate(found):
        if kind != "text":
            after = found[place + 1] if place + 1 < len(found) else ("", "")
            yield Block(kind, text, after[1] if after[0] == "text" else None)


def commands_in(text: str) -> list[tuple[str, int]]:
    """The commands of a console block, each with the exit code that a following `# exit N` announces."""
    found = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, announced, code = part.partition("# exit ")
        found.append((command.rstrip("\n"), int(code) if announced else 0))
    return found


def missing(shown: str, printed: str) -> list[str]:
    """Lines that a page shows and that were not printed, in this order; `…` stands for any lines or any rest of one."""
    rest = [_plain(line) for line in printed.splitlines()]
    lost = []
    for line in map(_plain, shown.splitlines()):
        if line in {"", "…"}:
            continue
        start = line.removesuffix("…").rstrip() if line.endswith(" …") else None
        place = next(
            (at for at, said in enumerate(rest) if said == line or (start is not None and said.startswith(start))), None
        )
        if place is None:
            lost.append(line)
        else:
            rest = rest[place + 1 :]
    return lost


def clean_environment(home: Path) -> dict[str, str]:
    """Without settings of Plimsoll's, with its command on the PATH, and git's person Ada."""
    home.mkdir(exist_ok=True)
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PLIMSOLL_", "GIT_"))}
    clean["GIT_CONFIG_GLOBAL"] = str(home / ".gitconfig")
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    clean["COLUMNS"] = "100"  # as wide as the pages
    return clean


def _plain(line: str) -> str:
    for pattern, name in _VARIES:
        line = re.sub(pattern, name, line)
    return line.strip()
