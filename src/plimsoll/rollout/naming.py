"""From what people call a release to the release, by asking: its name, the latest, a digest, or an environment.

For whoever stands before the operations, such as a command or a notebook, and does not know where they are performed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.nearest import nearest
from plimsoll.release.errors import ReleaseMissing
from plimsoll.rollout.errors import NothingLive, ReleaseUnknown

_DIGEST = 64


class Ask(Protocol):
    """Performs an operation by name; returns its response as plain data."""

    def __call__(self, name: str, /, **payload: Any) -> Any: ...


def named_release(name: str, ask: Ask) -> dict[str, Any]:
    """The release called `fraud@12`, `fraud@latest`, by its digest, or `production` for what is live there.

    Raises ReleaseUnknown, NothingLive, and whatever asking raises.
    """
    first, at, number = name.rpartition("@")
    if (at and number.isdecimal()) or len(name) == _DIGEST:
        try:
            return dict(ask("releases.show", release=name))
        except PlimsollError as error:
            if error.code != ReleaseMissing.code:  # over HTTP it is an error of another class
                raise
            raise _unknown(name, ask) from error
    if number == "latest":
        newest = ask("releases.list", limit=1)
        if newest and first in ("", newest[0]["project"]):
            return dict(newest[0])
    elif not at:
        live = {one["environment"]: one["digest"] for one in ask("deployments.list")}
        if live.get(name):
            return dict(ask("releases.show", release=live[name]))
        if name in live or name in _environments(ask):
            raise NothingLive(environment=name)
    raise _unknown(name, ask)


def _unknown(name: str, ask: Ask) -> ReleaseUnknown:
    releases = [one["name"] for one in ask("releases.list", limit=1000)]
    environments = _environments(ask)
    near = nearest(name, [*releases, *environments])
    known = [_listed("releases", releases), _listed("environments", environments)]
    return ReleaseUnknown(
        name=name, near=f" (did you mean {near}?)" if near else "", known=" ".join(text for text in known if text)
    )


def _environments(ask: Ask) -> list[str]:
    return [one["name"] for one in ask("environments.list")]


def _listed(what: str, names: Sequence[str]) -> str:
    return f"There are the {what} {', '.join(names[:10])}." if names else ""
