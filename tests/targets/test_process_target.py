"""An environment is started, observed, changed and stopped, from any process and as often as one likes."""

import os
import signal
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from serving_cases import ENVIRONMENT, a_body, desired, expected_score, make_place, make_release, split

from plimsoll.capture.reader import find_prediction, read_predictions
from plimsoll.kernel.clock import FileClock
from plimsoll.kernel.errors import Kind
from plimsoll.kernel.ids import millisecond_of
from plimsoll.serving.entities import ReleaseRef
from plimsoll.serving.errors import RuntimeDiffers
from plimsoll.serving.loading import check_bundle
from plimsoll.serving.shim.sockets import control_socket, socket_folder
from plimsoll.targets.errors import NotLoopback, PortTaken, Stale
from plimsoll.targets.process import ProcessTarget

REPLAYED = datetime(1996, 5, 7, 12, 30, tzinfo=UTC)


def until(condition, within_s=20):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_release_is_applied_answers_is_captured_and_stopped(place, compiled_1):
    observed = place.apply(compiled_1)
    reply = place.caller().infer(a_body(40.0, "GB", True, id="mine"))

    assert observed.ready
    assert observed.live == compiled_1.digest
    assert {role for role, _ in observed.processes} == {"shim", "door"}
    assert reply.status == 200
    assert reply.headers["plimsoll-release"] == "fraud@1"
    assert reply.json["id"] == "mine"
    assert reply.json["outputs"][0]["data"] == [pytest.approx(expected_score(0.0, 40.0, "GB", True), abs=1e-9)]
    captured = find_prediction(place.capture, reply.prediction)
    assert captured.inputs == {"amount": [40.0], "country": ["GB"], "is_new": [True]}
    assert captured.outputs["decision"] == [True]
    assert (captured.release, captured.digest, captured.status) == ("fraud@1", compiled_1.digest, 200)
    assert 0 < captured.latency_s < 5

    place.stop()

    until(lambda: not any(is_alive(pid) for _, pid in observed.processes))
    stopped = place.observe()
    assert (stopped.ready, stopped.live, stopped.processes, stopped.port) == (False, None, (), observed.port)
    assert (stopped.settled, stopped.revision, stopped.problem) == (True, 2, "")


def test_a_door_of_a_replay_lives_at_the_time_that_the_clock_file_holds(place, compiled_1, compiled_2):
    clock = FileClock.create(place.workspace.clock, REPLAYED)
    place.apply(compiled_1, compiled_2, traffic=split(compiled_2, 100.0))
    caller = place.caller()
    first = caller.infer()
    clock.set(REPLAYED + timedelta(hours=30))
    second = caller.infer()

    captured = [find_prediction(place.capture, reply.prediction) for reply in (first, second)]
    assert [item.at for item in captured] == ["1996-05-07T12:30:00.000000Z", "1996-05-08T18:30:00.000000Z"]
    assert [millisecond_of(item.id) for item in captured] == [831_472_200_000, 831_580_200_000]
    assert all(0 < item.latency_s < 5 for item in captured), "latencies are real"
    assert requests(place) == 1, "what was asked at this very moment may not be written down yet"
    clock.set(REPLAYED + timedelta(hours=30, minutes=1))
    assert requests(place) == 2


def requests(place):
    return place.target.counts(ENVIRONMENT, "rollout-1")[1].candidate.requests


def test_nothing_is_observed_where_nothing_was_applied(place):
    assert place.target.observe(ENVIRONMENT) is None
    place.stop()
    assert place.target.observe(ENVIRONMENT) is None


def test_applying_again_changes_nothing_and_keeps_the_processes(place, compiled_1):
    first = place.apply(compiled_1)
    other = ProcessTarget(place.workspace, None)
    assert other.apply(desired(compiled_1)) == first
    assert other.observe(ENVIRONMENT) == first


def test_a_stopped_environment_comes_back_on_its_port(place, compiled_1, compiled_2):
    port = place.apply(compiled_1).port
    place.stop()
    place.port = 0
    assert place.apply(compiled_2).port == port
    assert place.caller().infer().headers["plimsoll-release"] == "fraud@2"


def test_an_older_revision_is_refused_and_changes_nothing(place, compiled_1, compiled_2):
    place.revision = 6
    place.apply(compiled_1)
    with pytest.raises(Stale, match=r"revision 6.* 7") as caught:
        place.target.apply(desired(compiled_2, revision=6))
    with pytest.raises(Stale):
        place.target.stop(ENVIRONMENT, revision=6)
    assert caught.value.kind is Kind.CONFLICT
    assert place.caller().infer().headers["plimsoll-release"] == "fraud@1"
    assert place.observe().revision == 7


