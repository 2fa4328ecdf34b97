"""Reading step functions from source, and which files belong to a snapshot."""

from __future__ import annotations

import sys

from tests.project.conftest import WriteProject

from plimsoll.project.code import Function, project_files, read_code


def test_public_functions_are_steps_with_their_parameters(write_project: WriteProject):
    root = write_project(
        {
            "steps.py": "import os\nfrom tools import clean\n\n\ndef train(rows, *, rounds=3):\n    return _fit(rows)\n\n\n"
            "def _fit(rows):\n    return rows\n\n\nclass Table:\n    def read(self):\n        return 1\n",
            "tools.py": "def clean(rows):\n    return rows\n",
        }
    )

    code = read_code(root, "steps.py")

    assert code.functions == {
        "train": Function(
            name="train", parameters=("rows", "rounds"), defaulted=frozenset({"rounds"}), line=5, file="steps.py"
        )
    }
    assert (code.module, code.import_roots) == ("steps", (root,))


def test_a_package_offers_the_functions_of_its_own_modules_that_it_imports(write_project: WriteProject):
    root = write_project(
        {
            "src/pipeline/__init__.py": "from .features import encode, _hidden\nfrom .train import *\nfrom tools import clean\n"
            "from .features import encode as recode\n\n\ndef split(rows):\n    return rows\n",
            "src/pipeline/features.py": "def encode(rows, seed=1):\n    return rows\n\n\ndef _hidden(rows):\n    return rows\n",
            "src/pipeline/train.py": "from .fit import fit\n\n\ndef train(rows):\n    return fit(rows)\n",
            "src/pipeline/fit.py": "def fit(rows):\n    return rows\n",
            "tools.py": "def clean(rows):\n    return rows\n",
        }
    )

    code = read_code(root, "src/pipeline")

    assert {name: function.file for name, function in code.functions.items()} == {
        "encode": "src/pipeline/features.py",
        "fit": "src/pipeline/fit.py",
        "train": "src/pipeline/train.py",
        "recode": "src/pipeline/features.py",
        "split": "src/pipeline/__init__.py",
    }
    assert (code.module, code.import_roots) == ("pipeline", (root / "src", root))


def test_modules_that_import_each_other_are_read_once(write_project: WriteProject):
    root = write_project(
        {
            "flow/__init__.py": "from .a import *\nfrom .b import *\n",
            "flow/a.py": "from . import b\nfrom .b import *\n\n\ndef one(x):\n    return x\n",
            "flow/b.py": "from . import a\nfrom .a import *\n\n\ndef two(x):\n    return x\n",
        }
    )

    assert set(read_code(root, "flow").functions) == {"one", "two"}


def test_code_is_never_run(write_project: WriteProject):
    code = "raise SystemExit('imported')\n\n\ndef train(rows):\n    return rows\n"
    root = write_project({"never_imported.py": code})

    assert list(read_code(root, "never_imported.py").functions) == ["train"]
    assert "never_imported" not in sys.modules


def test_a_source_with_odd_escapes_is_read_without_a_warning(write_project: WriteProject):
    root = write_project({"steps.py": "PATTERN = '\\d'\n\n\ndef train(rows):\n    return rows\n"})

    assert list(read_code(root, "steps.py").functions) == ["train"]


def test_a_snapshot_holds_what_the_entry_reaches_and_packages_whole(write_project: WriteProject):
    root = write_project(
        {
            "steps.py": "import pandas\nimport tools\n\n\ndef train(rows):\n    from words import stop\n\n    return stop.LIST\n",
            "tools.py": "",
            "unused.py": "",
            "words/__init__.py": "",
            "words/stop.py": "LIST = []\n",
            "words/go.py": "",
            "words/__pycache__/stop.py": "",
            "test_steps.py": "import steps\n",
        }
    )
    (root / "words" / "stop.txt").write_text("and\n", encoding="utf-8")

    files = [path.relative_to(root).as_posix() for path in project_files(root, "steps.py")]

    assert files == ["steps.py", "tools.py", "words/__init__.py", "words/go.py", "words/stop.py", "words/stop.txt"]


def test_a_folder_without_an_init_is_imported_from_as_python_does(write_project: WriteProject):
    root = write_project(
        {
            "steps.py": "from shared import text\n\n\ndef train(rows):\n    return text.clean(rows)\n",
            "shared/text.py": "def clean(rows):\n    return rows\n",
        }
    )

    files = [path.relative_to(root).as_posix() for path in project_files(root, "steps.py")]

    assert files == ["shared/text.py", "steps.py"]
