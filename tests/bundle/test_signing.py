"""Envelopes verify with the key that signed them and with nothing else; keys are private from their first byte."""

from __future__ import annotations

import base64
import copy
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from plimsoll.bundle.signing import (
    BadSignature,
    MalformedEnvelope,
    NoKey,
    UnusableKey,
    WrongKey,
    pre_authentication_encoding,
    signer,
    verify_envelope,
)

TYPE = "application/vnd.plimsoll.release+json"


def test_a_signed_payload_comes_back_from_verification(tmp_path):
    envelope = signer(tmp_path).sign(TYPE, b'{"a":1}')

    assert verify_envelope(envelope, tmp_path) == b'{"a":1}'
    assert verify_envelope(envelope, tmp_path, payload_type=TYPE) == b'{"a":1}'
    assert envelope["signatures"][0]["keyid"] == signer(tmp_path).key_id


def test_the_encoding_is_that_of_the_dsse_specification():
    # The example in https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_openssl_agrees_with_the_signature(tmp_path):
    """Another implementation verifies what we sign: the `openssl` command, where it is installed."""
    envelope = signer(tmp_path).sign(TYPE, b"payload")
    (tmp_path / "signed").write_bytes(pre_authentication_encoding(TYPE, b"payload"))
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["openssl", "dgst", "-sha256", "-verify", "release.pub", "-signature", "sig", "signed"]
    try:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    assert done.stdout.strip() == "Verified OK"


def test_the_private_key_is_readable_by_its_owner_only_and_kept(tmp_path):
    keys = tmp_path / "keys"
    first = signer(keys, "audit")

    assert stat.S_IMODE((keys / "audit.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert signer(keys, "audit").key_id == first.key_id
    assert sorted(path.name for path in keys.iterdir()) == ["audit.key", "audit.pub"]


def test_two_names_are_two_keys(tmp_path):
    assert signer(tmp_path, "release").key_id != signer(tmp_path, "audit").key_id


def test_signers_that_start_together_share_one_key(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        identifiers = set(pool.map(lambda _: signer(tmp_path / "keys").key_id, range(32)))
    assert len(identifiers) == 1

    program = "import sys, pathlib; from plimsoll.bundle.signing import signer; print(signer(pathlib.Path(sys.argv[1])).key_id)"
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "other")], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in started}) == 1
    assert sorted(path.name for path in (tmp_path / "other").iterdir()) == ["release.key", "release.pub"]


def test_a_lost_public_key_is_made_again_from_the_private_one(tmp_path):
    envelope = signer(tmp_path).sign(TYPE, b"x")
    (tmp_path / "release.pub").unlink()
    signer(tmp_path)
    assert verify_envelope(envelope, tmp_path) == b"x"


def _changed(envelope, change):
    envelope = copy.deepcopy(envelope)
    change(envelope)
    return envelope


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda e: e.update(payload=base64.b64encode(b"y").decode()), BadSignature, "does not fit"),
        (lambda e: e.update(payloadType="text/plain"), BadSignature, "does not fit"),
        (lambda e: e["signatures"][0].update(sig=base64.b64encode(b"0" * 70).decode()), BadSignature, "does not fit"),
        (lambda e: e["signatures"][0].update(sig="%%"), MalformedEnvelope, "sig is not base64"),
        (lambda e: e["signatures"][0].pop("sig"), MalformedEnvelope, "sig is not a text"),
        (lambda e: e.update(payload="###"), MalformedEnvelope, "payload is not base64"),
        (lambda e: e.pop("payload"), MalformedEnvelope, "payload missing"),
        (lambda e: e.update(payloadType=7), MalformedEnvelope, "payloadType"),
        (lambda e: e.update(signatures=[]), MalformedEnvelope, "at least one"),
        (lambda e: e.update(signatures="x"), MalformedEnvelope, "at least one"),
    ],
)
def test_a_changed_envelope_is_refused(tmp_path, change, error, says):
    envelope = _changed(signer(tmp_path).sign(TYPE, b"x"), change)

    with pytest.raises(BadSignature) as caught:
        verify_envelope(envelope, tmp_path)

    assert type(caught.value) is error
    assert says in str(caught.value)
    assert caught.value.advice


def test_an_envelope_that_is_no_object_is_malformed(tmp_path):
    with pytest.raises(MalformedEnvelope, match="expected an object"):
        verify_envelope([], tmp_path)


def test_another_workspace_s_key_is_named(tmp_path):
    envelope = signer(tmp_path / "theirs").sign(TYPE, b"x")
    ours = signer(tmp_path / "ours")

    with pytest.raises(WrongKey) as caught:
        verify_envelope(envelope, tmp_path / "ours")

    assert ours.key_id[:16] in str(caught.value)
    assert envelope["signatures"][0]["keyid"][:16] in str(caught.value)


def test_the_key_id_in_an_envelope_is_only_a_hint(tmp_path):
    envelope = _changed(signer(tmp_path).sign(TYPE, b"x"), lambda e: e["signatures"][0].pop("keyid"))
    assert verify_envelope(envelope, tmp_path) == b"x"


def test_a_missing_public_key_says_where_to_get_it(tmp_path):
    envelope = signer(tmp_path / "theirs").sign(TYPE, b"x")
    with pytest.raises(NoKey) as caught:
        verify_envelope(envelope, tmp_path / "ours")
    assert "release.pub" in caught.value.advice


def test_a_payload_of_another_type_is_refused(tmp_path):
    envelope = signer(tmp_path).sign("application/other", b"x")
    with pytest.raises(MalformedEnvelope, match="application/other"):
        verify_envelope(envelope, tmp_path, payload_type=TYPE)


def test_a_key_that_others_can_read_is_not_used(tmp_path):
    signer(tmp_path)
    (tmp_path / "release.key").chmod(0o644)
    with pytest.raises(UnusableKey, match="0644") as caught:
        signer(tmp_path)
    assert "chmod 600" in caught.value.advice


def test_damaged_keys_are_named(tmp_path):
    envelope = signer(tmp_path).sign(TYPE, b"x")
    (tmp_path / "release.pub").write_text("no key")
    with pytest.raises(UnusableKey, match=r"release\.pub"):
        verify_envelope(envelope, tmp_path)
    (tmp_path / "release.key").write_text("no key")
    with pytest.raises(UnusableKey, match=r"release\.key"):
        signer(tmp_path)
