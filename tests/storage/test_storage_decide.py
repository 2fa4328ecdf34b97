"""Which runs are kept: those of releases and those under way always, then the latest and the young."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.storage.decide import kept_runs
from plimsoll.storage.entities import Reason, RunFacts


def a_run(number: int, *, project: str = "fraud", running: bool = False) -> RunFacts:
    return RunFacts(id=f"run-{number:03}", project=project, running=running, started_at=f"2026-03-{number:02}")


def test_each_run_is_kept_for_the_first_reason_that_holds():
    runs = [a_run(1), a_run(2, running=True), a_run(3), a_run(4), a_run(5), a_run(1, project="churn")]

    kept = kept_runs(runs[:5], released={"run-001"}, keep_latest=1, young_since="2026-03-04")

    assert kept == {
        "run-001": Reason.RELEASED,
        "run-002": Reason.RUNNING,
        "run-004": Reason.YOUNG,
        "run-005": Reason.LATEST,
    }


@given(
    numbers=st.lists(st.integers(1, 28), unique=True, max_size=12),
    running=st.sets(st.integers(1, 28)),
    released=st.sets(st.integers(1, 28)),
    latest=st.integers(1, 12),
    since=st.integers(1, 28),
)
def test_releases_and_what_runs_are_never_given_up_and_more_patience_keeps_more(
    numbers, running, released, latest, since
):
    runs = [a_run(number, running=number in running) for number in numbers]
    names = {f"run-{number:03}" for number in released}

    kept = kept_runs(runs, released=names, keep_latest=latest, young_since=f"2026-03-{since:02}")
    more = kept_runs(runs, released=names, keep_latest=latest + 1, young_since="2026-03-01")

    assert {run.id for run in runs if run.running or run.id in names} <= {*kept}
    assert {run.id for run in sorted(runs, key=lambda run: run.id)[-latest:]} <= {*kept}
    assert {*kept} <= {*more}
