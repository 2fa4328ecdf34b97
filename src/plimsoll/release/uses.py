"""Where data versions were used: in which runs, in which releases, and what of that is live. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plimsoll.data.entities import DataVersion, RecordedVersion
from plimsoll.release.entities import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedVersion:
    """A recorded data version with where it was used."""

    version: DataVersion
    recorded_by: str
    recorded_at: str
    runs: tuple[str, ...]
    """Ids, latest first."""
    releases: tuple[str, ...]
    """Names, latest first."""
    environments: tuple[str, ...]
    """Environments whose live release was made of it."""


def used_versions(
    versions: Sequence[RecordedVersion],
    *,
    runs: Mapping[str, Mapping[str, str]],
    releases: Sequence[Release],
    live: Mapping[str, str | None],
) -> tuple[UsedVersion, ...]:
    """Each version with its uses.

    runs: run -> dataset -> digest, latest first. releases: latest first. live: environment -> digest of its live release.
    """
    by_version: dict[tuple[str, str], list[str]] = {}
    for run, data in runs.items():
        for used in data.items():
            by_version.setdefault(used, []).append(run)
    return tuple(
        _used(one, by_version.get((one.version.dataset, one.version.digest), []), releases=releases, live=live)
        for one in versions
    )


def _used(
    one: RecordedVersion, runs: Sequence[str], *, releases: Sequence[Release], live: Mapping[str, str | None]
) -> UsedVersion:
    users = set(runs)
    made = [release for release in releases if release.run in users]
    digests = {release.digest for release in made}
    return UsedVersion(
        version=one.version,
        recorded_by=one.recorded_by,
        recorded_at=one.recorded_at,
        runs=tuple(runs),
        releases=tuple(release.name for release in made),
        environments=tuple(sorted(name for name, digest in live.items() if digest in digests)),
    )
