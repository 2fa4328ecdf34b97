"""Batches of rows scored on the nodes of a Ray cluster, which share no files with whoever asks.

The bundle travels once through Ray's object store; a node lays it out, verifies it and loads it once in each process.
Batches and answers travel as they do between a door and a worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.pipeline.executors.ray_cluster import answer, joined, on_nodes, this_runtime
from plimsoll.serving.entities import ReleaseRef
from plimsoll.serving.link import scores_of

_CALL = "plimsoll.batch.ray_node:score_batch"
_TRIES = 3
"""How often a batch is begun again when its node is lost: scoring changes nothing."""


class RayRunner:
    """Scores batches wherever the cluster has room. Stands where a worker's link would."""

    def __init__(self, ref: ReleaseRef, bundle: Any, *, most: int) -> None:
        self.ready = True
        self.deaths = 0
        self._ref = ref
        self._bundle = bundle
        self._call = on_nodes(_CALL, runtime=this_runtime(), max_retries=_TRIES)
        self._waiting = ThreadPoolExecutor(max_workers=most, thread_name_prefix="ray")

    async def output(self, columns: Mapping[str, list[Any]], rows: int) -> NDArray[np.float64]:
        """The model's raw output, as `WorkerLink.output` gives it. Raises BadRequest, ModelFailed, RayNodeUnfit."""
        reference = self._call(self._ref.name, self._ref.digest, dict(columns), rows, handles=([self._bundle],))
        header, raw = await asyncio.get_running_loop().run_in_executor(self._waiting, answer, reference)
        return scores_of(header, raw, release=self._ref.name)

    async def close(self) -> None:
        """Give up what is still waited for."""
        self._waiting.shutdown(wait=False, cancel_futures=True)


@contextmanager
def ray_runner(ref: ReleaseRef, keys: Path, *, ahead: int) -> Iterator[tuple[RayRunner, int]]:
    """A runner on the cluster, and how many batches should be under way at once: one a core, and some ahead.

    Raises PackageMissing, RayAddressUnfit, RayUnreachable.
    """
    with joined():
        import ray

        total = ray.cluster_resources()  # type: ignore[no-untyped-call]
        cores = max(1, int(total.get("CPU", 1)))
        files = {file.relative_to(ref.bundle).as_posix(): file.read_bytes() for file in _files(ref.bundle)}
        public = {file.name: file.read_bytes() for file in keys.glob("*.pub")}
        runner = RayRunner(ref, ray.put((files, public)), most=cores * ahead)
        yield runner, cores


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
