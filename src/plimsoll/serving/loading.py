"""Before a release is loaded: its bundle must be what was signed, be the release asked for, and fit this runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.bundle.entities import FieldType, ScorerSpec
from plimsoll.bundle.layout import manifest_digest, verify_bundle
from plimsoll.bundle.runtime import lock_differences, lock_text
from plimsoll.bundle.spec import read_spec
from plimsoll.kernel.extras import require
from plimsoll.serving.entities import ReleaseRef
from plimsoll.serving.errors import RuntimeDiffers, WrongBundle

_SAMPLES: dict[FieldType, Any] = {
    "int": 0,
    "float": 0.0,
    "bool": False,
    "string": "",
    "timestamp": "2000-01-01T00:00:00",
    "date": "2000-01-01",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBundle:
    """A bundle that may be loaded."""

    ref: ReleaseRef
    spec: ScorerSpec
    compiled: bool
    """Whether the door can answer by itself."""

    @property
    def scorer(self) -> Path:
        return self.ref.bundle / "scorer"


def check_bundle(ref: ReleaseRef, keys: Path) -> CheckedBundle:
    """Verify every byte of the bundle and the runtime it needs; no model and no code is loaded.

    The runtime of a release with an interpreter of its own is checked there, by its worker. A compiled one needs no
    package of its lock.

    Raises bundle.tampered, bundle.bad_signature, WrongBundle, PackageMissing, RuntimeDiffers.
    """
    manifest = verify_bundle(ref.bundle, keys)
    if manifest_digest(ref.bundle) != ref.digest:
        raise WrongBundle(folder=str(ref.bundle), found=manifest.name, release=ref.name)
    compiled = manifest.compiled == "onnx"
    if compiled:
        require("onnxruntime")
    if not compiled and not ref.python:
        differences = lock_differences((ref.bundle / "lock.txt").read_text(encoding="utf-8"), lock_text())
        if differences:
            raise RuntimeDiffers(release=ref.name, differences=differences)
    return CheckedBundle(ref=ref, spec=read_spec(ref.bundle / "scorer"), compiled=compiled)


def made_up_row(spec: ScorerSpec) -> dict[str, list[Any]]:
    """One row as a request brings it, to try a release with."""
    return {field.name: [_SAMPLES[field.type]] for field in spec.inputs}
