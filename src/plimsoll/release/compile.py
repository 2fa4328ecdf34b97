"""A release's compiled form: ONNX, which the door answers with itself; kept only when it is the same model.

What is heavy happens in a process of its own (`compile_process.py`), so the caller imports and risks nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from plimsoll.release.compile_process import MODEL, PAGE, RESULT

_TIMEOUT_S = 900.0
_TAIL = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """What came of compiling a scorer, with the figures that decided."""

    faithful: bool
    """Whether the compiled form is kept: it decides every holdout row as the original does, within tolerance."""
    because: str
    """One sentence for people: how it compares, or why there is none."""
    rows: int = 0
    """Holdout rows compared."""
    harder_rows: int = 0
    """Further rows compared, with nulls and unseen texts put in."""
    max_difference: float | None = None
    flips: int = 0
    ties: int = 0
    """Rows decided otherwise at a tie; they do not count against it."""
    original_us: float | None = None
    """Median microseconds for one row, by the scorer."""
    compiled_us: float | None = None
    """Median microseconds for one row, by onnxruntime on one thread."""


def compile_scorer(scorer: Path, holdout: Path, into: Path, *, timeout_s: float = _TIMEOUT_S) -> Compilation:
    """Compile the scorer in a folder and compare both on a Parquet file of holdout rows.

    `into` is created, with model.onnx and compiled.json, only when the compiled form is faithful. A model that cannot
    be compiled is a result, not an error: a worker process serves it.
    """
    with tempfile.TemporaryDirectory(prefix="plimsoll-compile-") as scratch:
        out = Path(scratch)
        command = [sys.executable, "-P", "-m", "plimsoll.release.compile_process", str(scorer), str(holdout), str(out)]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, "OMP_NUM_THREADS": "1"},  # threads that wait for each other cost more than they give
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Compilation(faithful=False, because=f"not compiled: it took longer than {timeout_s:g} s")
        if done.returncode != 0 or not (out / RESULT).exists():
            return Compilation(faithful=False, because=f"not compiled: {_death(done.returncode, done.stderr)}")
        result = Compilation(**json.loads((out / RESULT).read_bytes()))
        if result.faithful:
            into.mkdir(parents=True, exist_ok=True)
            for name in (MODEL, PAGE):
                shutil.copyfile(out / name, into / name)
        return result


def _death(code: int, output: bytes) -> str:
    last = output.decode(errors="replace").strip().rpartition("\n")[2][-_TAIL:]
    how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    return f"the compiling process {how}" + (f" ({last})" if last else "")
