"""Signatures: DSSE envelopes over ECDSA P-256 with SHA-256, made and checked with keys of the workspace.

A key is made at first use, `NAME.key` (owner only) with `NAME.pub` beside it. Verification needs the public key alone.
Formats: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md and envelope.md there.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import stat
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.kernel.files import new_file
from plimsoll.kernel.hashing import digest_bytes

_ECDSA = ec.ECDSA(hashes.SHA256())


class BadSignature(PlimsollError):
    """An envelope whose signature does not hold; the other ways to be unverifiable are its subclasses."""

    code = "bundle.bad_signature"
    kind = Kind.DENIED
    text = "The signature by key {name} ({key_id}) does not fit what it signs."
    hint = "What was signed or its signature was changed. Fetch it anew from where it was made; do not use this copy."


class NoKey(BadSignature):
    """No public key to verify with."""

    code = "bundle.no_key"
    kind = Kind.MISSING
    text = "There is no public key {path}, so nothing signed with the key {name} can be verified."
    hint = "Copy {name}.pub from the keys folder of the workspace that signed it, after comparing it with its owner."


class WrongKey(BadSignature):
    """Signed, but by a key that this workspace does not know."""

    code = "bundle.wrong_key"
    text = "Signed by the key {found}, but {name}.pub of this workspace is the key {key_id}."
    hint = "Use the workspace that signed it. If the key was replaced on purpose, make and sign the release again."


class MalformedEnvelope(BadSignature):
    """Not a DSSE envelope of the expected kind."""

    code = "bundle.malformed_envelope"
    kind = Kind.INVALID
    text = "The signature is not a readable envelope: {problem}."
    hint = "The file was damaged or written by something else. Fetch it anew from where it was made."


class UnusableKey(PlimsollError):
    """A key file that is damaged, or a private key that others can read."""

    code = "bundle.unusable_key"
    kind = Kind.DENIED
    text = "The key {path} cannot be used: {problem}."
    hint = "{cure}"


class Signer:
    """Signs with one private key. `key_id` is the SHA-256 of the public key (DER, SubjectPublicKeyInfo)."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        self.key_id = _key_id(private.public_key())

    def sign(self, payload_type: str, payload: bytes) -> dict[str, Any]:
        """A DSSE envelope that carries the payload and one signature; JSON-ready."""
        signature = self._private.sign(pre_authentication_encoding(payload_type, payload), _ECDSA)
        return {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"keyid": self.key_id, "sig": base64.b64encode(signature).decode()}],
        }


def signer(keys: Path, name: str = "release") -> Signer:
    """The signer of that name, its key made at first use; two processes that start together get the same key.

    Raises UnusableKey when the file is damaged or when others than its owner may read it.
    """
    place = keys / f"{name}.key"
    if not place.exists():
        _create_key(place)
    private = _read_private(place)
    public = keys / f"{name}.pub"
    encoded = _public_pem(private.public_key())
    if not public.exists() or public.read_bytes() != encoded:
        with new_file(keys) as temporary:
            temporary.write_bytes(encoded)
            temporary.chmod(0o644)
            temporary.replace(public)
    return Signer(private)


def verify_envelope(
    envelope: dict[str, Any], keys: Path, name: str = "release", *, payload_type: str | None = None
) -> bytes:
    """The payload of a DSSE envelope that `NAME.pub` in the keys folder verifies.

    payload_type: what the payload must be declared as; None takes any.
    Raises MalformedEnvelope, NoKey, WrongKey, or BadSignature, of which the others are kinds.
    """
    payload, declared, signatures = _read_envelope(envelope)
    if payload_type is not None and declared != payload_type:
        raise MalformedEnvelope(problem=f"it holds {declared!r}, expected {payload_type!r}")
    public = _read_public(keys / f"{name}.pub", name)
    key_id = _key_id(public)
    signed = pre_authentication_encoding(declared, payload)
    for _, signature in signatures:
        with contextlib.suppress(InvalidSignature):
            public.verify(signature, signed, _ECDSA)
            return payload
    found = [identifier for identifier, _ in signatures]
    if key_id not in found:
        raise WrongKey(name=name, key_id=key_id[:16], found=", ".join(item[:16] or "without a name" for item in found))
    raise BadSignature(name=name, key_id=key_id[:16])


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that DSSE signs: type and payload with their lengths, so that neither can be taken for the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _read_envelope(envelope: Any) -> tuple[bytes, str, list[tuple[str, bytes]]]:
    if not isinstance(envelope, dict):
        raise MalformedEnvelope(problem=f"expected an object, found {type(envelope).__name__}")
    missing = [key for key in ("payload", "payloadType", "signatures") if key not in envelope]
    if missing:
        raise MalformedEnvelope(problem=f"{' and '.join(missing)} missing")
    if not isinstance(envelope["payloadType"], str):
        raise MalformedEnvelope(problem="payloadType is not a text")
    entries = envelope["signatures"]
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise MalformedEnvelope(problem="signatures is not a list with at least one signature")
    signatures = [(str(entry.get("keyid", "")), _decoded(entry.get("sig"), "sig")) for entry in entries]
    return _decoded(envelope["payload"], "payload"), envelope["payloadType"], signatures


def _decoded(text: Any, where: str) -> bytes:
    if not isinstance(text, str):
        raise MalformedEnvelope(problem=f"{where} is not a text")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedEnvelope(problem=f"{where} is not base64") from error


def _create_key(place: Path) -> None:
    """Write a new private key under its name unless one is there by then: a hard link never overwrites."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    private = ec.generate_private_key(ec.SECP256R1())
    encoded = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with new_file(place.parent) as temporary:
        with temporary.open("wb") as stream:
            stream.write(encoded)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            place.hardlink_to(temporary)


def _read_private(place: Path) -> ec.EllipticCurvePrivateKey:
    mode = stat.S_IMODE(place.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise UnusableKey(
            path=str(place),
            problem=f"others than its owner may use it (mode {mode:04o})",
            cure=f"If nobody else has read it, run `chmod 600 {place}`; otherwise remove it, and a new one will be made.",
        )
    try:
        key = serialization.load_pem_private_key(place.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise _not_a_key(place) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _not_a_key(place)
    return key


def _not_a_key(place: Path) -> UnusableKey:
    cure = f"Restore {place.name} from a backup, or remove it: a new key is made, and what the old one signed needs signing again."
    return UnusableKey(path=str(place), problem="it is not an unencrypted P-256 key in PEM form", cure=cure)


def _read_public(place: Path, name: str) -> ec.EllipticCurvePublicKey:
    if not place.exists():
        raise NoKey(name=name, path=str(place))
    try:
        key = serialization.load_pem_public_key(place.read_bytes())
    except ValueError as error:
        raise _not_a_public_key(place, name) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _not_a_public_key(place, name)
    return key


def _not_a_public_key(place: Path, name: str) -> UnusableKey:
    cure = (
        f"Remove it: it is made again from {name}.key at the next signature, or copy it from the workspace that signs."
    )
    return UnusableKey(path=str(place), problem="it is not a P-256 public key in PEM form", cure=cure)


def _public_pem(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key_id(public: ec.EllipticCurvePublicKey) -> str:
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return digest_bytes(der)
