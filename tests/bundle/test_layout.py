"""A bundle is what was signed, to the last byte and file; every other folder is refused by name."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from plimsoll.bundle.layout import PAYLOAD_TYPE, Tampered, manifest_digest, verify_bundle, write_bundle
from plimsoll.bundle.signing import BadSignature, MalformedEnvelope, NoKey, WrongKey, signer
from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.hashing import digest_bytes, digest_file


def seal(folder, keys, **facts):
    defaults = {
        "project": "fraud",
        "number": 12,
        "run": "run-1",
        "commit": "c" * 40,
        "authors": ("ada",),
        "dirty": (),
        "data": {"transactions": "d" * 64},
        "lock_digest": "e" * 64,
        "verdict": "f" * 64,
        "created_by": "ada",
        "created_at": "2026-11-20T10:00:00.000000Z",
        "compiled": None,
    }
    return write_bundle(folder, signer=signer(keys), **{**defaults, **facts})


@pytest.fixture
def keys(tmp_path):
    return tmp_path / "keys"


@pytest.fixture
def bundle(tmp_path, keys):
    folder = tmp_path / "bundle"
    (folder / "scorer" / "model").mkdir(parents=True)
    (folder / "scorer" / "scorer.json").write_text("{}")
    (folder / "scorer" / "model" / "model.pkl").write_bytes(b"pickle")
    (folder / "lock.txt").write_text("python==3.11.7\n")
    seal(folder, keys)
    return folder


def problems_of(bundle, keys):
    with pytest.raises(Tampered) as caught:
        verify_bundle(bundle, keys)
    assert caught.value.advice
    return caught.value.facts["problems"]


def test_a_sealed_bundle_verifies_and_says_what_it_is(bundle, keys):
    manifest = verify_bundle(bundle, keys)

    assert manifest.name == "fraud@12"
    assert manifest.authors == ("ada",)
    assert set(manifest.files) == {"scorer/scorer.json", "scorer/model/model.pkl", "lock.txt"}
    assert manifest.files["lock.txt"] == digest_file(bundle / "lock.txt")


def test_the_digest_is_that_of_the_manifest_s_bytes_and_does_not_move(bundle, keys):
    before = manifest_digest(bundle)
    assert before == digest_bytes((bundle / "release.json").read_bytes())
    assert seal(bundle, keys) == before
    assert seal(bundle, keys, number=13) != before
    assert verify_bundle(bundle, keys).number == 13


def test_a_copy_of_a_bundle_verifies(bundle, keys, tmp_path):
    shutil.copytree(bundle, tmp_path / "copy")
    assert verify_bundle(tmp_path / "copy", keys).name == "fraud@12"


def test_every_changed_missing_and_extra_file_is_named(bundle, keys):
    (bundle / "lock.txt").write_text("python==3.12.0\n")
    (bundle / "scorer" / "scorer.json").unlink()
    (bundle / "scorer" / "model" / "more.py").write_text("")
    assert problems_of(bundle, keys) == [
        "scorer/scorer.json is missing",
        "scorer/model/more.py is extra",
        "lock.txt is changed",
    ]


def test_a_long_list_of_files_is_cut_for_reading_but_kept_as_a_fact(bundle, keys):
    for number in range(9):
        (bundle / f"extra{number}").touch()
    with pytest.raises(Tampered, match="extra4 is extra; and 4 more") as caught:
        verify_bundle(bundle, keys)
    assert len(caught.value.facts["problems"]) == 9


def test_bytecode_beside_the_code_is_extra(bundle, keys):
    (bundle / "scorer" / "__pycache__").mkdir()
    (bundle / "scorer" / "__pycache__" / "steps.cpython-311.pyc").touch()
    assert problems_of(bundle, keys) == ["scorer/__pycache__/steps.cpython-311.pyc is extra"]


def test_a_changed_manifest_is_refused(bundle, keys):
    page = json.loads((bundle / "release.json").read_bytes())
    (bundle / "release.json").write_bytes(canonical_json({**page, "number": 13}))
    assert problems_of(bundle, keys) == ["release.json is changed, or signature.json belongs to another release"]


def test_the_signature_of_another_release_is_refused(bundle, keys, tmp_path):
    shutil.copytree(bundle, tmp_path / "other")
    seal(tmp_path / "other", keys, number=13)
    shutil.copy(tmp_path / "other" / "signature.json", bundle / "signature.json")
    assert problems_of(bundle, keys) == ["release.json is changed, or signature.json belongs to another release"]


def test_a_signature_over_something_else_is_refused(bundle, keys):
    envelope = signer(keys).sign("text/plain", (bundle / "release.json").read_bytes())
    (bundle / "signature.json").write_bytes(canonical_json(envelope))
    with pytest.raises(MalformedEnvelope, match=PAYLOAD_TYPE.replace("+", r"\+")):
        verify_bundle(bundle, keys)


def test_a_bundle_sealed_elsewhere_is_refused(bundle, keys, tmp_path):
    seal(bundle, tmp_path / "theirs")
    with pytest.raises(WrongKey):
        verify_bundle(bundle, keys)
    with pytest.raises(NoKey):
        verify_bundle(bundle, tmp_path / "nowhere")


def test_a_forged_signature_is_refused(bundle, keys):
    envelope = json.loads((bundle / "signature.json").read_bytes())
    page = json.loads((bundle / "release.json").read_bytes())
    forged = canonical_json({**page, "number": 13})
    (bundle / "release.json").write_bytes(forged)
    import base64

    (bundle / "signature.json").write_bytes(canonical_json({**envelope, "payload": base64.b64encode(forged).decode()}))
    with pytest.raises(BadSignature):
        verify_bundle(bundle, keys)


@pytest.mark.parametrize("name", ["release.json", "signature.json"])
def test_a_lost_page_is_named(bundle, keys, name):
    (bundle / name).unlink()
    assert problems_of(bundle, keys) == [f"{name} is missing"]


def test_a_folder_that_is_not_there_is_refused(tmp_path, keys):
    assert problems_of(tmp_path / "nothing", keys) == ["release.json is missing"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_an_unreadable_signature_is_named(bundle, keys, content):
    (bundle / "signature.json").write_bytes(content)
    assert problems_of(bundle, keys) == ["signature.json is not JSON"]


@pytest.mark.parametrize("content", [b"[]", b"{}", b"nothing", b'{"project":"fraud"}'])
def test_a_signed_page_that_is_no_manifest_is_named(bundle, keys, content):
    (bundle / "release.json").write_bytes(content)
    (bundle / "signature.json").write_bytes(canonical_json(signer(keys).sign(PAYLOAD_TYPE, content)))
    with pytest.raises(Tampered, match=r"release\.json is no manifest"):
        verify_bundle(bundle, keys)


@pytest.mark.parametrize("name", ["lock.txt", "release.json", "signature.json"])
def test_a_link_is_refused_although_it_leads_to_the_same_bytes(bundle, keys, tmp_path, name):
    shutil.move(bundle / name, tmp_path / "elsewhere")
    (bundle / name).symlink_to(tmp_path / "elsewhere")
    assert f"{name} is a link" in problems_of(bundle, keys)


def test_a_linked_folder_is_refused(bundle, keys, tmp_path):
    shutil.move(bundle / "scorer", tmp_path / "elsewhere")
    (bundle / "scorer").symlink_to(tmp_path / "elsewhere")
    assert problems_of(bundle, keys)[0] == "scorer is a link"


def test_links_and_pipes_are_not_sealed(bundle, keys):
    (bundle / "link").symlink_to("/etc/hostname")
    os.mkfifo(bundle / "pipe")
    (bundle / "a\\b").touch()
    with pytest.raises(Tampered) as caught:
        seal(bundle, keys)
    assert caught.value.facts["problems"] == [
        "link is a link",
        "pipe is not a file",
        "a\\b is no name that every system can hold",
    ]


def test_an_empty_folder_is_extra(bundle, keys):
    (bundle / "scorer" / "numpy" / "core").mkdir(parents=True)
    assert problems_of(bundle, keys) == ["scorer/numpy is an empty folder", "scorer/numpy/core is an empty folder"]


@pytest.mark.parametrize(
    "path",
    ["../outside", "/etc/hostname", "scorer/../../outside", "./lock.txt", "a//b", "c:x", "a\\b", "", "release.json"],
)
def test_a_signed_manifest_with_an_unsafe_path_is_refused_before_any_file_is_read(bundle, keys, path):
    page = json.loads((bundle / "release.json").read_bytes())
    content = canonical_json({**page, "files": {**page["files"], path: "0" * 64}})
    (bundle / "release.json").write_bytes(content)
    (bundle / "signature.json").write_bytes(canonical_json(signer(keys).sign(PAYLOAD_TYPE, content)))
    assert problems_of(bundle, keys) == [f"release.json names the unsafe path {path!r}"]
