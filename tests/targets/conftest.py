"""Releases are built once; an environment's processes are started for a test, or shared where a test only asks."""

from __future__ import annotations

import pytest
from serving_cases import make_place, make_release, make_scorer


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Folder of what is built once, with the keys that sign it."""
    folder = tmp_path_factory.mktemp("built")
    make_scorer(folder / "scorer")
    return folder


@pytest.fixture(scope="session")
def keys(built):
    return built / "keys"


@pytest.fixture(scope="session")
def compiled_1(built, keys):
    return make_release(built / "compiled-1", keys, 1, scorer=built / "scorer", bias=0.0)


@pytest.fixture(scope="session")
def compiled_2(built, keys):
    return make_release(built / "compiled-2", keys, 2, scorer=built / "scorer", bias=1.0)


@pytest.fixture(scope="session")
def worker_3(built, keys):
    """A release that is not compiled: a worker answers."""
    return make_release(built / "worker-3", keys, 3, scorer=built / "scorer")


@pytest.fixture(scope="session")
def odd_4(built, keys):
    """A release that raises, hangs or dies at certain amounts."""
    make_scorer(built / "odd-scorer", odd=True)
    return make_release(built / "odd-4", keys, 4, scorer=built / "odd-scorer")


@pytest.fixture
def place(tmp_path, keys):
    place = make_place(tmp_path, keys)
    yield place
    place.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, keys, compiled_1):
    """An environment with the compiled release live, for tests that only ask."""
    place = make_place(tmp_path_factory.mktemp("shared"), keys)
    place.apply(compiled_1)
    yield place
    place.end()


@pytest.fixture
def two_doors(tmp_path, keys):
    place = make_place(tmp_path, keys, doors=2)
    yield place
    place.end()


@pytest.fixture
def caller(shared):
    caller = shared.caller()
    yield caller
    caller.close()
