"""Which GPUs this machine lets its processes use."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

_VARIABLE = "CUDA_VISIBLE_DEVICES"
_PATIENCE_S = 20.0


def find_gpus(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Their names as CUDA_VISIBLE_DEVICES takes them: those in that variable, else all that `nvidia-smi` lists.

    None where neither says anything. As for CUDA, a name that is no device hides those behind it.
    """
    if _VARIABLE in environment:
        names = [name.strip() for name in environment[_VARIABLE].split(",")]
        end = next((place for place, name in enumerate(names) if not _is_device(name)), len(names))
        return tuple(names[:end])
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
            env=dict(environment),
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    if listed.returncode != 0:
        return ()
    count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return tuple(map(str, range(count)))


def gpus_text(count: int) -> str:
    """`1 GPU`, `2 GPUs`."""
    return f"{count} GPU{'' if count == 1 else 's'}"


def there_are(count: int) -> str:
    """`is 1`, `are 2`, `is none`: what stands behind *there*."""
    return "is none" if count == 0 else f"{'is' if count == 1 else 'are'} {count}"


def _is_device(name: str) -> bool:
    return name.isdigit() or name.startswith(("GPU-", "MIG-"))
