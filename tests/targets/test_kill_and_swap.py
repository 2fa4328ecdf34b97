"""Under keep-alive load, processes are killed and releases are swapped: only what was inside a killed door is lost."""

import os
import signal
from collections import Counter

import pytest
from serving_cases import Load, expected_score
from swapping import check_counts, swap
from test_process_target import is_alive, until

from plimsoll.capture.reader import read_predictions

pytestmark = pytest.mark.story


def check_capture(place, load):
    """Every answered prediction is captured exactly once, with the answer that was given."""
    captured = Counter()
    scores = {}
    for item in read_predictions(place.capture):
        captured[item.id] += 1
        scores[item.id] = (item.release, item.inputs["amount"][0], item.outputs["score"][0])
    assert set(captured.values()) == {1}
    assert {item[0] for item in load.answers} <= captured.keys()
    assert all(scores[identifier] == (release, amount, score) for identifier, release, amount, score, _ in load.answers)
    assert len({item[0] for item in load.answers}) == len(load.answers)


def kill_door(place):
    pid = place.pid("door")
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(pid))


def test_a_swap_closes_no_connection_and_loses_no_request(place, compiled_1, compiled_2, worker_3):
    place.apply(compiled_1)
    with Load(place.port) as load:
        load.wait_for(200)
        for release in (compiled_2, worker_3, compiled_1):
            place.apply(release)
            load.wait_for(50, release=release.name)

    assert (load.refused, load.broken) == ([], [])
    assert load.connections == load.callers
    biases = {"fraud@1": 0.0, "fraud@2": 1.0}
    for _, release, amount, score, _ in load.answers:
        if release in biases:
            assert score == pytest.approx(expected_score(biases[release], amount, "GB", False), abs=1e-9)
    check_capture(place, load)
    until(lambda: place.pid("worker") == 0)


@pytest.mark.parametrize("doors", ["place", "two_doors"])
def test_a_hundred_changes_at_random_are_noticed_by_nobody(request, doors, compiled_1, compiled_2):
    place = request.getfixturevalue(doors)
    swaps = swap(place, [compiled_1, compiled_2], 100)
    assert swaps.failures == []
    assert swaps.load.connections == swaps.load.callers
    check_capture(place, swaps.load)
    check_counts(place)


def test_a_killed_door_loses_only_what_was_inside_it(place, compiled_1):
    place.apply(compiled_1)
    kills = 3
    with Load(place.port) as load:
        for _ in range(kills):
            load.wait_for(200)
            kill_door(place)
        load.wait_for(200)

    assert load.refused == []
    assert len(load.broken) <= kills * load.callers
    check_capture(place, load)


def test_a_killed_worker_loses_nothing_and_outlives_a_killed_door(place, worker_3):
    place.apply(worker_3)
    with Load(place.port) as load:
        load.wait_for(30)
        os.kill(place.pid("worker"), signal.SIGKILL)
        load.wait_for(30)
        metrics = place.caller().get("/metrics").body.decode()

    assert (load.refused, load.broken) == ([], [])
    assert load.connections == load.callers
    assert 'plimsoll_worker_restarts_total{model="fraud",environment="staging",version="3"} 1' in metrics
    check_capture(place, load)

    worker = place.pid("worker")
    kill_door(place)
    assert place.caller().infer().status == 200
    assert place.pid("worker") == worker


def test_a_swap_goes_on_when_the_door_is_killed_in_its_middle(place, compiled_1, worker_3):
    place.apply(compiled_1)
    with Load(place.port) as load:
        load.wait_for(50)
        place.tell(worker_3)
        until(lambda: place.pid("worker"))
        assert not place.observe().settled
        lost = len(load.broken)
        kill_door(place)
        load.wait_for(20, release="fraud@3")

    assert lost == 0
    assert load.refused == []
    assert len(load.broken) <= load.callers
    check_capture(place, load)
