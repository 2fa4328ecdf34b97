"""The table, the model and the scorer that most tests of bundles start from; `bundle_cases.py` makes others."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from bundle_cases import build, make_model, make_rows
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def _one_thread():
    """Small models on small data: OpenMP's threads would only wait for each other."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    return make_rows()


@pytest.fixture(scope="session")
def holdout() -> pd.DataFrame:
    return make_rows(120, seed=4)


@pytest.fixture(scope="session")
def model(rows) -> Pipeline:
    return make_model(rows)


@pytest.fixture
def scorer_folder(tmp_path, model, holdout) -> Path:
    """A scorer without project code."""
    build(tmp_path / "scorer", model=model, holdout=holdout)
    return tmp_path / "scorer"