@pytest.mark.parametrize("late", [3, 4])
def test_after_a_stop_only_a_newer_revision_starts_again(place, compiled_1, late):
    place.revision = 2
    place.apply(compiled_1)
    place.stop()
    with pytest.raises(Stale):
        place.target.apply(desired(compiled_1, revision=late))
    assert place.observe().processes == ()
    assert place.apply(compiled_1).ready


def test_a_stop_counts_where_nothing_runs_any_more(place, compiled_1):
    place.apply(compiled_1)
    os.kill(place.pid("shim"), signal.SIGKILL)
    until(lambda: place.observe().processes == ())
    place.revision = 8
    place.stop()
    assert (place.observe().settled, place.observe().revision) == (True, 9)
    for revision in (8, 9):
        with pytest.raises(Stale):
            place.target.apply(desired(compiled_1, revision=revision))
    with pytest.raises(Stale):
        place.target.stop(ENVIRONMENT, revision=8)
    assert place.observe().processes == ()


def test_a_stop_before_anything_was_applied_counts_too(place, compiled_1):
    place.target.stop(ENVIRONMENT, revision=5)
    with pytest.raises(Stale):
        place.target.apply(desired(compiled_1, revision=4))
    place.revision = 5
    assert place.apply(compiled_1).ready


def test_a_shim_that_has_nothing_to_keep_ends_by_itself(place, compiled_1):
    place.apply(compiled_1)
    place.stop()
    place.target._start_shim(ENVIRONMENT)  # as an apply does that is then refused as stale
    shim = place.pid("shim")
    assert place.observe().settled
    until(lambda: not is_alive(shim), within_s=30)
    assert place.apply(compiled_1).ready


def test_a_shim_that_starts_again_takes_over_all_that_was_wanted(place, compiled_1, compiled_2):
    from dataclasses import replace

    place.roll_out(compiled_1, compiled_2, 30, stick_to="customer_id")
    before = place.observe()
    os.kill(place.pid("shim"), signal.SIGKILL)
    until(lambda: not any(is_alive(pid) for _, pid in before.processes))
    wanted = desired(compiled_1, compiled_2, revision=place.revision, port=place.port, stick_to="customer_id",
                     traffic=split(compiled_2, 30))  # fmt: skip
    place.target.apply(wanted)
    assert replace(place.settle(), processes=()) == replace(before, processes=())
    caller = place.caller()
    releases = {caller.infer().headers["plimsoll-release"] for _ in range(60)}
    assert releases == {"fraud@1", "fraud@2"}


def test_a_port_that_is_taken_while_nothing_runs_is_told_and_tried_again(place, compiled_1):
    place.apply(compiled_1)
    before = place.observe()
    os.kill(place.pid("shim"), signal.SIGKILL)
    until(lambda: not any(is_alive(pid) for _, pid in before.processes))
    with socket.create_server(("127.0.0.1", place.port)):
        place.target._start_shim(ENVIRONMENT)
        observed = place.observe()
        assert observed.problem.startswith(f"serving.port_taken: cannot listen on 127.0.0.1 port {place.port}")
        assert (observed.ready, observed.settled) == (False, False)
        with pytest.raises(PortTaken):
            place.target.apply(desired(compiled_1, revision=place.revision, port=place.port))
    until(lambda: place.observe().ready)
    assert place.observe().problem == ""


def test_sockets_and_captured_predictions_are_their_owners_alone(place, compiled_1):
    place.apply(compiled_1)
    place.caller().infer()
    state = place.workspace.environment(ENVIRONMENT)
    (segment,) = place.capture.glob("*")
    for path, mode in ((control_socket(state), 0o600), (socket_folder(state), 0o700), (segment, 0o600)):
        assert path.stat().st_mode & 0o777 == mode


def test_a_state_path_too_long_for_a_socket_is_no_hindrance(tmp_path, keys, compiled_1):
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    place = make_place(deep, keys)
    try:
        assert place.apply(compiled_1).ready
        assert str(socket_folder(place.workspace.environment(ENVIRONMENT))).startswith("/tmp/plimsoll-")
    finally:
        place.end()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "example.org", "::"])
