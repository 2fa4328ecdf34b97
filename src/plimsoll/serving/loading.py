"""Before a release is loaded: its bundle must be what was signed, be the release asked for, and fit this runtime."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.bundle.entities import Field, ScorerSpec
from plimsoll.bundle.layout import verify_bundle
from plimsoll.bundle.runtime import lock_text
from plimsoll.kernel.hashing import digest_file
from plimsoll.serving.entities import ReleaseRef
from plimsoll.serving.errors import RuntimeDiffers, WrongBundle

MOST_DIFFERENCES = 5


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

    Raises bundle.tampered, bundle.bad_signature, WrongBundle, RuntimeDiffers.
    """
    manifest = verify_bundle(ref.bundle, keys)
    if digest_file(ref.bundle / "release.json") != ref.digest:
        raise WrongBundle(folder=str(ref.bundle), found=manifest.name, release=ref.name)
    differences = runtime_differences((ref.bundle / "lock.txt").read_text(encoding="utf-8"), lock_text())
    if differences:
        raise RuntimeDiffers(release=ref.name, differences=differences)
    return CheckedBundle(ref=ref, spec=read_spec(ref.bundle / "scorer"), compiled=manifest.compiled == "onnx")


def read_spec(scorer: Path) -> ScorerSpec:
    """The scorer's page; without pandas, which `plimsoll.bundle.scorer` needs and a door must not import."""
    page: dict[str, Any] = json.loads((scorer / "scorer.json").read_bytes())
    for name in ("inputs", "context"):
        page[name] = tuple(Field(**item) for item in page[name])
    return ScorerSpec(**{**page, "classes": tuple(page["classes"]), "transform": tuple(page["transform"])})


def runtime_differences(released: str, running: str) -> str:
    """What differs between two locks, in words; empty when they are the same text."""
    if released == running:
        return ""
    was, now = _packages(released), _packages(running)
    changed = [name for name in sorted(was.keys() | now.keys()) if was.get(name) != now.get(name)]
    words = [f"{name} {was.get(name, 'none')}, here {now.get(name, 'none')}" for name in changed[:MOST_DIFFERENCES]]
    if len(changed) > MOST_DIFFERENCES:
        words.append(f"and {len(changed) - MOST_DIFFERENCES} more")
    return "; ".join(words) or "the same packages in another order"


def _packages(lock: str) -> dict[str, str]:
    pairs = (line.partition("==") for line in lock.splitlines() if line.strip())
    return {name: version for name, _, version in pairs}
