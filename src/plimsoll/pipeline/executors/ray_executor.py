"""Runs steps on the nodes of a Ray cluster: Ray decides where and when, `ray_node.py` does the work there.

Ray retries nothing by itself, so that no step runs twice unless its `retries` say so. All tasks belong to this process:
when it ends, however it does, Ray ends them, and with them the steps.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from plimsoll.kernel.sizes import size_text
from plimsoll.pipeline.entities import Step
from plimsoll.pipeline.errors import NoSuchRoom, RayAddressUnfit, RayLost, RayNodeUnfit
from plimsoll.pipeline.executors.gpus import gpus_text, there_are
from plimsoll.pipeline.executors.ground import Ground
from plimsoll.pipeline.executors.ray_cluster import answer, joined, on_nodes, this_runtime
from plimsoll.pipeline.executors.ray_node import THREADS, Finished, Placed
from plimsoll.pipeline.jobs import Ended, ImportTrouble, Job, Started

_MOST_WAITING = 4
"""How many jobs may wait for a node: enough to keep Ray busy, few enough that little begins after a failure."""
_GRACE_S = 5.0
_CARRY_OUT = "plimsoll.pipeline.executors.ray_node:carry_out"


@dataclass(slots=True, kw_only=True)
class _Running:
    job: Job
    answers: Any
    node: str = ""
    """Empty as long as it waits for one."""
    stopped_at: float | None = None
    forced: bool = False


def open_executor(ground: Ground) -> RayExecutor:
    """The executor for one run."""
    return RayExecutor(ground)


class RayExecutor:
    """Steps on a Ray cluster. Use as a context: leaving it ends every step, and leaves the cluster."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._threads = {name: os.environ[name] for name in THREADS if name in os.environ}
        self._runtime = this_runtime()
        self._running: dict[str, _Running] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Join the cluster. Raises what `joined` raises, and RayNodeUnfit when this machine's own node is."""
        with ExitStack() as stack:
            stack.enter_context(joined())
            self._most_cpu = max((node["Resources"].get("CPU", 0.0) for node in _nodes()), default=0.0)
            self._depot = self._start_depot()
            stack.callback(_kill, self._depot)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def require(self, steps: Iterable[Step]) -> None:
        """Raises NoSuchRoom for a step that wants more GPUs or memory than any node has."""
        gpus = max((int(node["Resources"].get("GPU", 0)) for node in _nodes()), default=0)
        memory = max((int(node["Resources"].get("memory", 0)) for node in _nodes()), default=0)
        for step in steps:
            if step.gpu > gpus:
                where, asked = "on any node of the Ray cluster", gpus_text(step.gpu)
                found = there_are(gpus) if gpus == 0 else f"{there_are(gpus)} at most"
                raise NoSuchRoom(step=step.name, asked=asked, found=found, where=where)
            if step.memory is not None and step.memory > memory:
                found, where = f"are {size_text(memory)} at most", "on any node of the Ray cluster"
                raise NoSuchRoom(step=step.name, asked=size_text(step.memory), found=found, where=where)

    def has_room(self, cpu: float, gpu: int = 0) -> bool:  # noqa: ARG002 - Ray knows better what fits where
        """Whether few jobs wait for a node; Ray starts them as there is room."""
        return sum(not running.node for running in self._running.values()) < _MOST_WAITING

    def start(self, job: Job) -> None:
        """Hand a job to Ray. One that wants more cores than any node has gets all of the largest."""
        call = on_nodes(
            _CARRY_OUT,
            runtime=self._runtime,
            streams=True,
            num_cpus=min(job.cpu, self._most_cpu),
            num_gpus=job.gpu,
            memory=job.memory,
            name=f"plimsoll {job.step}",
            scheduling_strategy="SPREAD",
        )
        answers = call(job, self._ground, self._threads, handles=(self._depot,))
        self._running[job.step] = _Running(job=job, answers=answers)

    def stop(self, step: str) -> None:
        """Have a job cancelled, wherever it is; by force when it does not end soon."""
        running = self._running.get(step)
        if running is not None and running.stopped_at is None:
            running.stopped_at = time.monotonic()
            _cancel(running.answers, force=False)

    def wait(self, timeout_s: float | None) -> Started | Ended | ImportTrouble | None:
        """The next thing that happens. Raises RayNodeUnfit, which is nothing that trying again would mend, and RayLost."""
        import ray

        self._press()
        if not self._running:
            time.sleep(timeout_s or 0.0)
            return None
        by_answers = {running.answers: running for running in self._running.values()}
        try:
            ready, _ = ray.wait(list(by_answers), num_returns=1, timeout=timeout_s, fetch_local=False)
        except ray.exceptions.RayError as error:
            raise RayLost(problem=_first_line(error)) from error
        return self._hear(by_answers[ready[0]]) if ready else None

    def close(self) -> None:
        """Cancel what runs, see it gone, and leave the cluster."""
        for step in list(self._running):
            self.stop(step)
        deadline = time.monotonic() + 2 * _GRACE_S
        with contextlib.suppress(RayLost, RayNodeUnfit):
            while self._running and time.monotonic() < deadline:
                self.wait(0.1)
        self._running.clear()
        self._stack.close()

    def _hear(self, running: _Running) -> Started | Ended | ImportTrouble | None:
        import ray

        try:
            message = answer(next(running.answers))
        except RayNodeUnfit:
            del self._running[running.job.step]
            raise
        except (ray.exceptions.RayError, StopIteration) as error:
            del self._running[running.job.step]
            problem = "it was stopped" if running.stopped_at is not None else _problem(running, error)
            return Ended(step=running.job.step, code=-signal.SIGKILL, problem=problem)
        match message:
            case Placed():
                running.node = message.node
                return None
            case Finished():
                del self._running[running.job.step]
                if message.result is not None:
                    (running.job.scratch / "result.json").write_text(message.result)
                return message.ended
            case ImportTrouble():
                self._running.pop(running.job.step)
        heard: Started | ImportTrouble = message
        return heard

    def _press(self) -> None:
        """Have Ray kill the process of a job that was cancelled a while ago and is still there."""
        for running in self._running.values():
            since = running.stopped_at
            if since is not None and not running.forced and time.monotonic() > since + _GRACE_S:
                running.forced = True
                _cancel(running.answers, force=True)

    def _start_depot(self) -> Any:
        """The actor on this node that has our files. Raises RayNodeUnfit, RayAddressUnfit."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        options: dict[str, Any] = {"num_cpus": 0, "scheduling_strategy": here}
        # Before an actor, whose class a node without Plimsoll could not even read.
        answer(on_nodes("os:getpid", runtime=self._runtime, **options)())
        from plimsoll.pipeline.executors.ray_depot import Depot

        depot: Any = ray.remote(Depot).options(**options, max_concurrency=8, max_restarts=3)
        actor: Any = depot.remote(str(self._ground.surroundings.artifacts))
        if not ray.get(actor.holds.remote(self._ground.code_tree)):
            _kill(actor)
            raise RayAddressUnfit(address=os.environ.get("RAY_ADDRESS", "auto"))
        return actor


def _nodes() -> list[dict[str, Any]]:
    import ray

    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _cancel(answers: Any, *, force: bool) -> None:
    import ray

    with contextlib.suppress(ray.exceptions.RayError, ValueError):
        ray.cancel(answers, force=force)


def _kill(actor: Any) -> None:
    import ray

    with contextlib.suppress(ray.exceptions.RayError):
        ray.kill(actor)


def _problem(running: _Running, error: BaseException) -> str:
    """Why a job ended without an answer."""
    import ray

    place = f"the node {running.node}" if running.node else "its node"
    lost = (ray.exceptions.NodeDiedError, ray.exceptions.WorkerCrashedError, ray.exceptions.LocalRayletDiedError)
    if isinstance(error, lost):
        return f"{place}, or Ray's process on it, was lost while it ran there"
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return f"Ray stopped it because memory ran out on {place}"
    cause = getattr(error, "cause", None) or error
    return f"{place} could not carry it out: {_first_line(cause)}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
