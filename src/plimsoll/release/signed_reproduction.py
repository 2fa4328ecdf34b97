"""The report of a reproduction as it is kept: a signed envelope in the artifacts, beside the bundle that it is about."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from plimsoll.bundle.signing import signer, verify_envelope
from plimsoll.edge.context import Context
from plimsoll.kernel.canonical import canonical_json
from plimsoll.release.reproduction import Reproduction

if TYPE_CHECKING:
    from pydantic import TypeAdapter

PAYLOAD_TYPE = "application/vnd.plimsoll.reproduction.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedReproduction:
    """A reproduction whose signature was verified just now."""

    reproduction: Reproduction
    key: str
    """The id of the key that signed it."""
    envelope: str
    """Artifact digest of the signed envelope."""


def sign_reproduction(context: Context, made: Reproduction) -> SignedReproduction:
    """Sign the report with the key that signs releases, and keep it; nothing is recorded yet."""
    envelope = signer(context.workspace.keys).sign(PAYLOAD_TYPE, canonical_json(asdict(made)))
    kept = context.artifacts.put_bytes(canonical_json(envelope))
    return SignedReproduction(reproduction=made, key=_key(envelope), envelope=kept)


def read_reproduction(context: Context, envelope: str) -> SignedReproduction:
    """A kept report, once its signature was verified. Raises ArtifactMissing, BadSignature."""
    page = json.loads(context.artifacts.read_bytes(envelope))
    payload = verify_envelope(page, context.workspace.keys, payload_type=PAYLOAD_TYPE)
    return SignedReproduction(reproduction=_type().validate_json(payload), key=_key(page), envelope=envelope)


def _key(envelope: dict[str, Any]) -> str:
    return str(envelope["signatures"][0]["keyid"])


@cache
def _type() -> TypeAdapter[Reproduction]:
    from pydantic import TypeAdapter

    return TypeAdapter(Reproduction)
