"""Tells people by whatever Apprise knows: e-mail, chats, webhooks, pagers. Each address is one URL."""

from __future__ import annotations

import logging
from typing import Self

from plimsoll.kernel.workspace import Workspace
from plimsoll.ledger.engine import Database


class AppriseNotifier:
    """Implements monitor.ports.Notifier."""

    def __init__(self, _workspace: Workspace, _database: Database) -> None:
        pass

    def tell(self, url: str, *, title: str, body: str) -> str:
        """Why the address could not be told; empty when it was. Raises PackageMissing without Apprise."""
        from plimsoll.kernel.extras import require

        require("apprise")
        import apprise

        known = apprise.Apprise()
        if not known.add(url):
            return "this is no address that Apprise knows"
        with _Heard("apprise") as heard:
            reached = known.notify(title=title, body=body)
        return "" if reached else heard.last or "it could not be reached"


class _Heard(logging.Handler):
    """The last thing that a library complained of, since it says why only to its log."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.WARNING)
        self._logger = logging.getLogger(name)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage().strip().rstrip(".")

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
