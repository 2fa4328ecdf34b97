"""A release that is loaded and answers: from inside the door when it is compiled, else through its worker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.scores import decide
from plimsoll.serving.compiled import CompiledModel
from plimsoll.serving.entities import Limits
from plimsoll.serving.errors import ModelFailed
from plimsoll.serving.loading import CheckedBundle, made_up_row
from plimsoll.serving.oip import InferRequest, Output, Protocol
from plimsoll.serving.pace import Pace
from plimsoll.serving.ports import Runner


class LiveRelease:
    """One loaded release with its protocol, its pace and its requests in flight."""

    def __init__(self, checked: CheckedBundle, runner: CompiledModel | Runner, *, model: str, limits: Limits) -> None:
        self.checked = checked
        self.ref = checked.ref
        self.spec = checked.spec
        self.pace = Pace()
        self.protocol = Protocol(checked.spec, model=model, version=checked.ref.version, most_rows=limits.rows)
        self.platform = "plimsoll_onnx" if isinstance(runner, CompiledModel) else "plimsoll_python"
        self.metadata = self.protocol.metadata(platform=self.platform)
        self.in_flight = 0
        self._runner = runner
        self._limits = limits
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=checked.ref.name)
        self._idle = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether a request would be answered at once."""
        return isinstance(self._runner, CompiledModel) or self._runner.ready

    @property
    def worker_deaths(self) -> int:
        """How often its worker was lost since it was loaded."""
        return 0 if isinstance(self._runner, CompiledModel) else self._runner.deaths

    def read(self, page: Mapping[str, Any]) -> InferRequest:
        """The request in a parsed body. Raises BadRequest that names every problem."""
        return self.protocol.read(page)

    async def score(self, request: InferRequest) -> tuple[Output, ...]:
        """The answer's tensors. Raises a PlimsollError that says what went wrong."""
        output = await self._output(request.columns, request.rows)
        scores = decide(self.spec, output)
        return self.protocol.outputs(scores.probabilities, scores.decision.tolist())

    def write(self, request: InferRequest, outputs: Sequence[Output], *, prediction_id: str) -> bytes:
        """The response body; `id` is the request's own, else the prediction's."""
        return self.protocol.write(request, outputs, prediction_id=prediction_id)

    async def probe(self) -> None:
        """Answer one made-up row, so that the first caller does not pay for first use.

        A model may well refuse the row (a category that it never saw); that it comes back at all is what counts.
        """
        row = made_up_row(self.spec)
        try:
            await self.score(InferRequest(id=None, rows=1, columns=row, context={}, outputs=None))
        except ModelFailed:
            return

    def begin(self) -> None:
        """One more request may need it."""
        self.in_flight += 1

    def end(self) -> None:
        """One request needs it no more."""
        self.in_flight -= 1
        if self.in_flight == 0:
            self._idle.set()

    async def drain(self) -> None:
        """Return when nothing is in flight any more, then let the worker go. No new request may begin."""
        while self.in_flight:
            self._idle.clear()
            await self._idle.wait()
        self._executor.shutdown(wait=False, cancel_futures=True)
        if not isinstance(self._runner, CompiledModel):
            await self._runner.close()

    async def _output(self, columns: Mapping[str, list[Any]], rows: int) -> NDArray[Any]:
        if not isinstance(self._runner, CompiledModel):
            return await self._runner.output(columns, rows)
        if rows <= self._limits.rows_inline:
            return self._compiled(columns, rows)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._compiled, columns, rows)

    def _compiled(self, columns: Mapping[str, list[Any]], rows: int) -> NDArray[Any]:
        assert isinstance(self._runner, CompiledModel)
        try:
            output = self._runner.output(columns, rows)
        except Exception as error:  # onnxruntime raises classes of its own for each status
            problem = f"{type(error).__name__}: {error}"
            raise ModelFailed(release=self.ref.name, problem=problem) from error
        if not np.isfinite(output).all():
            raise ModelFailed(release=self.ref.name, problem="it answered NaN or infinity")
        return output
