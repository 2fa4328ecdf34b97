"""Our side of the process that speaks to MLflow (`speaker.py`): start it, ask it, wait so long and no longer.

MLflow's client is never imported here: it costs a second and 76 MB, and its state is the whole process's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, Queue
from typing import Any, Self

PATIENCE_S = 30.0
"""How long one question may take, the start of the process with it."""


class MlflowTrouble(Exception):
    """MLflow could not be told, and why. Stays in this area: whoever asks makes a warning of it."""


class Hand:
    """A process with MLflow's client, asked one thing at a time. Use as a context: leaving it ends the process."""

    def __init__(self, environ: Mapping[str, str], *, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "plimsoll.integrations.mlflow.speaker"],
            env={**os.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is ours: it shall still be told how the run ended
            text=True,
        )
        self._answers: Queue[str] = Queue()
        threading.Thread(target=self._listen, name="mlflow", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, order: str, **facts: Any) -> Any:
        """The answer to an order, by the function of its name in `speaker.py`. Raises MlflowTrouble."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"order": order, **facts}) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=self._patience_s)
        except Empty as error:
            self._process.kill()  # what it answers later would be taken for the next answer
            raise MlflowTrouble(f"it did not answer within {self._patience_s:g} s") from error
        except OSError as error:
            raise MlflowTrouble("the process that speaks to it is gone") from error
        if not line:
            raise MlflowTrouble("the process that speaks to it ended")
        answer = json.loads(line)
        if "problem" in answer:
            raise MlflowTrouble(answer["problem"])
        return answer["answer"]

    def close(self) -> None:
        """End the process; it is given a moment to finish what it was asked."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(self._patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._answers.put(line)
        self._answers.put("")
