"""Releases are built once: a compiled one, one that needs a worker, and one that misbehaves at certain amounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.pipeline.ray_nodes import Nodes
from tests.targets.serving_cases import make_release, make_scorer


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Folder of what is built once, with the keys that sign it."""
    folder = tmp_path_factory.mktemp("built")
    make_scorer(folder / "scorer")
    make_scorer(folder / "odd-scorer", odd=True)
    make_scorer(folder / "sizes-scorer", task="multiclass_classification", label="size")
    make_scorer(folder / "losses-scorer", task="regression", label="loss")
    return folder


@pytest.fixture(scope="module")
def nodes(tmp_path_factory) -> Iterator[Nodes]:
    """A Ray cluster of two nodes that share no folder."""
    nodes = Nodes(tmp_path_factory.mktemp("nodes"))
    yield nodes
    nodes.close()


@pytest.fixture(scope="session")
def keys(built):
    return built / "keys"


@pytest.fixture(scope="session")
def compiled(built, keys):
    return make_release(built / "compiled", keys, 1, scorer=built / "scorer", bias=0.0)


@pytest.fixture(scope="session")
def by_worker(built, keys):
    return make_release(built / "worker", keys, 2, scorer=built / "scorer")


@pytest.fixture(scope="session")
def sizes(built, keys):
    return make_release(built / "sizes", keys, 3, scorer=built / "sizes-scorer")


@pytest.fixture(scope="session")
def losses(built, keys):
    return make_release(built / "losses", keys, 4, scorer=built / "losses-scorer")


@pytest.fixture(scope="session")
def odd(built, keys):
    """A release that raises, hangs or dies at certain amounts."""
    return make_release(built / "odd", keys, 5, scorer=built / "odd-scorer")
