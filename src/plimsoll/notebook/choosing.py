"""Which engine answers for a bundle, as the release's server would choose it."""

from __future__ import annotations

import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

from plimsoll.bundle.entities import Manifest
from plimsoll.bundle.runtime import lock_differences, lock_text
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.extras import PackageMissing
from plimsoll.notebook.asking import advised
from plimsoll.notebook.engines import Compiled, Elsewhere, Engine, Here
from plimsoll.notebook.errors import ForeignRuntime


class RuntimeDiffersWarning(UserWarning):
    """A release's model answers in a process with other packages than it was made with."""


def choose_engine(bundle: Path, manifest: Manifest, *, runtimes: Path, here: bool) -> Engine:
    """The compiled form where there is one; else the model, here or in a runtime of its own. Raises ForeignRuntime.

    runtimes: the folder where runtimes are kept that were made from locks. The bundle is verified already.
    """
    if manifest.compiled == "onnx" and find_spec("onnxruntime") is not None:
        return Compiled(bundle)
    lock = (bundle / "lock.txt").read_text(encoding="utf-8")
    differences = lock_differences(lock, lock_text())
    if not differences:
        return Here(bundle)
    if here:
        warnings.warn(
            f"{manifest.name} was made with other packages than this process has, so it may answer otherwise than its "
            f"server does: {differences}",
            RuntimeDiffersWarning,
            stacklevel=3,
        )
        return Here(bundle)
    return Elsewhere(bundle, _python_of(lock, manifest.name, runtimes, differences))


def _python_of(lock: str, release: str, runtimes: Path, differences: str) -> str:
    from plimsoll.targets.runtimes import Runtimes

    def say(text: str) -> None:
        sys.stderr.write(f"{text}\n")

    try:
        return str(Runtimes(runtimes).python_of(lock, release=release, say=say))
    except PackageMissing as error:
        raise advised(
            ForeignRuntime(release=release, differences=differences, problem="uv is not installed here.")
        ) from error
    except PlimsollError as error:
        raise advised(ForeignRuntime(release=release, differences=differences, problem=str(error))) from error
