"""A run is released only with a passing, fresh verdict on committed code; each refusal names its rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plimsoll.gates.entities import Champion, CheckResult, Finding, Verdict
from plimsoll.kernel.errors import EXIT_CODES, PlimsollError
from plimsoll.pipeline.entities import Run, RunState
from plimsoll.release.decide import require_fresh, require_releasable


def a_run(**changes: object) -> Run:
    run = Run(
        id="run-1",
        project="fraud",
        state=RunState.DONE,
        created_by="ada",
        started_at="2026-01-01T00:00:00.000000Z",
        commit="c0ffee",
        scorer="5c0",
    )
    return replace(run, **changes)


def a_check(finding: Finding, **changes: object) -> CheckResult:
    check = CheckResult(rule="roc_auc >= 0.9", finding=finding, because="0.87 is below 0.9", metric="roc_auc")
    return replace(check, **changes)


def a_verdict(
    finding: Finding = Finding.PASS, *, champion: str | None = None, checks: tuple[CheckResult, ...] = ()
) -> Verdict:
    judged = Champion(
        environment="production",
        release="fraud@1" if champion else None,
        digest=champion,
        baseline=None if champion else "majority class",
    )
    return Verdict(
        id="v1",
        run="run-1",
        finding=finding,
        checks=checks or (a_check(finding),),
        champions=(judged,),
        holdout="h",
        rows=1000,
        decided_at="2026-01-01T00:00:00.000000Z",
    )


def test_a_passing_fresh_verdict_on_committed_code_is_releasable():
    require_releasable(a_run(), a_verdict(), champions={}, allow_dirty=False)


@pytest.mark.parametrize(
    ("run", "verdict", "code"),
    [
        (a_run(state=RunState.FAILED), a_verdict(), "release.run_not_done"),
        (a_run(scorer=None), a_verdict(), "release.no_model"),
        (a_run(dirty=("steps.py",)), a_verdict(), "release.dirty_tree"),
        (a_run(commit=""), a_verdict(), "release.dirty_tree"),
        (a_run(), None, "release.no_verdict"),
        (a_run(), a_verdict(Finding.FAIL), "release.failed_verdict"),
        (a_run(), a_verdict(Finding.INCONCLUSIVE), "release.inconclusive_verdict"),
        (a_run(), a_verdict(champion="an old champion"), "release.stale_verdict"),
    ],
)
def test_each_refusal_names_its_rule(run: Run, verdict: Verdict | None, code: str):
    with pytest.raises(PlimsollError) as refusal:
        require_releasable(
            run,
            verdict,
            champions={"production": "today's champion"} if verdict and verdict.champions[0].digest else {},
            allow_dirty=False,
        )

    assert refusal.value.code == code
    assert refusal.value.advice


def test_a_dirty_tree_is_accepted_when_it_is_asked_for():
    require_releasable(a_run(dirty=("steps.py",)), a_verdict(), champions={}, allow_dirty=True)


def test_a_failed_verdict_names_slice_and_figures():
    verdict = a_verdict(
        Finding.FAIL,
        checks=(
            a_check(Finding.PASS),
            a_check(Finding.FAIL, slice="country = 'LU'", because="worse by 0.12 [0.08, 0.16]"),
            a_check(Finding.FAIL, slice="country = 'FR'"),
        ),
    )

    with pytest.raises(PlimsollError) as refusal:
        require_releasable(a_run(), verdict, champions={}, allow_dirty=False)

    assert str(refusal.value) == (
        "The verdict on run-1 is fail: roc_auc >= 0.9 in slice country = 'LU': worse by 0.12 [0.08, 0.16] (and 1 more)"
    )


def test_a_verdict_against_the_baseline_is_stale_once_something_is_live():
    with pytest.raises(PlimsollError) as refusal:
        require_fresh("fraud@2", a_verdict(), champions={"production": "d1ge57"})

    assert str(refusal.value) == (
        "The verdict on fraud@2 compares with the baseline (majority class) in production, where release d1ge57 is live now."
    )


def test_an_inconclusive_verdict_refuses_with_an_exit_code_of_its_own():
    with pytest.raises(PlimsollError) as refusal:
        require_releasable(a_run(), a_verdict(Finding.INCONCLUSIVE), champions={}, allow_dirty=False)

    assert refusal.value.code == "release.inconclusive_verdict"
    assert EXIT_CODES[refusal.value.kind] == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dirty": ("notes.txt", "steps.py")}, "files differ from the commit: notes.txt, steps.py."),
        ({"commit": ""}, "files differ from the commit: all of them, since there is no git repository with a commit."),
    ],
)
def test_a_dirty_tree_is_told_as_what_it_is(changes, told):
    with pytest.raises(PlimsollError) as refusal:
        require_releasable(a_run(**changes), a_verdict(), champions={}, allow_dirty=False)

    assert str(refusal.value) == f"run-1 was made where {told}"
    assert ".gitignore" in refusal.value.advice
