"""Who works on this machine without a token: the login that the ledger remembers, and how the first one is named."""

from __future__ import annotations

import getpass
import re
import socket
import subprocess
import unicodedata
from pathlib import Path


def login_name(ledger_url: str) -> str:
    """The operating system's user; with the host's name where machines share a ledger."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"  # a container's user without an entry in /etc/passwd
    return user if ledger_url.startswith("sqlite:") else f"{user}@{socket.gethostname()}"


def suggested_person(root: Path, *, login: str) -> tuple[str, str]:
    """Name (a slug) and e-mail from git's settings, else from the login."""
    name = slug(_git_setting(root, "user.name")) or slug(login.partition("@")[0]) or "somebody"
    return name, _git_setting(root, "user.email")


def slug(text: str) -> str:
    """Lower-case letters, digits and single dashes: `Ada Lovelace` becomes `ada-lovelace`; empty when none remain."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")


def _git_setting(root: Path, key: str) -> str:
    try:
        done = subprocess.run(
            ["git", "config", "--get", key], cwd=root, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
