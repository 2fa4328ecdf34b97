"""A lock becomes an interpreter with exactly its packages, whoever is killed while it is made.

All but the last test install wheels that they write themselves; no index is asked.
"""

import asyncio
import errno
import fcntl
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest
from serving_cases import make_release, make_rows

from plimsoll.bundle.runtime import lock_text
from plimsoll.bundle.scorer import load_scorer
from plimsoll.kernel.extras import PackageMissing
from plimsoll.kernel.hashing import digest_bytes
from plimsoll.serving.entities import Limits, ReleaseRef
from plimsoll.serving.link import WorkerLink
from plimsoll.targets import runtimes
from plimsoll.targets.errors import (
    BadLock,
    InterpreterMissing,
    NoRoomForRuntime,
    PackagesNotFound,
    RuntimeCannotServe,
    RuntimeNotAsLocked,
    RuntimeNotMade,
)
from plimsoll.targets.runtimes import Runtimes

FORK = multiprocessing.get_context("fork")
INTERPRETER = lock_text().partition("\n")[0]
SLOW = """
import pathlib, time
here = pathlib.Path({folder!r})
(here / "importing").touch()
while not (here / "go").exists():
    time.sleep(0.01)
"""


def a_lock(*packages):
    return "\n".join([INTERPRETER, *packages]) + "\n"


def digest_of(lock):
    return digest_bytes(lock.encode())


def write_wheel(folder, name, version, files=None):
    """A wheel of one module that knows its version."""
    files = {f"{name}.py": f"version = {version!r}\n"} | (files or {})
    about = f"{name}-{version}.dist-info"
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{about}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder of wheels that is all that uv knows."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    write_wheel(folder, "tiny", "1.0")
    write_wheel(folder, "tiny", "2.0+local")
    for name in [name for name in os.environ if name.startswith("UV_")]:
        monkeypatch.delenv(name)
    known = {"NO_CONFIG": "1", "OFFLINE": "1", "NO_INDEX": "1", "FIND_LINKS": str(folder)}
    for name, value in (known | {"CACHE_DIR": str(tmp_path / "uv-cache")}).items():
        monkeypatch.setenv(f"UV_{name}", value)
    return folder


@pytest.fixture
def made(tmp_path, wheels):
    """Runtimes of locks that are too small for a worker."""
    return Runtimes(tmp_path / "runtimes", must_import="plimsoll.kernel.ids")


def left_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def run_in(python, code):
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)


def test_a_lock_becomes_an_interpreter_with_its_packages_and_no_others(made, tmp_path):
    lock = a_lock("tiny==1.0")
    said = []
    assert made.find(lock) is None

    python = made.python_of(lock, release="fraud@3", say=said.append)

    assert python == tmp_path / "runtimes" / digest_of(lock) / "bin" / "python"
    told = run_in(python, "import tiny, plimsoll; print(tiny.version, plimsoll.__file__)").stdout.split()
    assert [told[0], Path(told[1]).resolve()] == ["1.0", runtimes.OURSELVES / "__init__.py"]
    assert "No module named 'numpy'" in run_in(python, "import numpy").stderr
    assert run_in(python, "from plimsoll.bundle.runtime import lock_text; print(lock_text(), end='')").stdout == lock
    assert said == ["making the runtime of fraud@3: Python " + INTERPRETER.split()[0].removeprefix("python=="),
                    "installing its packages: 1", "checking it"]  # fmt: skip
    assert left_in(tmp_path / "runtimes") == [digest_of(lock)]


def test_a_runtime_is_made_once(made, monkeypatch):
    lock = a_lock("tiny==1.0")
    python = made.python_of(lock)
    monkeypatch.setattr(runtimes, "_run", None)
    assert made.python_of(lock, say=pytest.fail) == made.find(lock) == python


def test_the_runtime_of_this_process_is_this_process_own(made, tmp_path):
    assert made.find(lock_text()) == made.python_of(lock_text()) == Path(sys.executable)
    assert not (tmp_path / "runtimes").exists()


def test_a_local_version_is_installed_where_uv_knows_its_place(made):
    python = made.python_of(a_lock("tiny==2.0+local"))
    assert run_in(python, "import tiny; print(tiny.version)").stdout == "2.0+local\n"


@pytest.mark.parametrize("package", ["tiny==3.0", "tiny==1.0+cpu", "absent==1.0"])
def test_a_version_that_cannot_be_had_is_named_with_release_and_lock(made, tmp_path, package):
    lock = a_lock(*sorted((package, "other==1.0" if package > "other" else "tiny==1.0")))
    write_wheel(tmp_path / "wheels", "other", "1.0")
    with pytest.raises(PackagesNotFound) as caught:
        made.python_of(lock, release="fraud@3")
    assert caught.value.facts["packages"] == package
    assert str(caught.value).startswith(
        f"fraud@3 (lock {digest_of(lock)[:12]}) needs {package}, which uv does not find"
    )
    assert "maker's index" in caught.value.advice
    assert left_in(tmp_path / "runtimes") == []


