"""The models of XGBoost, LightGBM and CatBoost in the libraries' own files, which other programs can read as well.

The scikit-learn wrappers of XGBoost and LightGBM are pickles: those bytes are the same in every process. CatBoost's are
not, for every training gets an id and a time, so its classes are written here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from plimsoll.pipeline.codecs.codec import File, Header, Unfit
from plimsoll.pipeline.codecs.plain import is_plain

_XGBOOST = "value.ubj"
_LIGHTGBM = "value.txt"
_CATBOOST = "value.cbm"
CATBOOST_CLASSES = ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")


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


def write_catboost(value: Any, folder: Path) -> Header:
    """The trained model without the id and the time of its training, and what its object knows beside it.

    Raises Unfit for a model that is not trained, and for parameters that are no plain values, such as a loss of one's own.
    """
    state = value.__getstate__()
    if "__model" not in state:
        message = "it is not trained"
        raise Unfit(message)
    model = state.pop("__model")
    state.pop("_test_evals", None)  # predictions for the rows of eval_set, which CatBoost's own pickles lose as well
    importances = {name: state.pop(name) for name in _IMPORTANCES if name in state}
    if not is_plain(state):
        message = "its parameters are not all plain values"
        raise Unfit(message)
    (folder / _CATBOOST).write_bytes(_without_traces(model))
    listed = {name: [float(number) for number in numbers] for name, numbers in importances.items()}
    return {"class": type(value).__name__, "state": state, "importances": listed}


def read_catboost(header: Header, file: File) -> Any:
    """The inverse of `write_catboost`."""
    import catboost  # type: ignore[import-not-found]  # users bring it
    import numpy as np

    if header["class"] not in CATBOOST_CLASSES:
        message = f"catboost has no model of the class {header['class']!r}"
        raise ValueError(message)
    model = getattr(catboost, header["class"])()
    importances = {name: np.array(numbers) for name, numbers in header["importances"].items()}
    model.__setstate__({"__model": file(_CATBOOST).read_bytes(), **importances, **header["state"]})
    return model


_IMPORTANCES = ("_prediction_values_change", "_loss_value_change")
"""Feature importances that CatBoost computed while training, as its own pickles name them."""


def _without_traces(serialized: bytes) -> bytes:
    """The same model as every training of it would write it: no id, no time, parameters in one order."""
    import catboost

    model = catboost.CatBoost()
    model.__setstate__({"__model": serialized})
    metadata = model.get_metadata()
    for name in {"model_guid", "train_finish_time"} & set(metadata.keys()):
        del metadata[name]
    for name in {"params"} & set(metadata.keys()):
        metadata[name] = json.dumps(json.loads(metadata[name]), sort_keys=True, ensure_ascii=False)
    return bytes(model.__getstate__()["__model"])
