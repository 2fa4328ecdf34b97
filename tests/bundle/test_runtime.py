"""The lock text names exactly what is installed, and nothing that depends on where one stands."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
import time

import pytest

from plimsoll.bundle.runtime import lock_differences, lock_text


def test_the_lock_names_the_interpreter_then_every_distribution_sorted():
    first, *rest = lock_text().splitlines()

    assert first.startswith(f"python=={platform.python_version()} {sys.implementation.name} ")
    assert rest == sorted(rest, key=lambda line: line.split("==")[0])
    assert all(re.fullmatch(r"[a-z0-9-]+==\S+", line) for line in rest)


def test_the_lock_agrees_with_the_metadata_of_every_installed_distribution_but_ourselves():
    installed = {
        f"{re.sub(r'[-_.]+', '-', item.metadata['Name']).lower()}=={item.version}"
        for item in importlib.metadata.distributions()
    }

    listed = set(lock_text().splitlines()[1:])

    assert {line for line in installed - listed if not line.startswith("plimsoll-ml==")} == set()
    assert listed <= installed
    assert not any(line.startswith("plimsoll-ml==") for line in listed)


def test_the_lock_does_not_change_with_the_current_folder_or_the_search_path(tmp_path, monkeypatch):
    before = lock_text()
    (tmp_path / "stray-1.0.dist-info").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    assert lock_text() == before


def test_metadata_without_a_version_in_its_name_is_read(tmp_path, monkeypatch):
    import site

    folder = tmp_path / "legacy_thing.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: Legacy.Thing\nVersion: 3.2+local\n")
    (tmp_path / "Torch_Like-2.13.0+cpu.dist-info").mkdir()
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(tmp_path)])
    monkeypatch.syspath_prepend(str(tmp_path))

    assert lock_text().splitlines()[1:] == ["legacy-thing==3.2+local", "torch-like==2.13.0+cpu"]


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_the_lock_is_made_in_well_under_100_ms(attempt):
    before = time.process_time()
    lock_text()
    assert time.process_time() - before < 0.1


def test_differences_between_locks_are_named_and_counted():
    released = "python==3.11.7\nnumpy==2.4.6\nxgboost==3.2.0\n"

    assert lock_differences(released, released) == ""
    assert (
        lock_differences(released, "python==3.11.7\nnumpy==2.5.5\n")
        == "numpy 2.4.6, here 2.5.5; xgboost 3.2.0, here none"
    )
    assert lock_differences(released, "python==3.12.1\n", most=1) == "numpy 2.4.6, here none; and 2 more"
