"""What happens on a Ray node: fetch what a job needs, run it in a process of its own, send back what it made and said.

The process is forked from one that has imported the code of this run and of no other; Ray keeps that one for the
next jobs of the run. The node's folders and the driver's have nothing to do with each other: everything goes by digest.
"""

from __future__ import annotations

import atexit
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.bundle.code import import_roots
from plimsoll.pipeline.executors.ground import Ground
from plimsoll.pipeline.executors.local import LocalExecutor
from plimsoll.pipeline.executors.node_store import NodeStore, folder_below, node_folder
from plimsoll.pipeline.jobs import BuildScorer, CallStep, Ended, ImportTrouble, Job, Rows, Source, Started, Stored
from plimsoll.pipeline.logbook import FOLDER
from plimsoll.pipeline.processes import is_dead, this_process

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Variables that change how sums are cut, and so results: a step has the driver's, not those that Ray sets."""
_LOOK_S = 0.1
_PIECE = 1 << 20
_OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The job has a place."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The job's end and what it wrote down; its outputs are in the driver's artifacts."""

    ended: Ended
    result: str | None


Answer = Placed | Started | Finished | ImportTrouble


def carry_out(job: Job, ground: Ground, threads: Mapping[str, str], depot: Any) -> Iterator[Answer]:
    """Run one job of a run. threads: the driver's settings of `THREADS`, as far as they are set."""
    yield Placed(node=platform.node())
    folder = node_folder()
    store = NodeStore(folder, depot)
    server = _server(ground, folder, store, threads)
    with folder_below(server.folder, "job") as scratch:
        artifacts = FolderStore(scratch / "artifacts")
        given = set(_lend(job, store, artifacts))
        here = replace(job, scratch=scratch, log=scratch / "step.log", devices=_devices(), artifacts=artifacts.root)
        posts = [_Post(here.log, str(job.log))]
        server.executor.start(here)
        try:
            message: Any = None
            while not isinstance(message, Ended | ImportTrouble):
                message = server.executor.wait(_LOOK_S)
                if isinstance(message, Started):
                    server.tell_import(depot, ground)
                    yield message
                _post(posts, here, job, depot)
        except BaseException:  # cancelled: by Ray, in this thread
            server.executor.stop(job.step)
            while not isinstance(server.executor.wait(None), Ended | ImportTrouble):
                pass
            _post(posts, here, job, depot)
            raise
        if isinstance(message, ImportTrouble):
            server.tell_import(depot, ground)
            yield ImportTrouble(trouble=replace(message.trouble, trace=server.told(message.trouble.trace, ground)))
            return
        result = scratch / "result.json"
        text = server.told(result.read_text(), ground) if result.is_file() else None
        if text is not None:
            made = {f"{file.parent.name}{file.name}" for file in artifacts.root.glob("??/*")} - given
            store.send(artifacts, made, str(job.scratch))
        store.shrink()
        yield Finished(ended=message, result=text)


class _Server:
    """The process that steps are forked from, in a folder with the code of one run."""

    def __init__(self, ground: Ground, folder: Path, store: NodeStore, threads: Mapping[str, str]) -> None:
        _sweep(folder / "work")
        self.folder = Path(tempfile.mkdtemp(prefix="run-", dir=folder / "work"))
        (self.folder / _OWNER).write_text(this_process())
        artifacts = FolderStore(self.folder / "artifacts")
        store.lend([ground.code_tree], artifacts)
        store.lend(artifacts.tree(ground.code_tree).values(), artifacts)
        self._root = artifacts.unpack(ground.code_tree, self.folder / "code")
        surroundings = replace(
            ground.surroundings,
            root=self._root,
            import_roots=import_roots(self._root, ground.entry),
            artifacts=artifacts.root,
            log=self.folder / "import.log",
        )
        environment = {name: value for name, value in os.environ.items() if name not in THREADS}
        self.executor = LocalExecutor(surroundings, environment={**environment, **threads, **ground.env})

    def tell_import(self, depot: Any, ground: Ground) -> None:
        """Send what the import printed, which the first to do so does for all."""
        import ray

        log = self.folder / "import.log"
        if log.is_file():
            ray.get(depot.begin.remote(str(ground.surroundings.log), log.read_bytes()))
            log.unlink()

    def told(self, text: str, ground: Ground) -> str:
        """Text with the project's own folder in place of the one here, for people to find."""
        return text.replace(str(self._root), str(ground.surroundings.root))

    def close(self) -> None:
        self.executor.close()
        shutil.rmtree(self.folder, ignore_errors=True)


_SERVERS: dict[tuple[Path, str], _Server] = {}
"""The server of this process, by the run that it is for; at most one, since Ray gives a process one job at a time."""


def _server(ground: Ground, folder: Path, store: NodeStore, threads: Mapping[str, str]) -> _Server:
    run = (ground.surroundings.log, ground.code_tree)
    if run not in _SERVERS:
        if not _SERVERS:
            atexit.register(_close_all)
        _close_all()
        (folder / "work").mkdir(exist_ok=True)
        _SERVERS[run] = _Server(ground, folder, store, threads)
    return _SERVERS[run]


def _close_all() -> None:
    for server in _SERVERS.values():
        server.close()
    _SERVERS.clear()


def _sweep(work: Path) -> None:
    """Remove what processes left that were killed."""
    for owner in work.glob(f"run-*/{_OWNER}"):
        try:
            dead = is_dead(owner.read_text())
        except OSError:
            continue
        if dead:
            shutil.rmtree(owner.parent, ignore_errors=True)


def _lend(job: Job, store: NodeStore, artifacts: FolderStore) -> list[str]:
    """Give a job all that it reads; returns the digests."""
    trees, files = _needed(job)
    store.lend(trees, artifacts)
    inside = [entry for tree in trees for entry in artifacts.tree(tree).values()]
    store.lend([*inside, *files], artifacts)
    return [*trees, *inside, *files]


def _needed(job: Job) -> tuple[list[str], list[str]]:
    """The digests of the trees and of the files that a job's arguments are."""
    trees: list[str] = []
    sources: list[Source] = []
    match job.work:
        case CallStep(arguments=arguments):
            sources = list(arguments.values())
        case BuildScorer(model=model, holdout=holdout, code_tree=code_tree):
            sources = [model, holdout]
            trees = [code_tree]
    trees += [source.digest for source in sources if isinstance(source, Stored)]
    files = [entry.digest for source in sources if isinstance(source, Rows) for entry in source.version.files]
    return trees, files


def _devices() -> tuple[str, ...] | None:
    """The GPUs that Ray gave to this job, whatever it gave to the one for which the server was started."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return None if visible is None else tuple(filter(None, visible.split(",")))


class _Post:
    """A file that grows here and is sent on as it does."""

    def __init__(self, file: Path, target: str) -> None:
        self.file = file
        self._target = target
        self._sent = 0

    def send(self, depot: Any) -> None:
        import ray

        if not self.file.exists() or self.file.stat().st_size == self._sent:
            return
        with self.file.open("rb") as stream:
            stream.seek(self._sent)
            while content := stream.read(_PIECE):
                ray.get(depot.append.remote(self._target, content))
                self._sent += len(content)


def _post(posts: list[_Post], here: Job, job: Job, depot: Any) -> None:
    """Send on what the step printed and logged since."""
    known = {post.file for post in posts}
    found = sorted((here.scratch / FOLDER).glob("*"))
    posts += [_Post(file, str(job.scratch / FOLDER / file.name)) for file in found if file not in known]
    for post in posts:
        post.send(depot)
