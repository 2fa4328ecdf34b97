"""How fast data becomes a version: 10,000 unchanged files looked at again, and gigabytes hashed, beside openssl.

Run by `make bench-hashing`. All figures are of files in the page cache, so they tell what the processor and our code
cost; a slower disk makes all of them alike. openssl hashes the same files, one process a core.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from plimsoll.artifacts.folder import FolderStore
from plimsoll.data.files import find_files
from plimsoll.data.versions import HashCache, files_now, keep_files

MANY = 10_000
LARGEST_SHARE = 0.8
LONGEST_S = 0.5
ROUNDS = 3


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--megabytes", type=int, default=2048)
    arguments.add_argument("--files", type=int, default=8)
    arguments.add_argument("--folder", type=Path, default=None, help="where to write; default: the temporary folder")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="plimsoll-hashing-", dir=given.folder) as folder:
        unchanged(Path(folder) / "many")
        speed(Path(folder) / "large", megabytes=given.megabytes, files=given.files)


def unchanged(root: Path) -> None:
    """10,000 small files, kept once, then looked at again."""
    (root / "data").mkdir(parents=True)
    for number in range(MANY):
        (root / "data" / f"part-{number:05}.csv").write_text(f"id\n{number}\n")
    store, memory = FolderStore(root / "artifacts"), root / "memory.json"

    def keep() -> None:
        found = find_files("sales", "data", root=root, state=root / ".plimsoll")
        keep_files("sales", found, artifacts=store, cache=HashCache(memory), now_ns=later())

    first, again = seconds(keep), min(seconds(keep) for _ in range(ROUNDS))
    told = "met" if again <= LONGEST_S else "missed"
    print(f"{MANY:,} files kept for the first time (copied and made durable)   {first:7.2f} s")
    print(f"{MANY:,} unchanged files looked at again   {again:7.2f} s   (wanted: {LONGEST_S} s, {told})")


def speed(root: Path, *, megabytes: int, files: int) -> None:
    """Hash alone, and hash while keeping a copy, beside openssl on the same files."""
    (root / "data").mkdir(parents=True)
    block = os.urandom(1 << 20)
    for number in range(files):
        with (root / "data" / f"{number}.parquet").open("wb") as file:
            file.write(number.to_bytes(8, "big"))
            for _ in range(megabytes // files):
                file.write(block)
    found = find_files("sales", "data", root=root, state=root / ".plimsoll")

    def look() -> None:
        (root / "memory.json").unlink(missing_ok=True)
        files_now("sales", found, cache=HashCache(root / "memory.json"), now_ns=later())

    def copy() -> None:
        shutil.rmtree(root / "artifacts", ignore_errors=True)
        store = FolderStore(root / "artifacts")
        keep_files("sales", found, artifacts=store, cache=HashCache(root / "memory.json"), now_ns=later())

    def rehash() -> None:
        store, cache = FolderStore(root / "artifacts"), HashCache(root / "memory.json")
        keep_files("sales", found, artifacts=store, cache=cache, now_ns=later(), rehash=True)

    def rate(work: Callable[[], None]) -> float:
        return max(megabytes / seconds(work) for _ in range(ROUNDS))

    openssl, plain = rate(lambda: by_openssl(found.files)), rate(look)
    told = "met" if plain >= LARGEST_SHARE * openssl else "missed"
    print(f"openssl dgst -sha256, {cores()} processes   {openssl:7.0f} MB/s")
    print(f"hashed by plimsoll   {plain:7.0f} MB/s = {plain / openssl:.0%}   (wanted: {LARGEST_SHARE:.0%}, {told})")
    for name, work in (
        ("copied into the artifacts, hashed and made durable", copy),
        ("--rehash of kept files", rehash),
    ):
        found_rate = rate(work)
        print(f"{name}   {found_rate:7.0f} MB/s = {found_rate / openssl:.0%}")


def by_openssl(files: tuple[Path, ...]) -> None:
    """The same files, shared among as many processes as there are cores."""
    shares = [files[number :: cores()] for number in range(cores())]
    started = [
        subprocess.Popen(["openssl", "dgst", "-sha256", *map(str, share)], stdout=subprocess.DEVNULL)
        for share in shares
        if share
    ]
    assert not any(process.wait() for process in started)


def seconds(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def later() -> int:
    """A moment in nanoseconds at which what was just written has come to rest."""
    return time.time_ns() + 10_000_000_000


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
