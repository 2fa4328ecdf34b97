"""Compiling in a process of its own: `python -m plimsoll.release.compile_process SCORER HOLDOUT.parquet OUT`.

Writes OUT/result.json, the fields of a Compilation, and beside it model.onnx and compiled.json when it is faithful.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.extras import cure, missing_package

RESULT = "result.json"
MODEL = "model.onnx"
PAGE = "compiled.json"


def main(arguments: list[str]) -> int:
    """Compile, compare, measure; every expected end is a result, not an error."""
    scorer, holdout, out = (Path(argument) for argument in arguments)
    try:
        result = _compile(scorer, holdout, out)
    except ModuleNotFoundError as error:
        package = missing_package(error)
        if package is None:  # a scorer that lacks a package of the project's could not even be loaded
            raise
        because = f"not compiled: {package} is not installed; {cure(error)}"
        result = {"faithful": False, "because": because}
    (out / RESULT).write_text(json.dumps(result))
    return 0


def _compile(folder: Path, holdout: Path, out: Path) -> dict[str, Any]:
    from plimsoll.bundle.score import read_parquet
    from plimsoll.bundle.scorer import load_scorer
    from plimsoll.release.compile_compare import TOLERANCE, compare, measure, open_session
    from plimsoll.release.compile_graph import MISSING, OPSET, NotConvertible
    from plimsoll.release.compile_onnx import to_onnx

    scorer = load_scorer(folder)
    rows = read_parquet(holdout)
    try:
        model = to_onnx(scorer).SerializeToString(deterministic=True)
        session = open_session(model)
        found = compare(scorer, session, rows)
    except NotConvertible as reason:
        return {"faithful": False, "because": f"not compiled: {reason}"}
    facts = {key: value for key, value in asdict(found).items() if key != "problem"}
    problem = found.problem
    if found.flips:
        problem = problem or f"{found.flips} decisions differ"
    if found.max_difference > TOLERANCE:
        problem = problem or f"max difference {found.max_difference:.2g} on {found.rows} holdout rows"
    if problem:
        return {"faithful": False, "because": f"not compiled: {problem}", **_finite(facts)}
    original_us, compiled_us = measure(scorer, session, rows)
    (out / MODEL).write_bytes(model)
    (out / PAGE).write_bytes(canonical_json({"format": "onnx", "missing_string": MISSING, "opset": OPSET}))
    ties = f" ({found.ties} decided otherwise at a tie)" if found.ties else ""
    because = (
        f"compiled to ONNX: answers agree on all {found.rows:,} holdout rows{ties}, max difference "
        f"{found.max_difference:.1g}; one row takes {compiled_us:,.0f} us instead of {original_us:,.0f} us"
    )
    return {"faithful": True, "because": because, "original_us": original_us, "compiled_us": compiled_us, **facts}


def _finite(facts: dict[str, Any]) -> dict[str, Any]:
    return {**facts, "max_difference": min(facts["max_difference"], sys.float_info.max)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
