"""A rollout on real processes: shares, what sticks, pins, copies, and candidates that fail in every way."""

import math
import os
import pickle
import re
import shutil
import signal
import time
from collections import Counter

import pytest
from serving_cases import DIES, HANGS, PROJECT, RAISES, Load, a_body, make_release, split, tensor
from test_process_target import until

from plimsoll.capture.reader import read_predictions
from plimsoll.rollout.entities import ObservedRelease
from plimsoll.serving.routing import unit_of

pytestmark = pytest.mark.story


def answers(caller, count, **more):
    """How many answers came from which release."""
    return Counter(caller.infer(**more).headers["plimsoll-release"] for _ in range(count))


def by_customer(caller, customers):
    """Which release answered whom."""
    found = {}
    for name in customers:
        body = a_body()
        body["inputs"].append(tensor("customer_id", "BYTES", name))
        found[name] = caller.infer(body).headers["plimsoll-release"]
    return found


def roles(place, rollout="rollout-1"):
    return Counter(item.role for item in read_predictions(place.capture) if item.rollout == rollout)


def test_requests_are_split_by_weight_and_counted_exactly_as_they_were(place, compiled_1, compiled_2):
    place.roll_out(compiled_1, compiled_2, 20)
    found = answers(place.caller(), 2000)

    counts = place.counts()[1]
    assert (counts.champion.requests, counts.candidate.requests) == (found["fraud@1"], found["fraud@2"])
    assert (counts.units, counts.errors, counts.noticed) == (2000, 0, 0)
    assert roles(place) == {"champion": found["fraud@1"], "candidate": found["fraud@2"]}
    assert abs(found["fraud@2"] - 400) < 5 * math.sqrt(2000 * 0.2 * 0.8)


def test_what_sticks_keeps_its_arm_while_the_share_grows(place, compiled_1, compiled_2):
    customers = [f"c{number}" for number in range(400)]
    had_it = set()
    for stage, share in enumerate((10, 30, 60)):
        drawn = (0, 10, 30)[stage]
        place.roll_out(compiled_1, compiled_2, share, stick_to="customer_id", stage=stage, drawn_pct=drawn)
        caller = place.caller()
        first, second = by_customer(caller, customers), by_customer(caller, customers)
        have_it = {name for name, release in first.items() if release == "fraud@2"}
        assert first == second
        assert have_it == {name for name in customers if unit_of("rollout-1", name) % 1000 < share * 10}
        assert had_it <= have_it
        counts = place.counts()[stage]
        assert counts.candidate.requests == 2 * len(have_it)
        assert counts.candidate.units == len(have_it - had_it)
        assert counts.champion.units == len(customers) - len(have_it)
        had_it = have_it


def test_a_request_that_fits_nobody_is_counted_and_not_compared_unless_it_is_no_request_at_all(
    place, compiled_1, compiled_2
):
    place.roll_out(compiled_1, compiled_2, 50)
    caller = place.caller()
    for body in ("{", "[]", ""):
        assert caller.infer(body).status == 400
    assert place.counts() == {}
    for _ in range(40):
        reply = caller.infer({"inputs": []})
        assert (reply.status, "plimsoll-fallback" in reply.headers) == (400, False)
    counts = place.counts()[1]
    assert (counts.units, counts.errors, counts.noticed) == (0, 0, 0)
    assert counts.champion.requests + counts.candidate.requests == 40
    assert min(counts.champion.requests, counts.candidate.requests) > 0


def test_a_door_that_starts_again_has_both_arms_before_it_answers(place, compiled_1, worker_3):
    place.roll_out(compiled_1, worker_3, 50)
    os.kill(place.pid("door"), signal.SIGKILL)
    found = answers(place.caller(), 60)
    counts = place.counts()[1]
    assert (counts.champion.requests, counts.candidate.requests) == (found["fraud@1"], found["fraud@3"])
    assert counts.candidate.requests > 0


def test_a_header_can_be_what_sticks(place, compiled_1, compiled_2):
    place.roll_out(compiled_1, compiled_2, 50, stick_to="header:X-Session")
    caller = place.caller()
    for session in ("a", "b", "c", "d", "e"):
        assert len(answers(caller, 10, **{"x-session": session})) == 1
    counts = place.counts()[1]
    assert counts.units == 5


