"""A real kernel in the hands of a test."""

from __future__ import annotations

import os
import queue
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_client import KernelManager

GIT = {f"GIT_{role}_{what}": "ada@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def kernel(folder: Path, **environment: str) -> tuple[KernelManager, dict[str, Any]]:
    """A kernel of this interpreter, whatever kernels are installed for the person who runs the tests."""
    manager = KernelManager(kernel_name="python3")
    manager.kernel_spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return manager, {"cwd": str(folder), "env": {**os.environ, **GIT, "PATH": path, **environment}}


class Session:
    """A kernel that code is sent to, with what it says."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def begin(self, code: str) -> str:
        return self.client.execute(code)

    def result(self, request: str, *, within_s: float = 60) -> list[dict[str, Any]]:
        """What the kernel sent for a request until it was idle again."""
        said = []
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return said
            said.append({"type": message["msg_type"], **message["content"]})
        raise AssertionError(f"the kernel was not done within {within_s} s: {said}")

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def told(said: Sequence[dict[str, Any]]) -> str:
    """The cell's result as text, or its error."""
    return "\n".join(
        one["data"]["text/plain"] if one["type"] == "execute_result" else "\n".join(one["traceback"])
        for one in said
        if one["type"] in {"execute_result", "error"}
    )
