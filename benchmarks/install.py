"""What the core install costs: seconds, megabytes, and the time of `plimsoll --help`. Run by `make bench-install`.

Builds the wheel, makes an empty virtual environment and installs the hashed core lock and the wheel into it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(measure(Path(scratch)), indent=2))


def measure(scratch: Path) -> dict[str, float]:
    """Install the core into `scratch` and return its seconds, megabytes and the median milliseconds of --help."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(scratch)], cwd=REPOSITORY, check=True,
        capture_output=True,
    )  # fmt: skip
    wheel = next(scratch.glob("*.whl"))
    environment = scratch / "core"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--disable-pip-version-check"]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    subprocess.run(
        [*pip, "--require-hashes", "-r", str(REPOSITORY / "requirements" / "core.txt")], check=True, env=clean
    )
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True, env=clean)
    seconds = time.perf_counter() - begin
    size = sum(path.lstat().st_size for path in environment.rglob("*") if path.is_file())
    return {
        "install_s": round(seconds, 1),
        "megabytes": round(size / 1e6, 1),
        "help_ms": round(statistics.median(_help_ms(environment) for _ in range(9)), 1),
    }


def _help_ms(environment: Path) -> float:
    begin = time.perf_counter()
    subprocess.run([environment / "bin" / "plimsoll", "--help"], check=True, capture_output=True)
    return (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    main()
