"""What begins on a Ray node: it is sent there as a value, so it needs nothing but Python and the standard library.

Imports nothing at its top and holds nothing that would need Plimsoll to be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

REFUSED = "plimsoll.refused"


def enter(runtime: tuple[str, str], call: str, payload: bytes, *handles: Any) -> Any:
    """Call `module:function` with the pickled arguments and the handles, if this runtime is the given one."""
    return admit(runtime, call)(*_read(payload), *handles)


def enter_streaming(runtime: tuple[str, str], call: str, payload: bytes, *handles: Any) -> Iterator[Any]:
    """The same for a function that yields."""
    yield from admit(runtime, call)(*_read(payload), *handles)


def admit(runtime: tuple[str, str], call: str) -> Any:
    """The function itself. Raises LookupError, marked as a refusal, when the runtime is another."""
    import importlib
    import platform

    facts = {"node": platform.node(), "missing": "", "version": "", "lock": ""}
    try:
        import plimsoll
        from plimsoll.bundle.runtime import lock_text
    except ImportError as error:
        raise LookupError(REFUSED, {**facts, "missing": str(error)}) from None
    found = (plimsoll.__version__, lock_text())
    if found != tuple(runtime):
        raise LookupError(REFUSED, {**facts, "version": found[0], "lock": found[1]})
    module, _, function = call.partition(":")
    return getattr(importlib.import_module(module), function)


def _read(payload: bytes) -> Any:
    import pickle

    return pickle.loads(payload)  # noqa: S301 - it comes from the driver, which may run anything here
