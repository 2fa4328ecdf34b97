"""Asks a loaded release about batches, several at once, and gives its answers in the batches' order.

Every batch goes the way of a request through the door: read, checked, scored and decided by the same code. When the
release refuses a batch, its halves are asked, down to the rows that are to blame.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence

from plimsoll.batch.entities import Answer, Batch
from plimsoll.batch.errors import RowRefused
from plimsoll.kernel.errors import PlimsollError
from plimsoll.serving.errors import BadRequest, ModelFailed, WorkerDied
from plimsoll.serving.live import LiveRelease
from plimsoll.serving.oip import Output

AHEAD = 2
"""Batches that each worker has before it, so that none waits for the next to be read."""


async def answers(
    given: Iterator[Batch], crew: Sequence[LiveRelease], *, keep_bad: bool, files: str
) -> AsyncIterator[Answer]:
    """The answers in the order of the batches. Raises RowRefused, and what a release raises that is no row's fault."""
    loop = asyncio.get_running_loop()
    asked: deque[asyncio.Task[Answer]] = deque()
    turn = 0
    try:
        while batch := await loop.run_in_executor(None, next, given, None):
            asked.append(asyncio.create_task(_ask(crew[turn % len(crew)], batch, keep_bad=keep_bad, files=files)))
            turn += 1
            if len(asked) >= AHEAD * len(crew):
                yield await asked.popleft()
        while asked:
            yield await asked.popleft()
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def _ask(release: LiveRelease, batch: Batch, *, keep_bad: bool, files: str) -> Answer:
    try:
        request = release.read({"inputs": list(batch.tensors)})
        outputs = await release.score(request)
    except (BadRequest, ModelFailed, WorkerDied) as error:
        if batch.rows > 1:
            return await _ask_halves(release, batch, keep_bad=keep_bad, files=files, error=error)
        if not keep_bad:
            problem = _problem(error)
            raise RowRefused(release=release.ref.name, row=batch.first, files=files, problem=problem) from error
        return Answer(rows=1, columns={}, errors=(_problem(error),))
    return Answer(rows=batch.rows, columns={item.name: _by_row(item) for item in outputs}, errors=(None,) * batch.rows)


async def _ask_halves(
    release: LiveRelease, batch: Batch, *, keep_bad: bool, files: str, error: PlimsollError
) -> Answer:
    middle = batch.rows // 2
    halves = [
        await _ask(release, part, keep_bad=keep_bad, files=files)
        for part in (batch.part(0, middle), batch.part(middle, batch.rows))
    ]
    if not keep_bad:  # each half is answered, and both together are not: no row is to blame
        raise error
    names = {name for half in halves for name in half.columns}
    return Answer(
        rows=batch.rows,
        columns={name: [*_column(halves[0], name), *_column(halves[1], name)] for name in names},
        errors=halves[0].errors + halves[1].errors,
    )


def _column(answer: Answer, name: str) -> list[object]:
    return list(answer.columns.get(name, [None] * answer.rows))


def _by_row(output: Output) -> list[object]:
    """One value a row: of a tensor with a second dimension, that row's list."""
    if len(output.shape) == 1:
        return output.data
    width = output.shape[1]
    return [output.data[begin : begin + width] for begin in range(0, len(output.data), width)]


def _problem(error: PlimsollError) -> str:
    """What is wrong with a row that was asked about alone."""
    listed = error.facts.get("listing") or error.facts.get("problem") or str(error)
    return str(listed).replace(" in row 0", "")
