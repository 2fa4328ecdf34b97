"""Workers of a release in its own runtime, for as long as a file takes; one that dies is started again."""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from plimsoll.serving.entities import Limits, ReleaseRef
from plimsoll.serving.errors import DoesNotStart
from plimsoll.serving.link import Refused, WorkerLink
from plimsoll.serving.shim.children import environment_of

_TAIL = 400


@asynccontextmanager
async def workers(ref: ReleaseRef, keys: Path, *, count: int, limits: Limits) -> AsyncIterator[list[WorkerLink]]:
    """So many workers that have the release loaded. Raises DoesNotStart, also later, when one cannot be replaced."""
    with tempfile.TemporaryDirectory(prefix="plimsoll-score-") as folder:
        try:
            async with asyncio.TaskGroup() as tending:
                crew = [_Worker(ref, keys, Path(folder) / str(number), limits=limits) for number in range(count)]
                tasks = [tending.create_task(one.tend()) for one in crew]
                try:
                    yield list(await asyncio.gather(*(one.ready() for one in crew)))
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*(one.end() for one in crew))
        except BaseExceptionGroup as several:  # what the body or a worker raised; the rest was cancelled by it
            raise several.exceptions[0]  # noqa: B904 - it says all there is to say


class _Worker:
    """One process behind a socket that outlives it."""

    def __init__(self, ref: ReleaseRef, keys: Path, place: Path, *, limits: Limits) -> None:
        self._ref = ref
        self._keys = keys
        self._limits = limits
        self._log = place.with_suffix(".log")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(place))
        self._listener.listen()
        self._lifeline: socket.socket | None = None
        self._process: Process | None = None
        self._link = WorkerLink(ref, str(place), limits=limits)

    async def ready(self) -> WorkerLink:
        """The link to it, once it has the release loaded. Raises DoesNotStart."""
        try:
            await self._link.greeting()
        except Refused as error:
            raise DoesNotStart(release=self._ref.name, problem=str(error)) from error
        return self._link

    async def end(self) -> None:
        """End it, wherever it is."""
        await self._link.close()
        self._listener.close()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._lifeline is not None:
            self._lifeline.close()

    async def tend(self) -> None:
        """Keep a process running; what it was asked when it died is asked of the next. Raises DoesNotStart."""
        vain = 0
        while vain < self._limits.crashes:
            before = self._link.deaths
            self._process = await self._start()
            await self._process.wait()
            vain = 0 if self._link.ready or self._link.deaths > before else vain + 1
        said = self._log.read_text(errors="replace")[-_TAIL:] if self._log.exists() else ""
        problem = f"its worker died {vain} times while it started: {said.strip()}"
        raise DoesNotStart(release=self._ref.name, problem=problem)

    async def _start(self) -> Process:
        ours, theirs = socket.socketpair()
        if self._lifeline is not None:
            self._lifeline.close()
        self._lifeline = ours
        python = self._ref.python or sys.executable
        with theirs, self._log.open("ab") as log:
            descriptors = (self._listener.fileno(), theirs.fileno())
            arguments = ["--name", self._ref.name, "--digest", self._ref.digest, "--bundle", str(self._ref.bundle)]
            arguments += ["--keys", str(self._keys), "--listen", str(descriptors[0]), "--lifeline", str(descriptors[1])]
            return await asyncio.create_subprocess_exec(
                python,
                "-P",
                "-m",
                "plimsoll.serving.worker",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
                env=environment_of(python),
            )
