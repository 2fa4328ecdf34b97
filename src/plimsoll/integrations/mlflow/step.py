"""What holds around a step's function, in the step's own process: MLflow runs that it starts belong to our run.

MLflow is not imported here: it reads the tags from the environment when the step's own code starts a run.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from plimsoll.pipeline.jobs import Job

CONTEXT = "MLFLOW_RUN_CONTEXT"
"""MLflow gives the tags in this variable to every run that is started."""


@contextmanager
def around(job: Job) -> Iterator[None]:
    """Name the step in the tags; afterwards end the run that is left open, and wait for what is still being sent.

    The process ends without MLflow's own clearing up, which would do this.
    """
    tags = json.loads(os.environ[CONTEXT])
    os.environ[CONTEXT] = json.dumps({**tags, "plimsoll.step": job.step, "mlflow.runName": job.step})
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    finally:
        _finish(status)


def _finish(status: str) -> None:
    mlflow = sys.modules.get("mlflow")
    if mlflow is None:
        return
    mlflow.flush_async_logging()
    while mlflow.active_run() is not None:
        mlflow.end_run(status)
