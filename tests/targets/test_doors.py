"""Several doors on one socket: what is observed is what all of them say, and a killed one loses only its own."""

import os
import signal
from collections import Counter

import pytest
from serving_cases import ENVIRONMENT, Load
from test_process_target import until

from plimsoll.capture.reader import read_predictions

pytestmark = pytest.mark.story


def test_two_doors_answer_on_one_socket_and_share_a_worker(two_doors, compiled_1, worker_3):
    observed = two_doors.roll_out(compiled_1, worker_3, 50)
    assert Counter(role for role, _ in observed.processes) == {"shim": 1, "door": 2, "worker": 1}
    slots = set()
    until(lambda: slots.add(slot_of(two_doors.caller())) or slots == {"door-1", "door-2"})
    with Load(two_doors.port, callers=6) as load:
        load.wait_for(200, release="fraud@3")
    assert (load.refused, load.broken) == ([], [])
    counts = two_doors.counts()[1]
    assert counts.champion.requests + counts.candidate.requests == len(load.answers)


def slot_of(caller):
    text = caller.get("/metrics").body.decode()
    return next(line for line in text.splitlines() if line.startswith("plimsoll_door{")).split('"')[5]


def test_a_killed_door_loses_what_was_inside_it_and_no_count(two_doors, compiled_1, compiled_2):
    two_doors.roll_out(compiled_1, compiled_2, 50)
    kills = 3
    with Load(two_doors.port, callers=6) as load:
        for _ in range(kills):
            load.wait_for(300)
            pid = two_doors.pids("door")[0]
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: len(two_doors.pids("door")) == 2 and pid not in two_doors.pids("door"))
            two_doors.settle()
        load.wait_for(300)

    assert load.refused == []
    assert len(load.broken) <= kills * load.callers
    counts = two_doors.counts()[1]
    counted = counts.champion.requests + counts.candidate.requests
    captured = sum(item.rollout == "rollout-1" for item in read_predictions(two_doors.capture))
    assert len(load.answers) <= counted <= len(load.sent)
    assert captured <= counted <= captured + kills  # a kill between the two appends of one request: counted first


def test_fewer_doors_are_kept_when_fewer_are_wanted(two_doors, compiled_1):
    two_doors.apply(compiled_1)
    two_doors.doors = 1
    two_doors.apply(compiled_1)
    until(lambda: len(two_doors.pids("door")) == 1)
    assert two_doors.caller().infer().status == 200


def test_a_disk_that_refuses_counts_is_told_and_so_is_its_end(place, compiled_1, compiled_2):
    """Callers are answered all along; nobody must take silence for health."""
    counts = place.workspace.environment(ENVIRONMENT) / "counts"
    counts.mkdir(parents=True)
    (counts / "rollout-1").write_text("a file where the folder of the counts should be")
    place.roll_out(compiled_1, compiled_2, 50)
    assert place.caller().infer().status == 200
    until(lambda: "outcomes cannot be counted" in place.observe().problem)

    (counts / "rollout-1").unlink()
    assert place.caller().infer().status == 200
    until(lambda: place.observe().problem == "")
    assert place.observe().ready
