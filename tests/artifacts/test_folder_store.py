"""The folder store: content under its digest, whole or not at all, whoever writes and whatever kills them."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.artifacts.folder import ArtifactMissing, ArtifactStoreFull, FolderStore, SourceUnreadable

NAMES = st.text("abcdefgh_.-", min_size=1, max_size=5).filter(lambda name: name.strip(".") != "")

MEMORY = Path("/dev/shm")
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=2).map("/".join), st.binary(max_size=20), max_size=5).map(
    lambda files: {name: content for name, content in files.items() if not any(o.startswith(f"{name}/") for o in files)}
)
"""Relative path -> content; no file lies where another's folder does."""


def lay_out(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "artifacts")


def stored(store: FolderStore) -> dict[str, bytes]:
    """Everything that lies under a digest."""
    places = [path for path in store.root.glob("??/*") if path.is_file()]
    return {path.parent.name + path.name: path.read_bytes() for path in places}


def start(code: str, *arguments: object, **options: object) -> subprocess.Popen[bytes]:
    """A Python process of its own that runs the code with the arguments in sys.argv[1:]."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload, no-any-return]


def test_bytes_and_files_lie_under_the_digest_of_their_content(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"cargo")
    digest = hashlib.sha256(b"cargo").hexdigest()
    assert store.put_bytes(b"cargo") == store.put_file(tmp_path / "file") == digest
    assert store.has(digest)
    assert store.read_bytes(digest) == store.path(digest).read_bytes() == b"cargo"
    assert stored(store) == {digest: b"cargo"}


def test_what_is_stored_is_read_only_and_leaves_no_scratch(store: FolderStore, tmp_path: Path) -> None:
    digest = store.put_bytes(b"cargo")
    assert stat.S_IMODE(store.path(digest).stat().st_mode) == 0o444
    store.put_bytes(b"cargo")
    (tmp_path / "file").write_bytes(b"cargo")
    store.put_file(tmp_path / "file")
    assert list((store.root / "incoming").iterdir()) == []


@pytest.mark.parametrize("digest", ["", "ab", "0" * 64, "0" * 63 + "/"])
def test_a_digest_that_is_not_there_is_missing(store: FolderStore, digest: str) -> None:
    store.put_bytes(b"cargo")
    assert not store.has(digest)
    for read in (store.path, store.read_bytes, store.tree):
        with pytest.raises(ArtifactMissing):
            read(digest)


def test_a_source_that_cannot_be_read_is_not_taken_for_a_full_disk(store: FolderStore, tmp_path: Path) -> None:
    for source in (tmp_path / "absent", tmp_path):
        with pytest.raises(SourceUnreadable, match="cannot be read"):
            store.put_file(source)
    assert stored(store) == {}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=TREES)
def test_a_tree_comes_back_as_it_was(store: FolderStore, files: dict[str, bytes], tmp_path_factory) -> None:
    folder = lay_out(tmp_path_factory.mktemp("tree"), files)
    digest = store.put_tree(folder)
    again = store.unpack(digest, folder / "again" / "here")
    found = {path.relative_to(again).as_posix(): path.read_bytes() for path in again.rglob("*") if path.is_file()}
    assert found == files
    assert store.put_tree(again) == digest, "the same files give the same digest"
    assert set(store.tree(digest)) == set(files)


@settings(max_examples=15, deadline=None)
@given(files=TREES)
def test_a_folder_that_is_taken_is_the_same_tree_and_is_spent(files: dict[str, bytes], tmp_path_factory) -> None:
    place = tmp_path_factory.mktemp("taken")
    store, other = FolderStore(place / "store"), FolderStore(place / "other")
    kept, spent = lay_out(place / "kept", files), lay_out(place / "spent", files)

    digest = store.take_tree(spent)

    assert digest == other.put_tree(kept)
    assert {name: store.read_bytes(entry) for name, entry in store.tree(digest).items()} == files
    left = [path for path in spent.rglob("*") if path.is_file()]
    assert len(left) == len(files) - len(set(files.values()))


@pytest.mark.skipif(not MEMORY.is_dir(), reason="needs a second disk, and /dev/shm is one on Linux")
def test_a_folder_on_another_disk_is_taken_too(store: FolderStore) -> None:
    files = {"a": b"one", "deep/b": b"two"}
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:
        digest = store.take_tree(lay_out(Path(place), files))

    assert {name: store.read_bytes(entry) for name, entry in store.tree(digest).items()} == files


def test_times_and_owners_do_not_count_in_a_tree(store: FolderStore, tmp_path: Path) -> None:
    for name, when in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"x")
        os.utime(tmp_path / name / "file", (when, when))
    assert store.put_tree(tmp_path / "a") == store.put_tree(tmp_path / "b")


def test_unpacking_is_all_or_nothing(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    for name in "abc":
        (tmp_path / "tree" / name).write_text(name)
    digest = store.put_tree(tmp_path / "tree")
    store.path(store.tree(digest)["c"]).unlink()
    with pytest.raises(ArtifactMissing):
        store.unpack(digest, tmp_path / "out" / "tree")
    assert list((tmp_path / "out").iterdir()) == []
    store.put_bytes(b"c")
    assert store.unpack(digest, tmp_path / "out" / "tree").is_dir()


def test_an_unpacked_folder_is_kept(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_text("a")
    digest = store.put_tree(tmp_path / "tree")
    out = store.unpack(digest, tmp_path / "out")
    before = out.stat().st_ino
    assert store.unpack(digest, tmp_path / "out").stat().st_ino == before


def test_a_tree_cannot_write_outside_of_its_folder(store: FolderStore, tmp_path: Path) -> None:
    from plimsoll.kernel.canonical import canonical_json

    entry = store.put_bytes(b"x")
    for name in ("../evil", "/tmp/evil-plimsoll", "a/../../evil"):
        digest = store.put_bytes(canonical_json({"tree": {name: entry}}))
        with pytest.raises(ValueError, match="outside"):
            store.unpack(digest, tmp_path / "out" / "tree")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_process_killed_in_the_middle_of_a_put_leaves_nothing_under_a_digest(
    store: FolderStore, tmp_path: Path
) -> None:
    pipe = tmp_path / "endless"
    os.mkfifo(pipe)
    code = (
        "import sys; from pathlib import Path; from plimsoll.artifacts.folder import FolderStore;"
        "FolderStore(Path(sys.argv[1])).put_file(Path(sys.argv[2]))"
    )
    process = start(code, store.root, pipe)
    with pipe.open("wb", buffering=0) as feed:
        for _ in range(40):  # forty pieces of a mebibyte, and the reader waits for more
            feed.write(b"x" * (1 << 20))
        written = [path.stat().st_size for path in (store.root / "incoming").iterdir()]
        process.send_signal(signal.SIGKILL)
        process.wait()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert len(written) == 1, "it was in the middle of its work"
    assert written[0] > 0
    assert stored(store) == {}
    assert store.put_bytes(b"cargo")


def test_a_full_disk_is_an_error_and_leaves_nothing(store: FolderStore) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from plimsoll.artifacts.folder import ArtifactStoreFull, FolderStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
store = FolderStore(Path(sys.argv[1]))
store.put_bytes(b"small")
for put in (lambda: store.put_bytes(b"x" * 200_000), lambda: store.put_file(Path(sys.argv[2]))):
    try:
        put()
    except ArtifactStoreFull as error:
        print(error.code, error.kind, error)
"""
    big = store.root.parent / "big"
    big.write_bytes(b"y" * 200_000)
    out, err = start(code, store.root, big).communicate(timeout=60)
    line = f"artifacts.write_failed unavailable Cannot write to {store.root}: File too large."
    assert out.decode().splitlines() == [line, line], err.decode()
    assert list(stored(store).values()) == [b"small"]
    assert list((store.root / "incoming").iterdir()) == []


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtifactStoreFull, match=r"Cannot write to .*: Not a directory"):
        FolderStore(tmp_path / "file" / "artifacts").put_bytes(b"x")


def test_several_processes_may_store_and_unpack_the_same_at_once(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    for name in "abcdefgh":
        (tmp_path / "tree" / name).write_bytes(name.encode() * 100_000)
    code = """
import sys
import tempfile
from pathlib import Path
from plimsoll.artifacts.folder import FolderStore
store = FolderStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
digest = store.put_tree(Path(sys.argv[2]))
folder = store.unpack(digest, Path(sys.argv[3]))
print(digest, sum(path.stat().st_size for path in folder.iterdir()))
"""
    processes = [start(code, store.root, tmp_path / "tree", tmp_path / "out" / "tree") for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert len(set(answers)) == 1, answers
    assert answers[0].split()[1] == b"800000"
    assert all(hashlib.sha256(content).hexdigest() == digest for digest, content in stored(store).items())
    assert len(stored(store)) == 9
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out" / "tree"]
    assert list((store.root / "incoming").iterdir()) == []
