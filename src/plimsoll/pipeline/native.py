"""What a step's process knows of the libraries that calculated in it: which BLAS and OpenMP, and with how many threads.

Asked of the libraries themselves, which are loaded already; a process without them pays for reading one small file.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from pathlib import Path

_LIBRARY = re.compile(r"lib(?:scipy_)?(?:openblas|mkl_rt|blis|flexiblas|gomp|iomp5|omp)[^/]*\.so[.\d]*")
_ASK = (
    "openblas_get_num_threads64_",
    "openblas_get_num_threads",
    "scipy_openblas_get_num_threads64_",
    "scipy_openblas_get_num_threads",
    "MKL_Get_Max_Threads",
    "bli_thread_get_num_threads",
    "flexiblas_get_num_threads",
    "omp_get_max_threads",
)
"""The functions that tell how many threads a library would use; each library has one of them."""


def loaded_libraries(maps: Path = Path("/proc/self/maps")) -> dict[str, int]:
    """File name -> threads, of each BLAS and OpenMP library that this process has loaded. Nothing where no /proc is."""
    try:
        text = maps.read_text(errors="replace")
    except OSError:
        return {}
    mapped = {line[line.index("/") :] for line in text.splitlines() if "/lib" in line}
    paths = sorted(path for path in mapped if _LIBRARY.fullmatch(path.rpartition("/")[2]))
    found = {path.rpartition("/")[2]: _threads(path) for path in paths}
    return {name: threads for name, threads in found.items() if threads is not None}


def determinism_switches() -> dict[str, str]:
    """Settings of this process that decide whether the same work gives the same bits."""
    switches = {"random string hashes": "on" if sys.flags.hash_randomization else "off"}
    torch = sys.modules.get("torch")
    if torch is not None:
        switches["torch deterministic algorithms"] = "on" if torch.are_deterministic_algorithms_enabled() else "off"
    return switches


def _threads(path: str) -> int | None:
    import ctypes

    with suppress(OSError):  # deleted since it was loaded
        library = ctypes.CDLL(path)
        for name in _ASK:
            ask = getattr(library, name, None)
            if ask is not None:
                ask.argtypes, ask.restype = (), ctypes.c_int
                return int(ask())
    return None
