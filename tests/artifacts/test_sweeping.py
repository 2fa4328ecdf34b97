"""What is needed is kept with all that it holds, the rest goes, and nobody is at work meanwhile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.artifacts.folder import FolderStore
from plimsoll.artifacts.sweeping import StoreInUse, alone, at_work, needed, stored, sweep


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "artifacts")


def test_a_tree_that_is_needed_keeps_its_files_and_trees_in_it(store: FolderStore):
    file, other = store.put_bytes(b"file"), store.put_bytes(b"other")
    inner = store.put_entries({"a": file})
    outer = store.put_entries({"b": inner})
    odd = store.put_bytes(b'{"tree": no JSON')

    assert needed(store, [outer, "f" * 64, odd]) == {outer, inner, file, odd}
    assert needed(store, []) == set()

    kept = needed(store, [outer])
    files, size = sweep(store, kept)
    assert (files, size) == (2, len(b"other") + len(b'{"tree": no JSON'))
    assert {digest for digest, _ in stored(store)} == kept
    assert not store.has(other)


def test_what_a_killed_writer_left_half_written_goes(store: FolderStore):
    kept = store.put_bytes(b"kept")
    (store.root / "incoming" / ".new-half").write_bytes(b"ha")

    assert sweep(store, {kept}) == (0, 0)

    assert list((store.root / "incoming").iterdir()) == []
    assert store.read_bytes(kept) == b"kept"


def test_nobody_is_alone_while_another_process_is_at_work(store: FolderStore):
    code = (
        "import sys; from pathlib import Path; from plimsoll.artifacts.folder import FolderStore\n"
        "from plimsoll.artifacts.sweeping import at_work\n"
        "with at_work(FolderStore(Path(sys.argv[1]))):\n    print('working', flush=True); sys.stdin.read()"
    )
    with (
        at_work(store),
        subprocess.Popen(
            [sys.executable, "-c", code, store.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other,
    ):
        assert other.stdout.readline() == b"working\n", "any number may be at work"
        with pytest.raises(StoreInUse), alone(store, patience_s=0.1):
            pass
        other.kill()
    with alone(store, patience_s=5.0):
        pass