def test_an_address_that_others_can_reach_is_refused(place, compiled_1, host):
    with pytest.raises(NotLoopback) as caught:
        place.target.apply(desired(compiled_1, host=host))
    assert caught.value.kind is Kind.DENIED
    assert host in str(caught.value)
    assert place.target.observe(ENVIRONMENT) is None


def test_a_port_that_another_process_has_is_named(place, shared, compiled_1):
    with pytest.raises(PortTaken, match=str(shared.port)):
        place.target.apply(desired(compiled_1, port=shared.port))


def test_a_tampered_bundle_is_refused_by_name_and_the_old_release_keeps_answering(
    place, built, keys, compiled_1, tmp_path
):
    bad = make_release(tmp_path / "bad", keys, 4, scorer=built / "scorer", bias=3.0)
    (tmp_path / "bad" / "compiled" / "model.onnx").write_bytes(b"something else")
    place.apply(compiled_1)

    observed = place.apply(bad)

    assert "bundle.tampered: " in observed.release(bad.digest).problem
    assert "compiled/model.onnx" in observed.release(bad.digest).problem
    assert (observed.ready, observed.live) == (True, compiled_1.digest)
    assert place.caller().infer().headers["plimsoll-release"] == "fraud@1"
    os.kill(place.pid("door"), signal.SIGKILL)
    assert place.caller().infer().headers["plimsoll-release"] == "fraud@1"
    until(lambda: "bundle.tampered" in place.observe().release(bad.digest).problem)


def test_a_worker_refuses_a_release_of_other_packages_and_says_which(built, keys, tmp_path):
    from plimsoll.bundle.runtime import lock_text

    lock = "".join(f"{line.split('==')[0]}==0.0.1\n" if line.startswith("numpy==") else line
                   for line in lock_text().splitlines(keepends=True))  # fmt: skip
    old = make_release(tmp_path / "old", keys, 5, scorer=built / "scorer", lock=lock)
    ref = ReleaseRef(name=old.name, digest=old.digest, bundle=old.bundle)

    with pytest.raises(RuntimeDiffers, match=r"numpy 0\.0\.1, here \d"):
        check_bundle(ref, keys)
    assert check_bundle(replace(ref, python="/somewhere/python"), keys).ref.python


def test_a_compiled_release_of_other_packages_answers_since_it_needs_none_of_them(place, built, keys, tmp_path):
    release = make_release(tmp_path / "old", keys, 5, scorer=built / "scorer", bias=0.0, lock="python==2.7\n")
    place.target.prepare(release, say=print)
    assert place.apply(release).ready
    assert place.caller().infer().status == 200


def test_a_bundle_of_another_release_is_refused(place, compiled_1, compiled_2):
    from dataclasses import replace

    observed = place.apply(replace(compiled_2, bundle=compiled_1.bundle))
    assert observed.release(compiled_2.digest).problem.startswith("serving.wrong_bundle: ")
    assert not observed.ready


def test_a_release_whose_worker_cannot_load_is_refused(place, built, keys, tmp_path, compiled_1):
    import shutil

    shutil.copytree(built / "scorer", tmp_path / "scorer")
    (tmp_path / "scorer" / "model" / "model.pkl").write_bytes(b"no pickle")
    broken = make_release(tmp_path / "broken", keys, 6, scorer=tmp_path / "scorer")
    place.apply(compiled_1)
    assert "fraud@6" in place.apply(broken).release(broken.digest).problem
    assert place.caller().infer().headers["plimsoll-release"] == "fraud@1"
    until(lambda: place.pid("worker") == 0)


def test_what_ends_with_a_killed_shim_is_started_again_by_the_next_apply(place, compiled_1, worker_3):
    before = place.apply(worker_3)
    os.kill(place.pid("shim"), signal.SIGKILL)
    until(lambda: not any(is_alive(pid) for _, pid in before.processes))
    assert not place.observe().ready
    assert place.observe().problem.startswith("serving.shim_unavailable: ")

    after = place.apply(compiled_1)

    assert after.port == before.port
    assert place.caller().infer().status == 200


def test_predictions_of_one_environment_survive_its_door(place, compiled_1):
    place.apply(compiled_1)
    caller = place.caller()
    first = [caller.infer().prediction for _ in range(20)]
    os.kill(place.pid("door"), signal.SIGKILL)
    caller.close()
    second = [caller.infer().prediction for _ in range(20)]
    assert [item.id for item in read_predictions(place.capture)] == first + second
