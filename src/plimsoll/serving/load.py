"""Brings a release to answer: its bundle checked, its model in the door or its worker greeted, its first row scored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from plimsoll.serving.compiled import CompiledModel
from plimsoll.serving.entities import Limits, ReleaseRef
from plimsoll.serving.errors import DoesNotStart
from plimsoll.serving.link import WorkerLink
from plimsoll.serving.live import LiveRelease
from plimsoll.serving.loading import CheckedBundle, check_bundle


class Loader:
    """Loads one release at a time.

    `changed` is called when a worker comes or goes, `needs_changed` when a load begins or ends to need one.
    """

    def __init__(
        self,
        *,
        model: str,
        limits: Limits,
        keys: Path,
        changed: Callable[[], None],
        needs_changed: Callable[[], None],
    ) -> None:
        self.needs: tuple[ReleaseRef, ...] = ()
        """What is being loaded and needs a worker for it."""
        self._model = model
        self._limits = limits
        self._keys = keys
        self._changed = changed
        self._needs_changed = needs_changed
        self._sockets: Mapping[str, str] = {}
        self._exits: dict[str, int] = {}
        self._news = asyncio.Event()

    def place_workers(self, sockets: Mapping[str, str]) -> None:
        """Where the workers that were asked for listen, by digest."""
        self._sockets = sockets
        self._news.set()

    def worker_exited(self, digest: str) -> None:
        """A worker ended by itself; the shim starts it again."""
        self._exits[digest] = self._exits.get(digest, 0) + 1
        self._news.set()

    async def load(self, ref: ReleaseRef) -> LiveRelease:
        """The release, ready to answer. Raises whatever hinders it; nothing of it is left then."""
        try:
            return await self._load(ref)
        finally:
            self.needs = ()

    async def _load(self, ref: ReleaseRef) -> LiveRelease:
        loop = asyncio.get_running_loop()
        checked = await loop.run_in_executor(None, check_bundle, ref, self._keys)
        runner: CompiledModel | WorkerLink
        if checked.compiled:
            runner = await loop.run_in_executor(None, CompiledModel, ref.bundle / "compiled", checked.spec)
        else:
            runner = await self._worker(checked)
        try:
            release = LiveRelease(checked, runner, model=self._model, limits=self._limits)
            await release.probe()
        except BaseException:
            if isinstance(runner, WorkerLink):
                await runner.close()
            raise
        return release

    async def _worker(self, checked: CheckedBundle) -> WorkerLink:
        """A link to the release's worker, started by the shim, with the release loaded."""
        ref = checked.ref
        self._exits.pop(ref.digest, None)
        self.needs = (ref,)
        self._needs_changed()
        while ref.digest not in self._sockets:
            await self._next_news(ref)
        link = WorkerLink(ref, self._sockets[ref.digest], limits=self._limits, changed=self._changed)
        greeting = asyncio.create_task(link.greeting())
        try:
            while not greeting.done():
                news = asyncio.create_task(self._next_news(ref))
                await asyncio.wait({greeting, news}, return_when=asyncio.FIRST_COMPLETED)
                if news.done():
                    news.result()
                news.cancel()
            greeting.result()
        except BaseException:
            greeting.cancel()
            await link.close()
            raise
        return link

    async def _next_news(self, ref: ReleaseRef) -> None:
        """Wait for the shim's next word about workers. Raises DoesNotStart when this one died too often."""
        await self._news.wait()
        self._news.clear()
        exits = self._exits.get(ref.digest, 0)
        if exits >= self._limits.crashes:
            raise DoesNotStart(release=ref.name, problem=f"its worker died {exits} times while it started")