@pytest.mark.parametrize("line", ["python==3.9.99 cpython linux-x86_64", INTERPRETER.replace("cpython", "graalpy")])
def test_an_interpreter_that_is_not_there_is_named_and_not_downloaded(made, tmp_path, line):
    with pytest.raises(InterpreterMissing) as caught:
        made.python_of(line + "\n", release="fraud@3")
    assert line.removeprefix("python==") in str(caught.value)
    assert f"uv python install {line.split()[0].removeprefix('python==')}" in caught.value.advice
    assert left_in(tmp_path / "runtimes") == []


def test_an_interpreter_for_another_machine_is_told_from_this_one(made, tmp_path):
    first = INTERPRETER.rpartition("-")[0] + "-riscv"
    with pytest.raises(RuntimeNotAsLocked, match=r"-riscv, here 3\.") as caught:
        made.python_of(f"{first}\ntiny==1.0\n", say=lambda said: None if "install" not in said else pytest.fail(said))
    assert caught.value.kind == "unavailable"
    assert left_in(tmp_path / "runtimes") == []


@pytest.mark.parametrize("line", ["--index-url=https://example.org", "tiny", "tiny>=1", "tiny==1.0 @ x", "", "Ti==1"])
def test_a_line_that_is_no_exact_version_reaches_no_command(made, tmp_path, line):
    with pytest.raises(BadLock):
        made.python_of(a_lock("tiny==1.0", line, "z==1"))
    with pytest.raises(BadLock):
        made.python_of(f"{line}\ntiny==1.0\n")
    assert left_in(tmp_path / "runtimes") == []


def test_what_comes_out_unlike_its_lock_is_not_used_and_the_difference_is_named(made, wheels, tmp_path):
    write_wheel(wheels, "carrier", "1.0", {"stowaway-2.0.egg-info/PKG-INFO": "Name: stowaway\nVersion: 2.0\n"})
    with pytest.raises(RuntimeNotAsLocked, match=r"stowaway none, here 2\.0"):
        made.python_of(a_lock("carrier==1.0"))
    assert left_in(tmp_path / "runtimes") == []


def test_a_runtime_that_cannot_load_the_worker_is_not_used(tmp_path, wheels):
    made = Runtimes(tmp_path / "runtimes")
    with pytest.raises(RuntimeCannotServe, match="No module named"):
        made.python_of(a_lock("tiny==1.0"))
    assert left_in(tmp_path / "runtimes") == []


def test_without_uv_the_extra_is_named(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PackageMissing) as caught:
        made.python_of(a_lock())
    assert "plimsoll-ml[runtimes]" in caught.value.advice


def test_a_uv_of_the_shell_does_as_well(made, monkeypatch):
    from uv import find_uv_bin

    monkeypatch.setenv("PATH", str(Path(find_uv_bin()).parent))
    monkeypatch.setitem(sys.modules, "uv", None)
    assert made.python_of(a_lock()).exists()


def test_a_full_disk_is_told_and_leaves_nothing(made, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(NoRoomForRuntime, match=r"No space left on device") as caught:
            made.python_of(a_lock("tiny==1.0"), release="fraud@3")
    assert "Free some space and deploy fraud@3 again" in caught.value.advice
    assert left_in(tmp_path / "runtimes") == []
    assert made.python_of(a_lock("tiny==1.0")).exists()


def test_what_uv_says_of_a_full_disk_is_recognised(tmp_path):
    said = "error: Failed to install: x.whl (x==1)\n  cause: failed to copy file: No space left on device (os error 28)"
    ended = subprocess.CompletedProcess([], 2, "", said)
    wanted = runtimes.Wanted(lock=a_lock(), release="fraud@3", say=print)
    with pytest.raises(NoRoomForRuntime), runtimes._room_told(wanted, tmp_path):
        runtimes._raise_if_failed(wanted, ended)


def test_a_folder_that_cannot_be_made_is_an_error_that_names_the_runtime(tmp_path, wheels):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RuntimeNotMade, match="fraud@3"):
        Runtimes(tmp_path / "file" / "runtimes").python_of(a_lock(), release="fraud@3")


def die_when_told(made, lock, word):
    made.python_of(lock, say=lambda said: os.kill(os.getpid(), signal.SIGKILL) if word in said else None)


@pytest.mark.parametrize("word", ["making", "installing", "checking"])
def test_a_killed_maker_leaves_nothing_that_is_used(made, tmp_path, word):
    lock = a_lock("tiny==1.0")
    process = FORK.Process(target=die_when_told, args=(made, lock, word))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert made.find(lock) is None
    assert run_in(made.python_of(lock), "import tiny").returncode == 0
    assert left_in(tmp_path / "runtimes") == [digest_of(lock)]


def make_and_tell(made, lock, pipe):
    said = []
    pipe.send((str(made.python_of(lock, say=said.append)), said))


