"""The signed heads of the audit chain: a file beside the ledger, one DSSE envelope a line, appended after each commit.

Whoever rewrites the ledger cannot make the heads follow without the key `audit`. Who holds the key too is stopped
only by a copy of the file elsewhere; docs/governance.md says how to keep one.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any

from plimsoll.governance.chain import SignedHeads
from plimsoll.governance.entities import Head
from plimsoll.governance.errors import HeadNotWritten
from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.errors import PlimsollError
from plimsoll.kernel.files import sync_folder
from plimsoll.kernel.workspace import Workspace

KEY = "audit"
PAYLOAD_TYPE = "application/vnd.plimsoll.audit-head+json"


def append_head(workspace: Workspace, head: Head) -> None:
    """Sign the head and append it durably. Raises HeadNotWritten."""
    from plimsoll.bundle.signing import signer

    payload = canonical_json({"number": head.number, "hash": head.hash})
    try:
        envelope = signer(workspace.keys, KEY).sign(PAYLOAD_TYPE, payload)
        _append_line(workspace.audit_heads, canonical_json(envelope) + b"\n")
    except OSError as error:
        raise HeadNotWritten(path=str(workspace.audit_heads), problem=error.strerror or str(error)) from error


def read_heads(workspace: Workspace) -> SignedHeads:
    """The heads whose signature is good, and what is wrong with the other lines."""
    if not workspace.audit_heads.exists():
        return SignedHeads(heads=())
    content = workspace.audit_heads.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]  # what follows was cut off while it was written
    heads: list[Head] = []
    problems: dict[str, list[int]] = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        found = _read_line(line, workspace.keys)
        if isinstance(found, Head):
            heads.append(found)
        else:
            problems.setdefault(found, []).append(number)
    return SignedHeads(heads=tuple(heads), bad=tuple(_grouped(problems)))


def _read_line(line: bytes, keys: Path) -> Head | str:
    from plimsoll.bundle.signing import verify_envelope

    try:
        envelope = json.loads(line)
        payload: dict[str, Any] = json.loads(verify_envelope(envelope, keys, KEY, payload_type=PAYLOAD_TYPE))
        return Head(number=int(payload["number"]), hash=str(payload["hash"]))
    except PlimsollError as error:
        return str(error)
    except (ValueError, KeyError, TypeError):
        return "It is not a signed head."


def _grouped(problems: dict[str, list[int]]) -> list[tuple[int, str]]:
    """One entry a problem, however many lines have it: a replaced key spoils them all in the same way."""
    return [
        (lines[0], problem if len(lines) == 1 else f"{problem} The same holds for {len(lines) - 1} more lines.")
        for problem, lines in problems.items()
    ]


def _append_line(path: Path, line: bytes) -> None:
    """Append under a lock; a line that a crash left unfinished is cut off first, since the new one covers it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _cut_unfinished_line(descriptor)
        if os.write(descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        sync_folder(path.parent)


def _cut_unfinished_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    reach = min(size, 65536)
    rest = os.pread(descriptor, reach, size - reach)
    os.ftruncate(descriptor, size - reach + rest.rfind(b"\n") + 1)
