"""Begin a sweep, carry it on, end it, look at it."""

from __future__ import annotations

from plimsoll.sweep.operations.asking import cancel_sweep, get_sweep, list_sweeps, show_sweep
from plimsoll.sweep.operations.running import create_sweep, resume_sweep

__all__ = ["cancel_sweep", "create_sweep", "get_sweep", "list_sweeps", "resume_sweep", "show_sweep"]
