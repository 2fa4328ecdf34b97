"""A fingerprint changes when what a step does may change, and stays when only its looks do."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from plimsoll.project.code import fingerprint, reached, read_code

STEPS = '''\
"""The steps."""
import math
import warnings

import tools.text as text
from features import scale

warnings.filterwarnings("ignore")

LIMIT = 10
WORDS = ["a"]
UNUSED = 1


class Table:
    """A table."""

    size = LIMIT

    def rows(self):
        return scale(self.size)


def deco(function):
    return function


def _fit(rows, table=Table):
    # a comment
    return math.sqrt(rows) + table().rows()


@deco
def train(rows, rounds=3):
    """Train it."""
    return _fit(rows) + text.clean(rounds) + len(WORDS)


def other(rows):
    return rows
'''
FEATURES = "from constants import *\n\n\ndef scale(x):\n    return x * FACTOR\n\n\ndef unrelated(x):\n    return x\n"
FILES = {
    "steps.py": STEPS,
    "features.py": FEATURES,
    "constants.py": "FACTOR = 2\n",
    "tools/__init__.py": "",
    "tools/text.py": "import re\n\n\ndef clean(x):\n    from tools import lazy\n\n    return lazy.trim(x)\n",
    "tools/lazy.py": "def trim(x):\n    return x\n",
    "tools/unused.py": "X = 1\n",
}


def print_of(folder: Path, *changes: tuple[str, str, str], function: str = "train") -> str:
    files = dict(FILES)
    for file, before, after in changes:
        assert before in files[file]
        files[file] = files[file].replace(before, after, 1)
    root = folder / f"project-{random.random()}"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return fingerprint(read_code(root, "steps.py"), function)


@pytest.mark.parametrize(
    "change",
    [
        ("steps.py", "    # a comment\n", ""),
        ("steps.py", '    """Train it."""\n', ""),
        ("steps.py", '    """A table."""\n', '    """Another text."""\n'),
        ("steps.py", '"""The steps."""\n', ""),
        ("steps.py", "_fit(rows) + text", "(\n        _fit(rows)\n    ) + text"),
        ("steps.py", "UNUSED = 1\n", ""),
        ("steps.py", "    return rows\n", "    return rows + 1\n"),
        ("steps.py", "def other(rows):", "def another(rows, more):"),
        ("steps.py", "import math\n", "import json\nimport math\n"),
        ("features.py", "    return x\n", "    return -x\n"),
        ("tools/unused.py", "X = 1", "X = 2"),
        ("steps.py", "def other", "if __name__ == '__main__':\n    print(train(1))\n\n\ndef other"),
    ],
    ids=str,
)
def test_looks_and_unreached_code_do_not_count(change: tuple[str, str, str], tmp_path: Path):
    assert print_of(tmp_path, change) == print_of(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        ("steps.py", "len(WORDS)", "2 * len(WORDS)"),
        ("steps.py", "rounds=3", "rounds=4"),
        ("steps.py", "@deco\n", ""),
        ("steps.py", "    return function", "    return print"),
        ("steps.py", "LIMIT = 10", "LIMIT = 11"),
        ("steps.py", 'WORDS = ["a"]', 'WORDS = ["a"]\nWORDS.append("b")'),
        ("steps.py", 'WORDS = ["a"]', 'WORDS = ["a"]\nfor word in "bc":\n    WORDS.append(word)'),
        ("steps.py", 'WORDS = ["a"]', 'WORDS = ["a"]\nWORDS[0] = "b"'),
        ("steps.py", 'WORDS = ["a"]', 'if LIMIT:\n    WORDS = ["a"]\nelse:\n    WORDS = []'),
        ("steps.py", "import math", "import cmath as math"),
        ("steps.py", 'filterwarnings("ignore")', 'filterwarnings("error")'),
        ("steps.py", "scale(self.size)", "scale(self.size) + 1"),
        ("steps.py", "table=Table", "table=object"),
        ("features.py", "x * FACTOR", "x / FACTOR"),
        ("features.py", "def scale(x):", "def scale(x: 'int'):"),
        ("constants.py", "FACTOR = 2", "FACTOR = 3"),
        ("constants.py", "FACTOR = 2", "FACTOR = 2\nprint('effect')"),
        ("tools/text.py", "import re", "import re\n\nre.purge()"),
        ("tools/__init__.py", "", "import os\n\nos.environ['A'] = '1'\n"),
        ("tools/text.py", "lazy.trim(x)", "lazy.trim(x) + 1"),
        ("tools/lazy.py", "    return x", "    return x + 1"),
    ],
    ids=str,
)
def test_everything_that_the_step_reaches_counts(change: tuple[str, str, str], tmp_path: Path):
    assert print_of(tmp_path, change) != print_of(tmp_path)


def test_steps_have_fingerprints_of_their_own(tmp_path: Path):
    assert print_of(tmp_path) != print_of(tmp_path, function="other")


def test_a_fingerprint_follows_a_module_that_is_handed_on(tmp_path: Path):
    handed = ("steps.py", "text.clean(rounds)", "getattr(text, 'clean')(rounds)")

    changed = ("tools/text.py", "lazy.trim(x)", "lazy.trim(x) + 1")
    assert print_of(tmp_path, handed, changed) != print_of(tmp_path, handed)


def test_modules_that_import_each_other_have_a_fingerprint(tmp_path: Path):
    for name, text in {
        "steps.py": "from b import *\nimport a\n\n\ndef train(x):\n    return use(a) + two(x)\n",
        "a.py": "from b import *\n\n\ndef one(x):\n    return two(x)\n",
        "b.py": "from a import *\n\n\ndef two(x):\n    return one(x)\n",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    assert len(fingerprint(read_code(tmp_path, "steps.py"), "train")) == 64


def test_a_package_step_is_followed_into_its_module(tmp_path: Path):
    (tmp_path / "flow").mkdir()
    (tmp_path / "flow" / "__init__.py").write_text("from .train import train\n", encoding="utf-8")
    prints = []
    for factor in (1, 2):
        text = f"from . import settings\n\n\ndef train(x):\n    return x * {factor} * settings.A\n"
        (tmp_path / "flow" / "train.py").write_text(text, encoding="utf-8")
        for value in (1, 2):
            (tmp_path / "flow" / "settings.py").write_text(f"A = {value}\n", encoding="utf-8")
            prints.append(fingerprint(read_code(tmp_path, "flow"), "train"))

    assert len(set(prints)) == 4


def test_the_parts_of_a_fingerprint_name_what_changed(tmp_path: Path):
    for name, text in {
        "steps.py": "from tools import *\n\n\ndef train(x):\n    return clean(x) * A\n",
        "tools.py": "",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    before, after = "A = 1\n\n\ndef clean(x):\n    return x\n", "A = 2\n\n\ndef clean(x):\n    return x\n"
    parts = []
    for text in (before, after):
        (tmp_path / "tools.py").write_text(text, encoding="utf-8")
        parts.append(reached(read_code(tmp_path, "steps.py"), "train"))

    assert sorted(parts[0]) == ["steps.train", "tools.A", "tools.clean"]
    assert [name for name in parts[0] if parts[0][name] != parts[1][name]] == ["tools.A"]
