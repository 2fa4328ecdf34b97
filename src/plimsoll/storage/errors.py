"""Why nothing is collected."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class OtherLedger(PlimsollError):
    """Artifacts that a ledger other than this one may name."""

    code = "storage.other_ledger"
    kind = Kind.CONFLICT
    text = "Another ledger may need the artifacts in {store}: {problem}."
    hint = "Run gc with the ledger that knows the runs (PLIMSOLL_LEDGER); move one away that is not used any more."