def wait_until(condition, within_s=20):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_locked(folder, lock):
    with (folder / f"{digest_of(lock)}.lock").open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_what_a_killed_maker_had_started_is_waited_for(made, wheels, tmp_path):
    write_wheel(wheels, "slow", "1.0", {"slow.py": SLOW.format(folder=str(tmp_path))})
    made = Runtimes(tmp_path / "runtimes", must_import="slow")
    lock = a_lock("slow==1.0")
    maker = FORK.Process(target=made.python_of, args=(lock,))
    maker.start()
    wait_until((tmp_path / "importing").exists)
    os.kill(maker.pid, signal.SIGKILL)
    maker.join()
    assert is_locked(tmp_path / "runtimes", lock), "the interpreter that it had started still runs"

    receiving, sending = FORK.Pipe(duplex=False)
    other = FORK.Process(target=make_and_tell, args=(made, lock, sending))
    other.start()
    assert not receiving.poll(0.3)
    assert made.find(lock) is None
    (tmp_path / "go").touch()
    python, said = receiving.recv()
    other.join()
    assert "waiting for another process" in said[0]
    assert Path(python) == made.find(lock)


def test_of_several_makers_one_makes_and_all_get_the_same(made, tmp_path):
    lock = a_lock("tiny==1.0")
    pipes = [FORK.Pipe(duplex=False) for _ in range(4)]
    makers = [FORK.Process(target=make_and_tell, args=(made, lock, sending)) for _, sending in pipes]
    for maker in makers:
        maker.start()
    answers = [receiving.recv() for receiving, _ in pipes]
    for maker in makers:
        maker.join()
    assert {python for python, _ in answers} == {str(made.find(lock))}
    assert sum("checking it" in said for _, said in answers) == 1
    assert left_in(tmp_path / "runtimes") == [digest_of(lock)]


def test_another_installation_of_plimsoll_links_itself_and_installs_nothing(made, tmp_path, monkeypatch):
    lock = a_lock("tiny==1.0")
    python = made.python_of(lock)
    copy = shutil.copytree(runtimes.OURSELVES, tmp_path / "elsewhere" / "plimsoll")
    monkeypatch.setattr(runtimes, "OURSELVES", copy)
    said = []
    assert made.find(lock) is None
    assert made.python_of(lock, release="fraud@3", say=said.append) == python
    assert said == ["linking this installation of Plimsoll into the runtime of fraud@3"]
    found = run_in(python, "import plimsoll; print(plimsoll.__file__)").stdout.strip()
    assert Path(found).resolve() == copy / "__init__.py"


def test_a_runtime_whose_interpreter_has_gone_is_made_anew(made):
    lock = a_lock("tiny==1.0")
    python = made.python_of(lock)
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert made.find(lock) is None
    assert run_in(made.python_of(lock), "import tiny").returncode == 0


@contextmanager
def worker(python, release, keys, place):
    """A worker of the release under that interpreter, started as a shim starts it; yields its socket's path."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(place))
    listener.listen()
    ours, lifeline = socket.socketpair()
    with listener, ours, lifeline:
        process = subprocess.Popen(
            [python, "-P", "-m", "plimsoll.serving.worker", "--name", release.name, "--digest", release.digest,
             "--bundle", release.bundle, "--keys", keys, "--listen", str(listener.fileno()),
             "--lifeline", str(lifeline.fileno())],
            pass_fds=(listener.fileno(), lifeline.fileno()),
        )  # fmt: skip
        lifeline.close()
        yield process
        ours.close()
        process.wait(20)


@pytest.mark.system
@pytest.mark.timeout(600)
def test_a_release_of_another_runtime_is_answered_by_a_worker_in_it(tmp_path, built, keys):
    """Given a release whose lock differs from this runtime in one package, and PyPI within reach,
    when its runtime is made and a worker started there,
    then the worker takes the release, and answers as its scorer does here."""
    here = version("idna")
    other = "3.10" if here != "3.10" else "3.9"
    lock = lock_text().replace(f"\nidna=={here}\n", f"\nidna=={other}\n")
    assert lock != lock_text()
    release = make_release(tmp_path / "bundle", keys, 9, scorer=built / "scorer", lock=lock)
    made = Runtimes(tmp_path / "runtimes")

    python = made.python_of(lock, release=release.name)

    rows = make_rows()[:5][["amount", "country", "is_new"]].astype({"is_new": bool})
    expected = load_scorer(built / "scorer").score(rows).probabilities
    columns = {"amount": rows["amount"].astype(object).where(rows["amount"].notna(), None).tolist(),
               "country": rows["country"].tolist(), "is_new": rows["is_new"].tolist()}  # fmt: skip

    async def ask():
        ref = ReleaseRef(name=release.name, digest=release.digest, bundle=release.bundle)
        link = WorkerLink(ref, str(tmp_path / "w.sock"), limits=Limits(deadline_s=60))
        try:
            await link.greeting()
            return await link.output(columns, len(rows))
        finally:
            await link.close()

    with worker(python, release, keys, tmp_path / "w.sock") as process:
        with ThreadPoolExecutor(1) as apart:  # a browser's tests leave this thread with a loop of theirs
            found = apart.submit(asyncio.run, ask()).result()
        assert Path(f"/proc/{process.pid}/exe").resolve() == python.resolve()
    assert found == pytest.approx(expected)
    assert process.returncode == 0