def test_testers_pin_any_loaded_release_and_are_not_counted(place, compiled_1, compiled_2, worker_3):
    place.apply(compiled_1, compiled_2, worker_3)
    place.roll_out(compiled_1, compiled_2, 0)
    caller = place.caller()
    for pin, release in (("fraud@2", "fraud@2"), ("1", "fraud@1")):
        reply = caller.infer(**{"plimsoll-release": pin})
        assert (reply.status, reply.headers["plimsoll-release"]) == (200, release)
    reply = caller.infer(path=f"/v2/models/{PROJECT}/versions/2/infer")
    assert (reply.headers["plimsoll-release"], reply.json["model_version"]) == ("fraud@2", "2")
    assert caller.get(f"/v2/models/{PROJECT}/versions/2").json["versions"] == ["2"]
    for pin in ("fraud@3", "other@2", "9"):
        reply = caller.infer(**{"plimsoll-release": pin})
        assert (reply.status, reply.json["error"].endswith("loaded: 1, 2")) == (404, True)

    assert caller.infer().status == 200
    (stage,) = place.counts().values()
    assert (stage.champion.requests, stage.candidate.requests) == (1, 0)
    assert Counter(item.pinned for item in read_predictions(place.capture)) == {True: 3, False: 1}


def test_a_candidate_that_raises_hangs_or_dies_costs_its_callers_nothing(place, compiled_1, odd_4):
    place.roll_out(compiled_1, odd_4, 100, deadline_s=0.5)
    caller = place.caller()
    for number, (amount, errors) in enumerate(((RAISES, 1), (HANGS, 2), (DIES, 2)), 1):
        reply = caller.infer(a_body(amount))
        assert (reply.status, reply.headers["plimsoll-release"]) == (200, "fraud@1")
        assert reply.headers["plimsoll-fallback"] == "fraud@4"
        counts = place.counts()[1]
        assert (counts.candidate.requests, counts.candidate.errors, counts.noticed) == (number, errors, 0)
        assert counts.fallback.total == number
        if amount == HANGS:
            os.kill(place.pid("worker"), signal.SIGKILL)
            until(lambda: not place.observe().release(odd_4.digest).ready)
            until(lambda: place.observe().release(odd_4.digest).ready)
    until(lambda: place.observe().release(odd_4.digest).ready)
    assert caller.infer().headers["plimsoll-release"] == "fraud@4"
    assert place.counts()[1].candidate.errors == 2
    assert place.observe().release(odd_4.digest).deaths >= 2, "a death is no error, and is counted for itself"
    text = caller.get("/metrics").body.decode()
    labels = 'model="fraud",environment="staging",version="4"'
    assert f"plimsoll_fallbacks_total{{{labels}}} 3" in text
    (late,) = re.findall(rf"plimsoll_candidate_late_total{{{labels}}} (\d)", text)
    assert int(late) >= 1  # what hung; what died is late unless its worker died too often before


def test_under_load_a_killed_candidate_is_noticed_by_nobody(place, compiled_1, worker_3):
    place.roll_out(compiled_1, worker_3, 50, deadline_s=1.0)
    with Load(place.port) as load:
        load.wait_for(100, release="fraud@3")
        os.kill(place.pid("worker"), signal.SIGKILL)
        until(lambda: not place.observe().release(worker_3.digest).ready)
        meanwhile = answers(place.caller(), 20)
        until(lambda: place.observe().release(worker_3.digest).ready)
        load.wait_for(50, release="fraud@3")

    assert (load.refused, load.broken) == ([], [])
    assert load.connections == load.callers
    counts = place.counts()[1]
    fallen_back = sum(item[4] == "fraud@3" for item in load.answers)
    assert counts.champion.requests + counts.candidate.requests == len(load.answers) + 20
    assert meanwhile == {"fraud@1": 20}
    assert counts.units < len(load.answers) + 20, "while the worker was away there was nothing to compare"
    assert fallen_back <= counts.fallback.total <= fallen_back + 20
    assert counts.noticed == 0
    assert counts.candidate.errors == 0, "the worker died, and no request is blamed"
    assert place.observe().release(worker_3.digest).deaths == 1
    assert sum(roles(place).values()) == len(load.answers) + 20


