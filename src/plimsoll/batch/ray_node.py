"""What happens on a Ray node: the release is laid out, verified and loaded once a process, then asked about batches."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plimsoll.serving.entities import ReleaseRef
from plimsoll.serving.loading import CheckedBundle, check_bundle
from plimsoll.serving.worker import answer, raw_of

_LOADED: dict[str, Any] = {}
"""Digest -> what answers, and the folder that it lies in for as long as this process lives."""


def score_batch(
    name: str, digest: str, columns: Mapping[str, list[Any]], rows: int, bundle: list[Any]
) -> tuple[dict[str, Any], bytes]:
    """The answer to a batch as a worker sends it. bundle: the reference of its files and public keys, alone in a list."""
    if digest not in _LOADED:
        _LOADED[digest] = _load(name, digest, bundle[0])
    checked, held, _ = _LOADED[digest]
    if not checked.compiled:
        return answer(held, columns)
    try:
        return raw_of(held.output(columns, rows))
    except Exception as error:  # noqa: BLE001 - onnxruntime raises classes of its own for each status
        return {"failed": "serving.model_failed", "text": f"{type(error).__name__}: {error}"}, b""


def _load(name: str, digest: str, reference: Any) -> tuple[CheckedBundle, Any, Any]:
    """Raises what `check_bundle` raises."""
    import ray

    files, public = ray.get(reference)
    place = tempfile.TemporaryDirectory(prefix="plimsoll-score-")
    folder, keys = Path(place.name, "bundle"), Path(place.name, "keys")
    for root, contents in ((folder, files), (keys, public)):
        for relative, content in contents.items():
            target = root / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    checked = check_bundle(ReleaseRef(name=name, digest=digest, bundle=folder), keys)
    if checked.compiled:
        from plimsoll.serving.compiled import CompiledModel

        return checked, CompiledModel(folder / "compiled", checked.spec), place
    from plimsoll.bundle.scorer import load_scorer

    return checked, load_scorer(checked.scorer), place
