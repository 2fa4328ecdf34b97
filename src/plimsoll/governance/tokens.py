"""Tokens: `plm_<id>_<secret>`, shown once. What is stored is the secret's digest; nothing here keeps anything."""

from __future__ import annotations

import hmac
import re
import secrets

from plimsoll.governance.errors import BadToken
from plimsoll.kernel.hashing import digest_bytes

_FORM = re.compile(r"plm_([0-9a-f]{12})_([0-9a-f]{64})")


def make_token() -> tuple[str, str]:
    """A new token and its id: 48 random bits name it, 256 random bits are its secret."""
    identifier = secrets.token_hex(6)
    return f"plm_{identifier}_{secrets.token_hex(32)}", identifier


def split_token(token: str) -> tuple[str, str]:
    """Id and secret. Raises BadToken."""
    match = _FORM.fullmatch(token.strip())
    if match is None:
        raise BadToken
    return match.group(1), match.group(2)


def digest_of(secret: str) -> str:
    """What the ledger stores of a secret.

    One round of SHA-256 is enough here, unlike for a password: 256 random bits cannot be guessed at any speed, so a
    slow hash would only slow down every request.
    """
    return digest_bytes(secret.encode())


def fits(secret: str, stored: str) -> bool:
    """Whether a secret is the one that was stored; takes the same time wherever the first difference lies."""
    return hmac.compare_digest(digest_of(secret), stored)
