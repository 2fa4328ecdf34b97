"""Runs steps as processes of this machine, forked from one process that imports the project's code once a run.

Nothing is started before the first job, so a run in which everything is cached starts no process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Self

from plimsoll.pipeline.entities import Step
from plimsoll.pipeline.errors import NoSuchRoom
from plimsoll.pipeline.executors.gpus import find_gpus, gpus_text, there_are
from plimsoll.pipeline.executors.ground import Ground
from plimsoll.pipeline.jobs import Ended, ImportTrouble, Job, Started, Stop, Surroundings, Trouble, describe_end

_PATIENCE_S = 10.0


def open_executor(ground: Ground) -> LocalExecutor:
    """The executor for one run."""
    return LocalExecutor(ground.surroundings)


class LocalExecutor:
    """Steps as local processes. Use as a context: leaving it ends every process that it started."""

    def __init__(self, surroundings: Surroundings, *, environment: Mapping[str, str] | None = None) -> None:
        """environment: the steps' variables; this process's own by default."""
        self._cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._taken: dict[str, float] = {}
        """Step -> the cores that it counts for."""
        self._environment = os.environ if environment is None else environment
        self._devices: dict[str, tuple[str, ...]] = {}
        """Step -> the GPUs that are its own."""
        self._surroundings = surroundings
        self._server: subprocess.Popen[bytes] | None = None
        self._begun: dict[str, int | None] = {}
        """Step -> its process's number, None until that is known."""
        self._lost: list[str] = []
        """Steps whose processes died with the server, and whose end is not told yet."""
        self._imported = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def require(self, steps: Iterable[Step]) -> None:
        """Raises NoSuchRoom for a step that wants more GPUs than this machine has."""
        for step in steps:
            if step.gpu > len(self._gpus):
                raise NoSuchRoom(
                    step=step.name, asked=gpus_text(step.gpu), found=there_are(len(self._gpus)), where="on this machine"
                )

    def has_room(self, cpu: float, gpu: int = 0) -> bool:
        """Whether a step that counts for so many cores may begin; one that wants more than there are runs alone."""
        if gpu and gpu > len(self._free_gpus()):
            return False
        return not self._taken or sum(self._taken.values()) + cpu <= self._cores

    def start(self, job: Job) -> None:
        """Begin a step; its end is told by `wait`."""
        if self._server is None:
            self._server = self._start_server()
        self._taken[job.step] = job.cpu
        if job.gpu and job.devices is None:
            self._devices[job.step] = tuple(self._free_gpus()[: job.gpu])
            job = replace(job, devices=self._devices[job.step])
        self._begun[job.step] = None
        # A server that is gone is noticed by `wait`, which also says what became of it.
        with contextlib.suppress(OSError):
            self._connection.send(job)

    def stop(self, step: str) -> None:
        """Kill a step's process and what it started; its end is told by `wait` as any other."""
        with contextlib.suppress(OSError):
            self._connection.send(Stop(step=step))

    def wait(self, timeout_s: float | None) -> Started | Ended | ImportTrouble | None:
        """The next thing that happens; None when nothing did in that time."""
        if self._lost:
            return self._next_lost()
        try:
            if not self._connection.poll(timeout_s):
                return None
            message: Started | Ended | ImportTrouble = self._connection.recv()
        except (EOFError, OSError):
            return self._server_gone()
        match message:
            case Started():
                self._imported = True
                self._begun[message.step] = message.pid
            case Ended():
                self._forget(message.step)
        return message

    def close(self) -> None:
        """End the server, which ends the steps; returns when they are gone."""
        if self._server is None:
            return
        self._connection.close()
        self._server.terminate()
        try:
            self._server.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._kill_groups()
        self._server = None

    def _start_server(self) -> subprocess.Popen[bytes]:
        from multiprocessing.connection import Connection

        ours, theirs = socket.socketpair()
        # One order for sets of text in every run, so that results and pickles do not differ by it.
        # OpenMP's threads that wait by spinning make training ten times slower on a busy machine.
        environment = {"PYTHONHASHSEED": "0", "OMP_WAIT_POLICY": "PASSIVE", **self._environment}
        with theirs:
            server = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "plimsoll.pipeline.executors.fork_server",
                    str(theirs.fileno()),
                    str(os.getpid()),
                ],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._connection = Connection(ours.detach())
        self._connection.send(self._surroundings)
        return server

    def _server_gone(self) -> ImportTrouble | Ended:
        """The server died: killed, or ended by the project's code while it was imported."""
        assert self._server is not None
        code = self._server.wait(_PATIENCE_S)
        self._kill_groups()
        self._connection.close()
        self._server = None  # what is started after this has one of its own
        self._lost = list(self._begun)
        self._begun.clear()
        if not (self._imported and self._lost):
            return ImportTrouble(trouble=Trouble(problem=describe_end(code)))
        return self._next_lost()

    def _next_lost(self) -> Ended:
        step = self._lost.pop(0)
        self._forget(step)
        return Ended(step=step, code=-signal.SIGKILL)

    def _forget(self, step: str) -> None:
        self._begun.pop(step, None)
        self._taken.pop(step, None)
        self._devices.pop(step, None)

    @cached_property
    def _gpus(self) -> tuple[str, ...]:
        return find_gpus(self._environment)

    def _free_gpus(self) -> list[str]:
        taken = {device for devices in self._devices.values() for device in devices}
        return [device for device in self._gpus if device not in taken]

    def _kill_groups(self) -> None:
        for pid in self._begun.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if pid is not None:
                    os.killpg(pid, signal.SIGKILL)
