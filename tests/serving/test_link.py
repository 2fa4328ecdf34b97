"""The door's end of a worker against a worker that is told when to answer and when to die."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from plimsoll.serving.entities import Limits, ReleaseRef
from plimsoll.serving.errors import BadRequest, ModelFailed, Overloaded, TooLate, WorkerDied
from plimsoll.serving.framing import GREETING, Unpacker, pack
from plimsoll.serving.link import Refused, WorkerLink

REF = ReleaseRef(name="fraud@1", digest="d", bundle=Path("/nowhere"))


class ScriptedWorker:
    """Doubles every number of the column x, in order; some numbers mean something else."""

    def __init__(self, greeting):
        self.greeting = greeting
        self.lives = 0
        self.seen = []

    async def serve(self, reader, writer):
        self.lives += 1
        writer.write(pack(GREETING, self.greeting))
        unpacker = Unpacker()
        while content := await reader.read(1 << 16):
            for frame in unpacker.feed(content):
                (value,) = frame.header["columns"]["x"]
                self.seen.append(value)
                if value == "die" or (value == "die once" and self.lives == 1):
                    writer.transport.abort()
                    return
                if value != "keep silent":
                    writer.write(self.answer(frame.request, value))
        writer.close()

    def answer(self, request, value):
        if value == "bad":
            return pack(request, {"failed": "bundle.bad_rows", "invalid": True, "text": "x is bad"})
        if value == "fail":
            return pack(request, {"failed": "bundle.scoring_failed", "text": "ValueError: no"})
        return pack(request, {"shape": [1, 1]}, np.array([2.0 * value if value != "die once" else 0.0]).tobytes())


@asynccontextmanager
async def linked(tmp_path, greeting=None, **limits):
    worker = ScriptedWorker(greeting or {"ready": "d"})
    server = await asyncio.start_unix_server(worker.serve, str(tmp_path / "w.sock"))
    link = WorkerLink(REF, str(tmp_path / "w.sock"), limits=Limits(**limits))
    try:
        yield link, worker
    finally:
        await link.close()
        server.close()
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - the worker's side of the connections ends with them
            await asyncio.sleep(0.001)


async def ask(link, value):
    return (await link.output({"x": [value]}, 1)).tolist()


def run(story):
    async def bounded():
        async with asyncio.timeout(5):
            await story

    asyncio.run(bounded())


def test_many_requests_share_the_connection(tmp_path):
    async def story():
        async with linked(tmp_path) as (link, worker):
            await link.greeting()
            answers = await asyncio.gather(*(ask(link, number) for number in range(100)))
            assert answers == [[[2.0 * number]] for number in range(100)]
            assert worker.lives == 1

    run(story())


def test_what_a_dead_worker_left_is_asked_again(tmp_path):
    async def story():
        async with linked(tmp_path) as (link, worker):
            await link.greeting()
            values = [1, "die once", 2, 3]
            answers = await asyncio.gather(*(ask(link, value) for value in values))
            assert answers == [[[2.0]], [[0.0]], [[4.0]], [[6.0]]]
            assert (worker.lives, link.deaths) == (2, 1)

    run(story())


def test_only_the_request_that_kills_workers_fails(tmp_path):
    async def story():
        async with linked(tmp_path, crashes=3) as (link, worker):
            await link.greeting()
            answers = await asyncio.gather(*(ask(link, value) for value in [1, "die", 2, 3]), return_exceptions=True)
            assert isinstance(answers[1], WorkerDied)
            assert [answers[0], *answers[2:]] == [[[2.0]], [[4.0]], [[6.0]]]
            assert worker.seen.count("die") == 3

    run(story())


def test_errors_of_the_rows_and_of_the_model_are_told_apart(tmp_path):
    async def story():
        async with linked(tmp_path) as (link, _):
            with pytest.raises(BadRequest, match="x is bad"):
                await ask(link, "bad")
            with pytest.raises(ModelFailed, match="ValueError: no"):
                await ask(link, "fail")

    run(story())


def test_a_worker_that_says_nothing_is_given_up_at_the_deadline(tmp_path):
    async def story():
        async with linked(tmp_path, deadline_s=0.05) as (link, _):
            await link.greeting()
            with pytest.raises(TooLate):
                await ask(link, "keep silent")
            assert await ask(link, 4) == [[8.0]]

    run(story())


def test_the_queue_is_bounded(tmp_path):
    async def story():
        async with linked(tmp_path, waiting=2) as (link, _):
            await link.greeting()
            waiting = [asyncio.create_task(ask(link, "keep silent")) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await ask(link, 1)
            for task in waiting:
                task.cancel()

    run(story())


def test_what_is_given_up_counts_as_waiting_until_the_worker_has_answered_or_died(tmp_path):
    async def story():
        async with linked(tmp_path, waiting=2, deadline_s=0.05, crashes=2) as (link, worker):
            await link.greeting()
            for _ in range(2):
                with pytest.raises(TooLate):
                    await ask(link, "keep silent")
            with pytest.raises(Overloaded):
                await ask(link, 1)
            link._connection.abort()
            while worker.lives < 2 or not link.ready:  # noqa: ASYNC110 - the link tells nobody
                await asyncio.sleep(0.001)
            assert await ask(link, 4) == [[8.0]]
            assert worker.seen.count("keep silent") == 2

    run(story())


def test_a_refusal_is_passed_on(tmp_path):
    page = {"code": "serving.runtime_differs", "text": "numpy differs", "hint": ""}

    async def story():
        async with linked(tmp_path, greeting={"refused": page}) as (link, _):
            with pytest.raises(Refused, match="numpy differs"):
                await link.greeting()
            assert not link.ready

    run(story())
