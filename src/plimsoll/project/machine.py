"""Looks at the machine and the interpreter and makes the runtime record: from files, importing nothing that is heavy.

The lists of packages' files are hashed once an environment: a small cache remembers them by size and time.
What only a step's process knows, such as loaded libraries, is told by pipeline/native.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from plimsoll import __version__
from plimsoll.bundle.runtime import installed_distributions
from plimsoll.kernel.files import replace_text
from plimsoll.project.runtime_record import RuntimeRecord

_INSTRUCTIONS = frozenset(
    [
        "sse4_2",
        "avx",
        "avx2",
        "fma",
        "f16c",
        "avx512f",
        "avx512bw",
        "avx512dq",
        "avx512vl",
        "avx512_vnni",
        "avx512_bf16",
        "amx_tile",
        "neon",
        "asimd",
        "sve",
        "sve2",
        "bf16",
    ]
)
"""What OpenBLAS, oneDNN, NumPy and the gradient boosters choose their code by."""

_PREFIXES = (
    "OMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "KMP_", "VECLIB_", "NUMEXPR_", "NPY_", "CUBLAS_", "CUDA_", "NVIDIA_",
    "TF_DETERMINISTIC_", "TF_CUDNN_", "TF_ENABLE_", "TF_NUM_", "XLA_FLAGS", "TORCH_", "PYTORCH_", "POLARS_MAX_THREADS", "LOKY_", "SKLEARN_",
)  # fmt: skip
_NAMES = frozenset(
    {"PYTHONHASHSEED", "LD_PRELOAD", "MALLOC_ARENA_MAX", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "LC_NUMERIC"}
)

_NOT_SET_ANEW = ("LD_PRELOAD", "CUDA_", "NVIDIA_", "TORCH_", "PYTORCH_", "LOKY_", "SKLEARN_")
"""Recorded, but never put into a process from a record: they name files and devices, of this machine or another."""

_WRITTEN_HERE = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "uv_build.json")
"""Files that an installer adds: the same wheel has others elsewhere."""


def read_runtime(cache: Path) -> RuntimeRecord:
    """The record of this process and machine. cache: a folder that may be deleted at any time."""
    return RuntimeRecord(
        plimsoll=__version__,
        python={
            "version": platform.python_version(),
            "implementation": sys.implementation.name,
            "build": " ".join(platform.python_build()),
            "compiler": platform.python_compiler(),
        },
        platform={
            "system": platform.system(),
            "kernel": platform.release(),
            "machine": platform.machine(),
            "libc": _libc(),
        },
        cpu=_cpu(),
        packages=_packages(cache / "packages.json"),
        variables=relevant_variables(os.environ),
    )


def relevant_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those that steer threads, numerics and determinism."""
    return {name: environ[name] for name in sorted(environ) if name in _NAMES or name.startswith(_PREFIXES)}


def as_recorded(environ: Mapping[str, str], recorded: Mapping[str, str]) -> dict[str, str]:
    """An environment in which variables that steer results are as a record has them; others stay as they are."""
    kept = {name: value for name, value in environ.items() if name not in relevant_variables(environ) or _is_ours(name)}
    return kept | {name: value for name, value in recorded.items() if not _is_ours(name)}


def _is_ours(name: str) -> bool:
    """Whether a variable belongs to a machine, whatever a record says."""
    return name.startswith(_NOT_SET_ANEW)


def file_list_digest(record: str) -> str:
    """The digest of what a wheel holds, from its RECORD: without what the installer added, compiled or put elsewhere."""
    listed = sorted(line for line in record.splitlines() if _is_of_the_wheel(line.partition(",")[0]))
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()


def _is_of_the_wheel(path: str) -> bool:
    written = ".dist-info/" in path and path.rpartition("/")[2] in _WRITTEN_HERE
    return not (written or path.startswith(("..", "/")) or path.endswith(".pyc"))


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):  # another libc, or another system
        return " ".join(platform.libc_ver()).strip() or " ".join(platform.mac_ver()[:1])


def _cpu() -> dict[str, str]:
    try:
        facts = _first_processor(Path("/proc/cpuinfo").read_text(errors="replace").splitlines())
    except OSError:
        facts = {}
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return {
        "model": facts.get("model name") or platform.processor() or platform.machine(),
        "cores": str(usable),
        "instructions": " ".join(flag for flag in flags if flag in _INSTRUCTIONS),
    }


def _first_processor(lines: Iterable[str]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            break
        facts[name.strip()] = value.strip()
    return facts


def _packages(file: Path) -> dict[str, str]:
    """The installed distributions with the digests of their file lists; those of unchanged lists are remembered."""
    known, now = _remembered(file), {}
    packages = {}
    for name, (version, metadata) in sorted(installed_distributions().items()):
        place = os.path.join(metadata, "RECORD")  # noqa: PTH118 - a hundred Path objects would cost more than the rest
        try:
            status = os.stat(place)  # noqa: PTH116 - as above
            stamp = f"{status.st_size} {status.st_mtime_ns}"
            digest = known[place][1] if known.get(place, ("", ""))[0] == stamp else _digest(place)
            now[place] = (stamp, digest)
        except OSError:  # an old egg, a distribution of the system: it lists no files
            digest = ""
        packages[f"{name}=={version}"] = digest
    if now != known:
        _remember(file, now)
    return packages


def _digest(place: str) -> str:
    return file_list_digest(Path(place).read_text(encoding="utf-8", errors="replace"))


def _remembered(file: Path) -> dict[str, tuple[str, str]]:
    try:
        return {place: (stamp, digest) for place, (stamp, digest) in json.loads(file.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # absent, or not ours: read the lists again


def _remember(file: Path, entries: Mapping[str, tuple[str, str]]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_text(file, json.dumps(entries))
    except OSError:
        return  # a cache that cannot be kept costs time, not truth
