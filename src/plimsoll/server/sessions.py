"""Browser sessions: a link that logs in once, and the cookie it turns into. Kept in memory: they end with the server."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from plimsoll.edge.context import Caller
from plimsoll.kernel.clock import Clock
from plimsoll.kernel.hashing import digest_bytes

Identify = Callable[[], Caller]
"""Looks somebody up anew: by name, or by the token that they logged in with."""
LIFETIME = timedelta(hours=12)


class Sessions:
    """Who is logged in. Secrets are looked up by their digest, so that nothing here can be used if it leaks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._links: dict[str, Identify] = {}
        self._sessions: dict[str, tuple[Identify, datetime]] = {}
        self._lock = threading.Lock()

    def new_link(self, who: Identify) -> str:
        """A secret that logs somebody in, one time."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._links[_digest(secret)] = who
        return secret

    def use_link(self, secret: str) -> str | None:
        """A new session, and the link is dead; None when it is unknown or was used."""
        with self._lock:
            who = self._links.pop(_digest(secret), None)
        return None if who is None else self.begin(who)

    def begin(self, who: Identify) -> str:
        """A new session; returns the cookie's value."""
        secret = secrets.token_urlsafe(32)
        now = self._clock.now()
        with self._lock:
            self._sessions = {key: value for key, value in self._sessions.items() if value[1] > now}
            self._sessions[_digest(secret)] = (who, now + LIFETIME)
        return secret

    def caller(self, secret: str) -> Caller | None:
        """Whose session it is, with the roles held now; None when it is unknown or over.

        Raises BadToken when the token that began it was revoked.
        """
        with self._lock:
            found = self._sessions.get(_digest(secret))
        return found[0]() if found and found[1] > self._clock.now() else None

    def end(self, secret: str) -> None:
        with self._lock:
            self._sessions.pop(_digest(secret), None)


def _digest(secret: str) -> str:
    return digest_bytes(secret.encode())
