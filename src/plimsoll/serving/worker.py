"""A worker: one release, in its own runtime, answering frames on a Unix socket that the shim owns.

Requests are scored one at a time, in the order received. It greets each connection with what it holds, or with why it
refused; it ends when the shim does.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from plimsoll.bundle.entities import ScorerSpec
from plimsoll.bundle.scorer import Scorer, load_scorer
from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.serving.entities import ReleaseRef
from plimsoll.serving.framing import GREETING, Frame, Unpacker, pack
from plimsoll.serving.loading import check_bundle, made_up_row

log = logging.getLogger("plimsoll.worker")


def main() -> None:
    """Load, then answer until the shim ends."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    _end_with(socket.socket(fileno=options.lifeline))
    ref = ReleaseRef(name=options.name, digest=options.digest, bundle=options.bundle)
    scorer, greeting = _load(ref, options.keys)
    waiting: queue.SimpleQueue[tuple[Connection, Frame]] = queue.SimpleQueue()
    listener = socket.socket(fileno=options.listen)
    threading.Thread(target=_accept, args=(listener, greeting, waiting), name="accept", daemon=True).start()
    while True:
        connection, frame = waiting.get()
        header, raw = answer(scorer, frame.header["columns"], request=frame.request)
        connection.send(pack(frame.request, header, raw))


class Connection:
    """One door's connection: frames in on a thread of its own, answers out from the scoring thread."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream

    def serve(self, greeting: dict[str, Any], arrived: Callable[[Frame], None]) -> None:
        """Greet, then hand over every frame until the door goes."""
        self.send(pack(GREETING, greeting))
        unpacker = Unpacker()
        with self._stream:
            while content := self._receive():
                for frame in unpacker.feed(content):
                    arrived(frame)

    def send(self, content: bytes) -> None:
        """Send an answer; a door that has gone asks again when it is back."""
        try:
            self._stream.sendall(content)
        except OSError as error:
            log.info("a door has gone: %s", error)

    def _receive(self) -> bytes:
        try:
            return self._stream.recv(1 << 18)
        except OSError:
            return b""


def _load(ref: ReleaseRef, keys: Path) -> tuple[Scorer | None, dict[str, Any]]:
    """The scorer and the greeting that tells of it; no scorer when the bundle is refused or cannot be loaded.

    It has been used by then: a successor's first callers must not pay for that.
    """
    try:
        checked = check_bundle(ref, keys)
        scorer = load_scorer(checked.scorer)
        _warm(scorer, checked.spec)
    except PlimsollError as error:
        log.exception("refused %s", ref.name)
        return None, {"refused": {"code": error.code, "text": str(error), "hint": error.advice}}
    except Exception as error:
        log.exception("cannot load %s", ref.name)
        text = f"{ref.name} cannot be loaded: {type(error).__name__}: {error}"
        return None, {"refused": {"code": "serving.does_not_start", "text": text, "hint": ""}}
    log.info("%s is loaded", ref.name)
    return scorer, {"ready": ref.digest, "pid": os.getpid()}


def _warm(scorer: Scorer, spec: ScorerSpec) -> None:
    """Score a made-up row; a model may well refuse it."""
    import pandas as pd

    try:
        scorer.score(pd.DataFrame(made_up_row(spec)))
    except Exception as error:  # noqa: BLE001 - whatever it is, callers' rows are what counts
        log.info("it does not take a made-up row: %s", error)


def _accept(
    listener: socket.socket, greeting: dict[str, Any], waiting: queue.SimpleQueue[tuple[Connection, Frame]]
) -> None:
    listener.setblocking(True)
    while True:
        stream, _ = listener.accept()
        connection = Connection(stream)

        def arrived(frame: Frame, connection: Connection = connection) -> None:
            waiting.put((connection, frame))

        threading.Thread(target=connection.serve, args=(greeting, arrived), name="door", daemon=True).start()


def answer(
    scorer: Scorer | None, columns: Mapping[str, list[Any]], *, request: int = 0
) -> tuple[dict[str, Any], bytes]:
    """Scores as float64 bytes with their shape; or the error, as a code and a text. request: its number, for the log."""
    import pandas as pd

    if scorer is None:
        return {"failed": "serving.does_not_start", "text": "this worker holds no release"}, b""
    try:
        scores = scorer.score(pd.DataFrame(columns))
    except PlimsollError as error:
        if error.kind is not Kind.INVALID:
            log.exception("request %d", request)
        return {"failed": error.code, "invalid": error.kind is Kind.INVALID, "text": str(error).partition("\n")[0]}, b""
    except Exception as error:
        log.exception("request %d", request)
        return {"failed": "serving.model_failed", "text": f"{type(error).__name__}: {error}"}, b""
    return raw_of(scores.decision if scores.probabilities is None else scores.probabilities)


def raw_of(output: Any) -> tuple[dict[str, Any], bytes]:
    """A model's output as it travels."""
    numbers = np.ascontiguousarray(output, dtype=np.float64)
    return {"shape": numbers.shape}, numbers.tobytes()


def _end_with(lifeline: socket.socket) -> None:
    """End this process when the other end of the lifeline closes, whatever the scoring thread is doing."""

    def watch() -> None:
        while lifeline.recv(64):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="plimsoll.serving.worker", description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--digest", required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--listen", type=int, required=True, help="file descriptor of the listening socket")
    parser.add_argument("--lifeline", type=int, required=True, help="file descriptor that closes when the shim ends")
    return parser.parse_args()


if __name__ == "__main__":
    main()
