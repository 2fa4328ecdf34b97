"""Joins a Ray cluster that is there, and sees to it that its workers have the same runtime as whoever asks.

Nothing here starts a cluster. What is called on a node is named by module and function; the call is refused there,
before anything of it runs, when the node's Plimsoll, Python or packages are not those of the caller.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import plimsoll
from plimsoll.bundle.runtime import lock_differences, lock_text
from plimsoll.kernel.extras import require
from plimsoll.pipeline.errors import RayAddressUnfit, RayNodeUnfit, RayUnreachable
from plimsoll.pipeline.executors import ray_entry

_ADDRESS = "RAY_ADDRESS"
_PATIENCE_S = 5.0
_LOCK = threading.Lock()
_MEMBERS: set[object] = set()
"""One for each that is within `joined`, as far as it was joined here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What a node must have to take part: Plimsoll's version and the text of the packages' lock."""

    version: str
    lock: str


def this_runtime() -> Runtime:
    """The runtime of this process."""
    return Runtime(version=plimsoll.__version__, lock=lock_text())


@contextmanager
def joined() -> Iterator[None]:
    """Within, this process is part of the cluster that RAY_ADDRESS names, else of one that runs on this machine.

    A cluster that this process has joined already, as in a notebook, is used and left as it is.
    Raises PackageMissing, RayAddressUnfit, RayUnreachable.
    """
    require("ray")
    import ray

    with _LOCK:
        member = object()
        if not ray.is_initialized():
            _MEMBERS.clear()
            _join()
            _MEMBERS.add(member)
        elif _MEMBERS:
            _MEMBERS.add(member)
    try:
        yield
    finally:
        with _LOCK:
            ours = member in _MEMBERS
            _MEMBERS.discard(member)
            if ours and not _MEMBERS:
                ray.shutdown()


def on_nodes(call: str, *, runtime: Runtime, streams: bool = False, **options: Any) -> Any:
    """What carries `module:function` out on a node: call it with `packed` arguments, then with Ray's own handles.

    streams: the function yields; its answers come one by one. options: Ray's, such as num_cpus. Nothing is tried
    twice unless they say so. Read answers with `answer`, which knows the refusals.
    """
    import ray
    from ray import cloudpickle

    # By value, since a node without Plimsoll must be able to read it, and to say what it lacks.
    cloudpickle.register_pickle_by_value(ray_entry)  # type: ignore[no-untyped-call]
    entry = ray_entry.enter_streaming if streams else ray_entry.enter
    extra = {"num_returns": "streaming"} if streams else {}
    task = ray.remote(entry).options(**{"max_retries": 0, **extra, **options})
    return _Call(task=task, call=call, runtime=runtime)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    task: Any
    call: str
    runtime: Runtime

    def __call__(self, *arguments: Any, handles: tuple[Any, ...] = ()) -> Any:
        """Begin it. arguments: plain data, pickled here and read only by an equal runtime. handles: actors, references."""
        payload = pickle.dumps(arguments)
        return self.task.remote((self.runtime.version, self.runtime.lock), self.call, payload, *handles)


def answer(reference: Any) -> Any:
    """The value of a reference. Raises RayNodeUnfit for a node that refused; else what Ray raises."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        facts = _refusal(error)
        if facts is None:
            raise
        raise RayNodeUnfit(node=facts["node"], problem=_problem(facts)) from None


def _refusal(error: Any) -> Mapping[str, str] | None:
    cause = getattr(error, "cause", None)
    arguments: tuple[Any, ...] = getattr(cause, "args", ())
    return arguments[1] if arguments[:1] == (ray_entry.REFUSED,) else None


def _problem(facts: Mapping[str, str]) -> str:
    if facts["missing"]:
        return f"Plimsoll cannot be imported there ({facts['missing']})"
    if facts["version"] != plimsoll.__version__:
        return f"it has Plimsoll {facts['version']}, and this is {plimsoll.__version__}"
    return f"its packages differ: {lock_differences(lock_text(), facts['lock']).replace(', here', ', there')}"


def _join() -> None:
    import ray

    address = os.environ.get(_ADDRESS, "") or "auto"
    if address == "local" or "://" in address:
        raise RayAddressUnfit(address=address)
    if address != "auto":
        _require_answer(address)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tips for what Ray will do in years to come
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        problem = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RayUnreachable(address=address, problem=problem.rstrip(".")) from error


def _require_answer(address: str) -> None:
    """Ask first: Ray itself tries for minutes where nobody answers."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise RayAddressUnfit(address=address)
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S).close()
    except OSError as error:
        raise RayUnreachable(address=address, problem=(error.strerror or str(error)).lower()) from error
