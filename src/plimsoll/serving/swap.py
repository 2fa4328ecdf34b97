"""Makes what is wanted so: check, load and probe each release, then move the routes, then drain what is left over.

A release that is refused changes nothing: what answered goes on answering, and the refusal is told. How a release is
loaded is in load.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from plimsoll.capture.errors import CaptureRefused, CountsRefused
from plimsoll.capture.journal import CountJournal
from plimsoll.serving.app import DoorApp
from plimsoll.serving.entities import ReleaseRef, Wanted
from plimsoll.serving.errors import DoesNotStart
from plimsoll.serving.link import as_refusal
from plimsoll.serving.live import LiveRelease
from plimsoll.serving.load import Loader
from plimsoll.serving.routing import Routes, Split

log = logging.getLogger("plimsoll.door")

LOOK_S = 1.0
"""Between two looks at whether the disk takes what is written."""
OVER_AFTER_S = 90.0
"""After this long no request of a rollout that was taken away can still be in flight."""
REST_WITHIN_S = 10.0
"""How long a door that starts waits for what is wanted beside the live release, before it takes connections."""


class Swapper:
    """Moves a door's routes. `tell` sends a message to the shim: how the door is, and which workers it needs."""

    def __init__(self, app: DoorApp, *, keys: Path, counts: Path, tell: Callable[[dict[str, Any]], None]) -> None:
        self._app = app
        self._counts = counts
        self._tell = tell
        self._loader = Loader(
            model=app.model,
            limits=app.limits,
            keys=keys,
            changed=self._report,
            needs_changed=self._ask_for_workers,
        )
        self._wanted: Wanted | None = None
        self._answering: ReleaseRef | None = None
        self._loaded: dict[str, LiveRelease] = {}
        self._refused: dict[str, dict[str, str]] = {}
        self._retiring: list[LiveRelease] = []
        self._journals: dict[str, CountJournal] = {}
        self._closing: asyncio.TimerHandle | None = None
        self._loading: tuple[ReleaseRef, asyncio.Task[None]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._settled_revision = 0
        self._changed = asyncio.Event()
        self._answers = asyncio.Event()
        self._settled = asyncio.Event()

    def want(self, wanted: Wanted, *, answering: ReleaseRef | None) -> None:
        """Make it so. `answering` answered last: it is loaded first while nothing answers."""
        self._wanted = wanted
        self._answering = answering if wanted.live is not None else None
        self._refused = {}
        self._settled.clear()
        self._changed.set()
        self._move()  # at once: what is loaded must not wait for what is loading
        if self._loading is not None and not self._is_next(self._loading[0]):
            self._loading[1].cancel()

    def place_workers(self, sockets: Mapping[str, str]) -> None:
        """Where the workers that were asked for listen, by digest."""
        self._loader.place_workers(sockets)

    def worker_exited(self, digest: str) -> None:
        """A worker ended by itself; the shim starts it again."""
        self._loader.worker_exited(digest)

    async def run(self) -> None:
        """Follow what is wanted for as long as the door lives."""
        while True:
            self._changed.clear()
            self._move()
            ref = self._next()
            if ref is not None:
                task = asyncio.create_task(self._try(ref))
                self._loading = (ref, task)
                await asyncio.wait({task})
                self._loading = None
                continue
            if self._wanted is not None:
                self._settled_revision = self._wanted.revision
                self._settled.set()
                self._report()
                self._ask_for_workers()
            await self._changed.wait()

    async def watch_disk(self) -> None:
        """Tell when the disk begins to refuse what is captured or counted, and when it takes it again."""
        told = ""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._problem() != told:
                told = self._problem()
                log.warning("%s", told or "what is captured and counted is written again")
                self._report()

    async def settled(self) -> None:
        """Return once it is known what answers; with all else that is wanted, if that does not take too long."""
        await self._answers.wait()
        try:
            async with asyncio.timeout(REST_WITHIN_S):
                await self._settled.wait()
        except TimeoutError:
            log.warning("answering before everything is loaded")

    def close(self) -> None:
        """Close the journals; nothing may be in flight."""
        for journal in self._journals.values():
            journal.close()

    def _next(self) -> ReleaseRef | None:
        """What to load now; None when everything wanted is loaded or refused."""
        if self._wanted is None:
            return None
        missing = [ref for digest, ref in self._wanted.releases.items() if self._is_missing(digest)]
        live = self._wanted.live
        missing.sort(key=lambda ref: ref.digest != live)
        last = self._answering
        if last is not None and self._app.routes.live is None and self._is_missing(last.digest):
            missing.insert(0, last)
        return missing[0] if missing else None

    def _is_next(self, ref: ReleaseRef) -> bool:
        """Whether a release that is loading should go on: it is wanted, and nothing more urgent is missing."""
        following = self._next()
        if self._wanted is None or following is None:
            return False
        return ref == following or (following.digest != self._wanted.live and ref in self._wanted.releases.values())

    def _is_missing(self, digest: str) -> bool:
        return digest not in self._loaded and digest not in self._refused

    async def _try(self, ref: ReleaseRef) -> None:
        """Load a release; a refusal is kept for the report."""
        try:
            async with asyncio.timeout(self._app.limits.load_s):
                release = await self._loader.load(ref)
        except Exception as error:
            if isinstance(error, TimeoutError):
                error = DoesNotStart(release=ref.name, problem=f"it was not ready within {self._app.limits.load_s:g} s")
            log.exception("refused %s", ref.name)
            self._refused[ref.digest] = as_refusal(error, ref)
        else:
            log.info("%s is loaded", ref.name)
            self._loaded[ref.digest] = release

    def _move(self) -> None:
        """Let the routes be what is wanted, as far as it is loaded, in one step; let go of what is left over."""
        if self._wanted is None:
            return
        before, live = self._app.routes.live, self._live()
        if live is not None and live is not before:
            log.info("%s answers", live.ref.name)
        split = self._split(live)
        kept = {*self._wanted.releases, *([live.ref.digest] if live is not None else [])}
        leaving = [self._loaded.pop(digest) for digest in self._loaded.keys() - kept]
        by_version = {release.ref.version: release for release in self._loaded.values()}
        self._app.routes = Routes(live=live, split=split, loaded=by_version)
        for release in leaving:
            self._retire(release)
        self._leave_journals()
        self._report()
        if live is not None or self._wanted.live is None or self._next() is None:
            self._answers.set()

    def _live(self) -> LiveRelease | None:
        """What answers: the wanted one if it is loaded, else what did before, else what did before the door died."""
        assert self._wanted is not None
        if self._wanted.live is None:
            return None
        before = self._app.routes.live
        last = self._loaded.get(self._answering.digest) if self._answering is not None else None
        return self._loaded.get(self._wanted.live) or before or last

    def _split(self, live: LiveRelease | None) -> Split[LiveRelease] | None:
        """The rollout's traffic, once both its arms are what it means: until then the live release answers alone."""
        assert self._wanted is not None
        traffic = self._wanted.traffic
        if traffic is None or live is None or live.ref.digest != self._wanted.live:
            return None
        candidate = self._loaded.get(traffic.candidate)
        if candidate is None or candidate is live:
            return None
        journal = self._journal(traffic.rollout)
        return Split(traffic=traffic, stick_to=self._wanted.stick_to, candidate=candidate, journal=journal)

    def _journal(self, rollout: str) -> CountJournal:
        if rollout not in self._journals:
            self._journals[rollout] = CountJournal(self._counts / rollout, now_ns=self._app.now_ns)
        return self._journals[rollout]

    def _leave_journals(self) -> None:
        """Close, later, the journals of rollouts that are over: requests that began in them may still be counted."""
        if self._closing is None and self._journals.keys() - self._current():
            self._closing = asyncio.get_running_loop().call_later(OVER_AFTER_S, self._close_journals)

    def _close_journals(self) -> None:
        self._closing = None
        for rollout in self._journals.keys() - self._current():
            # On a thread, since it waits for the disk.
            asyncio.get_running_loop().run_in_executor(None, self._journals.pop(rollout).close)

    def _current(self) -> set[str]:
        split = self._app.routes.split
        return {split.traffic.rollout} if split is not None else set()

    def _retire(self, release: LiveRelease) -> None:
        self._retiring.append(release)
        task = asyncio.create_task(self._drain(release))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, release: LiveRelease) -> None:
        await release.drain()
        log.info("%s has nothing left to answer", release.ref.name)
        self._retiring.remove(release)
        self._ask_for_workers()

    def _ask_for_workers(self) -> None:
        """Tell the shim which workers shall run: of what loads, is loaded, or still has something to answer."""
        needed = [release.checked for release in (*self._loaded.values(), *self._retiring)]
        refs = {checked.ref.digest: checked.ref for checked in needed if not checked.compiled}
        refs |= {ref.digest: ref for ref in self._loader.needs}
        undecided = [digest for digest in (self._wanted.releases if self._wanted else ()) if self._is_missing(digest)]
        self._tell({"workers": [ref.page() for ref in refs.values()], "perhaps": undecided})

    def _report(self) -> None:
        live = self._app.routes.live
        releases: dict[str, Any] = {digest: {"ready": item.ready} for digest, item in self._loaded.items()}
        releases |= {digest: {"ready": False, "refused": page} for digest, page in self._refused.items()}
        self._tell(
            {
                "status": {
                    "settled": self._settled_revision,
                    "ready": live is not None and live.ready,
                    "live": live.ref.page() if live is not None else None,
                    "releases": releases,
                    "problem": self._problem(),
                }
            }
        )

    def _problem(self) -> str:
        """What cannot be written, as `code: text`; callers are answered all the same."""
        counting = next((journal.problem for journal in self._journals.values() if journal.problem), "")
        if problem := self._app.capture.problem:
            return f"{CaptureRefused.code}: {CaptureRefused(problem=problem)}"
        return f"{CountsRefused.code}: {CountsRefused(problem=counting)}" if counting else ""
