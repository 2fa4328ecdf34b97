"""MLflow itself for tests, whole, in an environment of its own, and a server of it. Marked `system`: it is installed.

Fixtures for any conftest.py: `from tests.mlflow_itself import mlflow_python, mlflow_server`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

MLFLOW = "3.17.2"
OURS = ("scikit-learn", "pandas", "numpy", "cloudpickle")
"""What our models' pickles name. MLflow's own Arrow is older than ours: rows go there as JSON, not as pickles."""


@pytest.fixture(scope="session")
def mlflow_python(tmp_path_factory) -> Path:
    """The interpreter of a fresh environment with the whole of MLflow, or PLIMSOLL_TEST_MLFLOW; skips offline."""
    given = os.environ.get("PLIMSOLL_TEST_MLFLOW")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("mlflow") / "env"
    uv = Path(sys.prefix) / "tools" / "bin" / "uv"
    if not uv.exists():
        pytest.skip("uv is not installed here; `make` does it")
    subprocess.run([str(uv), "venv", "-q", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin" / "python"
    command = [str(uv), "pip", "install", "-q", "--compile-bytecode", "--python", str(python), f"mlflow=={MLFLOW}"]
    ours = [f"{name}=={version(name)}" for name in OURS]
    done = subprocess.run([*command, *ours], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mlflow cannot be installed: {done.stderr[-300:]}")
    return python


@dataclass
class Server:
    """MLflow's own server on SQLite below a folder; started, killed and started again on one port."""

    python: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        store = f"sqlite:///{self.folder}/mlflow.db"
        command = [str(self.python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", store, "--artifacts-destination", str(self.folder / "artifacts")]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--workers", "1"],
                env={**os.environ, **quiet},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self.address}/health", timeout=2):
                return
            assert self.process.poll() is None, (self.folder / "server.log").read_text()[-2000:]
            time.sleep(0.1)
        raise AssertionError("MLflow's server did not answer within 120 s")

    def kill(self) -> None:
        """kill -9, its workers with it."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, 9)
            self.process.wait()
            self.process = None


@contextmanager
def serving(python: Path, folder: Path) -> Iterator[Server]:
    """A server that runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Server(python, folder, port)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def mlflow_server(mlflow_python, tmp_path_factory) -> Iterator[Server]:
    with serving(mlflow_python, tmp_path_factory.mktemp("mlflow-server")) as server:
        yield server
