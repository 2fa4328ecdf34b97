"""The tutorial's chapters on data, the pipeline and notebooks: every command and cell, and what it is shown to print."""

from __future__ import annotations

import inspect
import re
import subprocess
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.docs.pages import Block, blocks, clean_environment, commands_in, missing
from tests.notebook.kernels import Session, kernel, told

import plimsoll

pytestmark = [pytest.mark.story, pytest.mark.timeout(300)]
DOCS = REPOSITORY / "docs"


@pytest.mark.parametrize("chapter", ["data", "pipeline"])
def test_a_chapter_prints_what_it_shows(chapter: str, tmp_path: Path):
    environment = clean_environment(tmp_path / "home")
    folder = tmp_path
    ran = 0
    for block in blocks(DOCS / f"tutorial-{chapter}.md"):
        if block.kind == "python":
            write(folder, block)
            continue
        printed, folder, count = run(block, folder, environment)
        ran += count
        assert missing(block.shown or "", printed) == [], printed
    assert ran > 12


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_chapter_on_notebooks_answers_what_it_shows(tmp_path: Path):
    environment = clean_environment(tmp_path / "home")
    first, *cells = blocks(DOCS / "tutorial-notebooks.md")
    _, folder, _ = run(first, tmp_path, environment)
    manager, options = kernel(folder, **environment)
    manager.start_kernel(**options)
    session = Session(manager)
    try:
        for cell in cells:
            assert cell.kind == "python"
            answer = told(session.result(session.begin(cell.text)))
            assert cell.shown is not None
            assert missing(cell.shown, answer) == [], f"{cell.text}\n{answer}"
    finally:
        session.end()
    assert len(cells) > 10


def test_the_page_on_notebooks_names_each_call_with_its_arguments():
    text = (DOCS / "notebooks.md").read_text()

    told_of = dict(re.findall(r"`plimsoll\.(\w+)\(([^)]*)\)`", text.partition("\n## ")[0]))

    assert {"run", "find_run", "runs", "output", "compare", "load", "releases", "versions"} == {*told_of}
    for name, arguments in told_of.items():
        plain = [
            f"{'*' * (one.kind is one.VAR_POSITIONAL)}{one.name}"
            + ("" if one.default is one.empty else "=" + repr(one.default).replace("'", '"'))
            for one in inspect.signature(getattr(plimsoll, name)).parameters.values()
        ]
        assert arguments == ", ".join(plain)


def test_lines_that_were_not_printed_are_found():
    assert missing("a  1\n…\nb …\n", "a 1\nx\nb and more\n") == []
    assert missing("run-1 done 0.1\nb\n", "b\nrun-2 done  2.5\n") == ["b"]


def run(block: Block, folder: Path, environment: dict[str, str]) -> tuple[str, Path, int]:
    """Run a console block's commands in one shell; what the last printed, the folder where it ended, how many."""
    listed = commands_in(block.text)
    script, printed = "", ""
    for command, code in listed:
        script = (
            f"{command}\ncode=$?\npwd > '{folder.as_posix()}/.where'\nexit $code"
            if command.startswith("cd ")
            else command
        )
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        printed = done.stdout + done.stderr
        assert done.returncode == code, f"{command}\n{printed}"
        if command.startswith("cd "):
            folder = Path((folder / ".where").read_text().strip())
        name, equals, _ = command.partition("=$(")
        if equals and name.isidentifier():
            environment[name] = subprocess.run(
                ["bash", "-c", f'{command}; printf %s "${name}"'],
                cwd=folder, env=environment, capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
    return printed, folder, len(listed)


def write(folder: Path, block: Block) -> None:
    """A python block into the file that its first line names."""
    first, _, rest = block.text.partition("\n")
    if first.startswith("# append to "):
        with (folder / first.removeprefix("# append to ")).open("a") as file:
            file.write(f"\n\n{rest}")
    else:
        (folder / first.removeprefix("# ")).write_text(rest)
