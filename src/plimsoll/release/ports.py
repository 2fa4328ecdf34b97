"""What others implement for releases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol


class Runtimes(Protocol):
    """Makes interpreters from locks."""

    def python_of(self, lock: str, *, release: str = ..., say: Callable[[str], None] = ...) -> Path:
        """The interpreter that has exactly this lock; made when missing. Raises what says why it cannot be made."""
        ...
