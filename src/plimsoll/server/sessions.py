"""Browser sessions: a link that logs in once, and the cookie it turns into. Kept in memory: they end with the server."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from plimsoll.edge.context import Caller
from plimsoll.kernel.clock import Clock
from plimsoll.kernel.hashing import digest_bytes

Identify = Callable[[], Caller]
"""Looks somebody up anew: by name, or by the token that they logged in with."""
LIFETIME = timedelta(hours=12)
LINK_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the next page tells: what was done, or why it was not."""

    good: bool
    text: str
    hint: str = ""
    code: str = ""


class Sessions:
    """Who is logged in. Secrets are looked up by their digest, so that nothing here can be used if it leaks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._links: dict[str, tuple[Identify, datetime]] = {}
        self._sessions: dict[str, tuple[Identify, datetime]] = {}
        self._messages: dict[str, Message] = {}
        self._lock = threading.Lock()

    def new_link(self, who: Identify) -> tuple[str, datetime]:
        """A secret that logs somebody in, one time, and until when it does."""
        secret = secrets.token_urlsafe(32)
        now = self._clock.now()
        until = now + LINK_LIFETIME
        with self._lock:
            self._links = {key: value for key, value in self._links.items() if value[1] > now}
            self._links[_digest(secret)] = (who, until)
        return secret, until

    def use_link(self, secret: str) -> str | None:
        """A new session, and the link is dead; None when it is unknown, was used or is too old."""
        with self._lock:
            found = self._links.pop(_digest(secret), None)
        return self.begin(found[0]) if found and found[1] > self._clock.now() else None

    def begin(self, who: Identify) -> str:
        """A new session; returns the cookie's value."""
        secret = secrets.token_urlsafe(32)
        now = self._clock.now()
        with self._lock:
            self._sessions = {key: value for key, value in self._sessions.items() if value[1] > now}
            self._messages = {key: value for key, value in self._messages.items() if key in self._sessions}
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
            self._messages.pop(_digest(secret), None)

    def leave_message(self, secret: str, message: Message) -> None:
        """Keep what the session's next page shall tell; a newer one takes its place."""
        with self._lock:
            if _digest(secret) in self._sessions:
                self._messages[_digest(secret)] = message

    def take_message(self, secret: str) -> Message | None:
        with self._lock:
            return self._messages.pop(_digest(secret), None)


def form_token(secret: str) -> str:
    """What a session's forms carry, so that no other site can send them; it does not tell the secret."""
    return digest_bytes(f"form {secret}".encode())


def is_form_token(token: str, secret: str) -> bool:
    return hmac.compare_digest(token.encode(), form_token(secret).encode())


def _digest(secret: str) -> str:
    return digest_bytes(secret.encode())
