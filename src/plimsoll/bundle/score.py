"""Scoring in a process of its own, so that two scorers' modules, and what their code does to a process, never meet.

`python -m plimsoll.bundle.score SCORER ROWS.parquet OUT` writes OUT/scores.npz, or OUT/error.json and exits with 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.bundle import errors
from plimsoll.kernel.errors import PlimsollError

if TYPE_CHECKING:
    import pandas as pd

    from plimsoll.bundle.scores import Scores

_ERRORS: dict[str, type[PlimsollError]] = {
    kind.code: kind
    for kind in (errors.BadRows, errors.BadModel, errors.BadTransform, errors.TransformNotRowWise, errors.ScoringFailed)
}
_TAIL = 2000


def score_rows(scorer: Path, rows: Path, *, python: str = sys.executable) -> Scores:
    """Score a Parquet file of raw rows with the scorer in a folder, in a process of its own; the rows' order is kept.

    python: the interpreter of the scorer's own runtime, where that is another than this process's.
    Raises what `Scorer.score` raises, and ScoringFailed with the end of the output when the process died.
    """
    from plimsoll.bundle.scores import load_scores

    with tempfile.TemporaryDirectory(prefix="plimsoll-score-") as scratch:
        out = Path(scratch)
        # -P: the current folder is not on the search path, so what the scorer lacks is not found there by accident.
        command = [python, "-P", "-m", "plimsoll.bundle.score", str(scorer), str(rows), str(out)]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        if done.returncode != 0:
            raise _error(out / "error.json", done.returncode, done.stderr)
        return load_scores(out / "scores.npz")


def read_parquet(path: Path) -> pd.DataFrame:
    """A Parquet file as a frame, rows in the file's order."""
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        return connection.execute("SELECT * FROM read_parquet($path)", {"path": str(path)}).df()


def _error(place: Path, code: int, output: bytes) -> PlimsollError:
    if place.exists():
        said = json.loads(place.read_bytes())
        return _ERRORS.get(said["code"], errors.ScoringFailed)(**said["facts"])
    how = f"its process was ended by signal {-code}" if code < 0 else f"its process ended with {code}"
    return errors.ScoringFailed(
        where="The scorer", rows=None, problem=how, traceback=output.decode(errors="replace")[-_TAIL:]
    )


def main(arguments: list[str]) -> int:
    """The process's side: score, write, or say why not."""
    from plimsoll.bundle.scorer import load_scorer
    from plimsoll.bundle.scores import save_scores

    scorer, rows, out = (Path(argument) for argument in arguments)
    try:
        scores = load_scorer(scorer).score(read_parquet(rows))
    except PlimsollError as error:
        said: dict[str, Any] = error.as_dict()
        (out / "error.json").write_text(json.dumps(said))
        return 1
    save_scores(out / "scores.npz", scores)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