def test_a_shadow_gets_a_copy_of_everything_and_answers_nobody(place, compiled_1, worker_3):
    place.roll_out(compiled_1, worker_3, 0, shadow_pct=100)
    assert answers(place.caller(), 60) == {"fraud@1": 60}
    until(lambda: place.counts()[1].candidate.requests == 60)

    counts = place.counts()[1]
    assert (counts.champion.requests, counts.champion.units, counts.errors) == (60, 60, 0)
    captured = list(read_predictions(place.capture))
    answered = {item.id for item in captured if item.role == "champion"}
    copies = [item for item in captured if item.role == "shadow"]
    assert {item.copy_of for item in copies} == answered
    assert {item.release for item in copies} == {"fraud@3"}
    assert len(copies) == len(answered) == 60


def test_blue_green_lets_the_candidate_answer_and_the_champion_have_the_copy(place, compiled_1, compiled_2):
    place.roll_out(compiled_1, compiled_2, 100, shadow_pct=100)
    assert answers(place.caller(), 60) == {"fraud@2": 60}
    until(lambda: place.counts()[1].champion.requests == 60)
    assert roles(place) == {"candidate": 60, "shadow": 60}


def test_copies_in_flight_are_counted_before_their_environment_ends(place, compiled_1, odd_4):
    place.roll_out(compiled_1, odd_4, 0, shadow_pct=100, deadline_s=1.0)
    assert place.caller().infer(a_body(HANGS)).status == 200
    place.stop()
    counts = place.counts()[1]
    assert (counts.champion.requests, counts.candidate.requests, counts.candidate.errors) == (1, 1, 1)


def test_a_candidate_that_is_refused_leaves_everything_else_answering(place, compiled_1, compiled_2, tmp_path):
    from dataclasses import replace

    gone = replace(compiled_2, bundle=tmp_path / "nowhere")
    observed = place.roll_out(compiled_1, gone, 50)
    assert observed.release(gone.digest).problem
    assert observed.release(compiled_1.digest).ready
    assert (observed.ready, observed.live) == (True, compiled_1.digest)
    assert answers(place.caller(), 50) == {"fraud@1": 50}
    assert place.counts() == {}
    assert roles(place, "") == {"champion": 50}


class Slow:
    """Takes ten seconds to unpickle."""

    def __reduce__(self):
        return time.sleep, (10,)


def test_what_is_loaded_does_not_wait_for_what_is_loading(place, built, keys, tmp_path, compiled_1, compiled_2):
    shutil.copytree(built / "scorer", tmp_path / "scorer")
    (tmp_path / "scorer" / "model" / "model.pkl").write_bytes(pickle.dumps(Slow()))
    slow = make_release(tmp_path / "slow", keys, 9, scorer=tmp_path / "scorer")
    place.roll_out(compiled_1, compiled_2, 100)
    place.tell(compiled_1, compiled_2, slow, traffic=split(compiled_2, 100))
    until(lambda: place.pid("worker"))
    caller = place.caller()
    assert answers(caller, 20) == {"fraud@2": 20}

    place.tell(compiled_1, slow)

    until(lambda: place.observe().release(compiled_2.digest) is None)
    until(lambda: answers(caller, 1) == {"fraud@1": 1}, within_s=2)
    assert not place.observe().settled
    place.tell(compiled_2, slow)
    until(lambda: place.observe().live == compiled_2.digest, within_s=5)
    assert place.observe().release(slow.digest) == ObservedRelease(digest=slow.digest, ready=False)


def test_a_first_release_loads_before_it_is_live(place, compiled_1):
    from dataclasses import replace

    from serving_cases import ENVIRONMENT, desired

    place.revision = 1
    place.port = place.target.apply(replace(desired(compiled_1, revision=1), live=None)).port
    observed = place.settle()
    assert (observed.live, observed.ready, observed.release(compiled_1.digest).ready) == (None, False, True)
    reply = place.caller().infer()
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    began = time.monotonic()
    place.apply(compiled_1)
    assert time.monotonic() - began < 5
    assert place.target.observe(ENVIRONMENT).ready


def test_a_worker_of_another_interpreter_is_started_with_it(tmp_path, keys, worker_3):
    import sys

    from serving_cases import make_place

    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ntouch {tmp_path}/used\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)

    class OneRuntime:
        def python_of(self, _lock, *, release, say):
            return python

    place = make_place(tmp_path, keys, runtimes=OneRuntime())
    try:
        assert place.apply(worker_3).ready
        assert (tmp_path / "used").exists()
    finally:
        place.end()
