"""Makes the release that is wanted the one that answers: check, load, probe, move the pointer, drain the old one.

A release that is refused changes nothing: the old one goes on answering, and the refusal is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from plimsoll.serving.app import DoorApp
from plimsoll.serving.compiled import CompiledModel
from plimsoll.serving.entities import ReleaseRef
from plimsoll.serving.errors import DoesNotStart
from plimsoll.serving.link import WorkerLink, as_refusal
from plimsoll.serving.live import LiveRelease
from plimsoll.serving.loading import CheckedBundle, check_bundle

log = logging.getLogger("plimsoll.door")


class Swapper:
    """Moves a door's pointer. `tell` sends a message to the shim: how the door is, and which workers it needs."""

    def __init__(self, app: DoorApp, *, keys: Path, tell: Callable[[dict[str, Any]], None]) -> None:
        self._app = app
        self._keys = keys
        self._tell = tell
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._retiring: list[LiveRelease] = []
        self._loading: ReleaseRef | None = None
        self._loading_needs_worker = False
        self._wanted: ReleaseRef | None = None
        self._turn = 0
        self._refused: dict[str, str] | None = None
        self._sockets: Mapping[str, str] = {}
        self._exits: dict[str, int] = {}
        self._news = asyncio.Event()
        self._settled = asyncio.Event()

    def want(self, ref: ReleaseRef, *, fallback: ReleaseRef | None, turn: int) -> None:
        """Make this release live. `fallback` answered last: it is loaded first when nothing answers yet."""
        self._turn = turn
        if self._task is not None and not self._task.done():
            if self._wanted == ref:
                return
            self._task.cancel()
        self._wanted = ref
        self._refused = None
        self._task = asyncio.create_task(self._make_live(ref, fallback))

    async def settled(self) -> None:
        """Return once some release answers, or the wanted one was refused."""
        await self._settled.wait()

    def place_workers(self, sockets: Mapping[str, str]) -> None:
        """Where the workers that were asked for listen, by digest."""
        self._sockets = sockets
        self._news.set()

    def worker_exited(self, digest: str) -> None:
        """A worker ended by itself; the shim starts it again."""
        self._exits[digest] = self._exits.get(digest, 0) + 1
        self._news.set()

    def close(self) -> None:
        """Stop swapping."""
        if self._task is not None:
            self._task.cancel()

    async def _make_live(self, ref: ReleaseRef, fallback: ReleaseRef | None) -> None:
        if self._app.live is None and fallback is not None and fallback.digest != ref.digest:
            await self._try(fallback)
        await self._try(ref)
        self._settled.set()
        self._report()

    async def _try(self, ref: ReleaseRef) -> None:
        """Load a release and let it answer; a refusal is kept for the report."""
        if self._app.live is not None and self._app.live.ref == ref:
            return
        self._loading, self._loading_needs_worker = ref, False
        try:
            async with asyncio.timeout(self._app.limits.load_s):
                release = await self._load(ref)
        except Exception as error:
            if isinstance(error, TimeoutError):
                error = DoesNotStart(release=ref.name, problem=f"it was not ready within {self._app.limits.load_s:g} s")
            log.exception("refused %s", ref.name)
            self._refused = {"digest": ref.digest, **as_refusal(error, ref)}
        else:
            self._swap(release)
        finally:
            self._loading = None
            self._ask_for_workers()

    def _swap(self, release: LiveRelease) -> None:
        old, self._app.live = self._app.live, release
        log.info("%s answers", release.ref.name)
        self._settled.set()
        self._report()
        if old is not None:
            self._retiring.append(old)
            task = asyncio.create_task(self._retire(old))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _retire(self, old: LiveRelease) -> None:
        await old.drain()
        log.info("%s has nothing left to answer", old.ref.name)
        self._retiring.remove(old)
        self._ask_for_workers()

    async def _load(self, ref: ReleaseRef) -> LiveRelease:
        loop = asyncio.get_running_loop()
        checked = await loop.run_in_executor(None, check_bundle, ref, self._keys)
        runner: CompiledModel | WorkerLink
        if checked.compiled:
            runner = await loop.run_in_executor(None, CompiledModel, ref.bundle / "compiled", checked.spec)
        else:
            runner = await self._worker(checked)
        try:
            release = LiveRelease(
                checked,
                runner,
                model=self._app.model,
                requests=self._app.requests_of(ref.version),
                limits=self._app.limits,
                executor=self._executor,
            )
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
        self._loading_needs_worker = True
        self._ask_for_workers()
        while ref.digest not in self._sockets:
            await self._next_news(ref)
        link = WorkerLink(ref, self._sockets[ref.digest], limits=self._app.limits, changed=self._report)
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
        if exits >= self._app.limits.crashes:
            raise DoesNotStart(release=ref.name, problem=f"its worker died {exits} times while it started")

    def _ask_for_workers(self) -> None:
        """Tell the shim which workers shall run: of what loads, answers or still has something to answer."""
        needed = [release.checked for release in (self._app.live, *self._retiring) if release is not None]
        refs = {checked.ref.digest: checked.ref for checked in needed if not checked.compiled}
        if self._loading is not None and self._loading_needs_worker:
            refs[self._loading.digest] = self._loading
        self._tell({"workers": [ref.page() for ref in refs.values()]})

    def _report(self) -> None:
        live = self._app.live
        self._tell(
            {
                "status": {
                    "turn": self._turn,
                    "ready": live is not None and live.ready,
                    "live": live.ref.page() if live is not None else None,
                    "refused": self._refused,
                }
            }
        )
