"""Where a data version was used: the runs, their releases, and the environments in which one of these is live."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.data.entities import DataVersion, RecordedVersion
from plimsoll.release.entities import Release
from plimsoll.release.uses import used_versions


def a_version(dataset: str, digest: str) -> RecordedVersion:
    version = DataVersion(dataset=dataset, digest=digest, files=(), rows=1, columns=(), format="csv")
    return RecordedVersion(version=version, recorded_by="ada", recorded_at="2026-11-02T09:00:00Z")


def a_release(number: int, run: str) -> Release:
    return Release(
        name=f"fraud@{number}",
        project="fraud",
        number=number,
        digest=f"digest-{number}",
        tree="",
        run=run,
        verdict="",
        lock_digest="",
        commit="",
        dirty=(),
        authors=("ada",),
        compiled=None,
        compile_note="",
        created_by="ada",
        created_at="",
    )


def test_uses_follow_the_version_through_run_and_release_to_where_it_is_live():
    used, unused, other = used_versions(
        [a_version("sales", "a1"), a_version("sales", "b2"), a_version("shops", "a1")],
        runs={"run-2": {"sales": "a1"}, "run-1": {"sales": "a1", "shops": "a1"}},
        releases=[a_release(1, "run-2")],
        live={"production": "digest-1", "staging": None},
    )

    assert (used.runs, used.releases, used.environments) == (("run-2", "run-1"), ("fraud@1",), ("production",))
    assert (unused.runs, unused.releases, unused.environments) == ((), (), ())
    assert (other.runs, other.releases, other.environments) == (("run-1",), (), ())


@given(st.dictionaries(st.sampled_from([f"run-{n}" for n in range(8)]), st.sampled_from("abc")), st.data())
def test_every_use_is_told_once_and_none_is_lost(digests, data):
    released = data.draw(st.lists(st.sampled_from(sorted(digests)), unique=True)) if digests else []
    releases = [a_release(number, run) for number, run in enumerate(released, 1)]
    live = {"production": releases[0].digest} if releases else {}
    told = used_versions(
        [a_version("sales", digest) for digest in "abc"],
        runs={run: {"sales": digest} for run, digest in digests.items()},
        releases=releases,
        live=live,
    )

    assert sorted(run for one in told for run in one.runs) == sorted(digests)
    assert sorted(name for one in told for name in one.releases) == sorted(release.name for release in releases)
    assert sum(len(one.environments) for one in told) == len(live)
