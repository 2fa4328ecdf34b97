"""The boosters of XGBoost and LightGBM in the libraries' own files, which other programs can read as well.

Their scikit-learn wrappers are pickles: those bytes are the same in every process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plimsoll.pipeline.codecs.codec import File, Header

_XGBOOST = "value.ubj"
_LIGHTGBM = "value.txt"


def write_xgboost(value: Any, folder: Path) -> Header:
    """Trees, objective, names and attributes; not how many threads it used."""
    (folder / _XGBOOST).write_bytes(value.save_raw("ubj"))
    return {}


def read_xgboost(header: Header, file: File) -> Any:  # noqa: ARG001 - the file says everything
    """The inverse of `write_xgboost`."""
    import xgboost

    return xgboost.Booster(model_file=bytearray(file(_XGBOOST).read_bytes()))


def write_lightgbm(value: Any, folder: Path) -> Header:
    """Every tree, whichever iteration was the best; that one is kept beside them."""
    text = value.model_to_string(num_iteration=-1)
    (folder / _LIGHTGBM).write_bytes(text.encode())
    return {"best_iteration": value.best_iteration}


def read_lightgbm(header: Header, file: File) -> Any:
    """The inverse of `write_lightgbm`."""
    import lightgbm

    booster = lightgbm.Booster(model_str=file(_LIGHTGBM).read_bytes().decode())
    booster.best_iteration = header["best_iteration"]
    return booster
