"""What monitoring needs of others."""

from __future__ import annotations

from typing import Protocol


class Notifier(Protocol):
    """Tells people at an address."""

    def tell(self, url: str, *, title: str, body: str) -> str:
        """Why the address could not be told; empty when it was. Never raises for what the network does."""
