"""The model inside a scorer, as an MLflow model directory that we write ourselves, without importing MLflow.

Equal models give equal bytes: no run id, no uuid, no time. The format is documented at
https://mlflow.org/docs/latest/ml/model/#storage-format; MLflow's own loaders read it in tests/bundle/test_mlflow.py.
"""

from __future__ import annotations

import io
import json
import pickle
import platform
from collections.abc import Callable
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plimsoll.bundle.errors import BadModel, summary

PICKLE = "model.pkl"
_MLFLOW_FORMAT = "3.17.2"
"""The MLflow release whose format this is; its loaders are the test."""
_FRAME_TYPES = {
    "int64": "long",
    "int32": "integer",
    "float64": "double",
    "float32": "float",
    "bool": "boolean",
    "str": "string",
    "object": "string",
}


def write_model(folder: Path, model: Any) -> frozenset[str]:
    """Write the pickle; returns the modules that it refers to, by name. The rest follows with `describe_model`.

    Pickle protocol 5; cloudpickle where that cannot (lambdas, classes of a notebook).
    Raises BadModel when neither can, or when what was written cannot be read back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        content = _pickled(model)
        reader = _RecordingUnpickler(io.BytesIO(content))
        reader.load()
    except Exception as error:
        raise BadModel(
            model=type(model).__name__,
            task="a release",
            problem=f"it cannot be stored and read back: {summary(error)}",
            cure="Return an object that pickles: no open files, connections, locks or generators inside.",
        ) from error
    (folder / PICKLE).write_bytes(content)
    return frozenset(reader.modules)


def describe_model(
    folder: Path, model: Any, *, modules: frozenset[str], inputs: Any, outputs: np.ndarray[Any, Any], code: str = ""
) -> None:
    """Write MLmodel, requirements.txt and python_env.yaml beside the pickle.

    inputs: what the model was given, a DataFrame or an array; outputs: what its `predict` answered.
    code: path from the folder to the project's code, when the pickle refers to it.
    """
    import yaml

    requirements = _requirements(modules)
    cloudpickled = any(name.partition(".")[0] == "cloudpickle" for name in modules)
    sklearn = _is_sklearn(model)
    loader = {"loader_module": "mlflow.sklearn", "predict_fn": "predict"} if sklearn else {"loader_module": __name__}
    flavors: dict[str, Any] = {
        "python_function": {
            **loader,
            "model_path": PICKLE,
            "python_version": platform.python_version(),
            "env": {"virtualenv": "python_env.yaml"},
            **({"code": code} if code else {}),
        }
    }
    if sklearn:
        flavors["sklearn"] = {
            "pickled_model": PICKLE,
            "serialization_format": "cloudpickle" if cloudpickled else "pickle",
            "sklearn_version": version("scikit-learn"),
            "code": code or None,
        }
    page = {"flavors": flavors, "mlflow_version": _MLFLOW_FORMAT, "signature": _signature(inputs, outputs)}
    (folder / "MLmodel").write_text(yaml.safe_dump(page, sort_keys=True))
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements))
    environment = {"python": platform.python_version(), "dependencies": ["-r requirements.txt"]}
    (folder / "python_env.yaml").write_text(yaml.safe_dump(environment, sort_keys=True))


def load_model(folder: Path) -> Any:
    """The model object. Unpickling runs code: only folders of verified bundles, or of one's own runs, are loaded."""
    with (folder / PICKLE).open("rb") as stream:
        return pickle.load(stream)  # noqa: S301 - what this function is for; see above


def _load_pyfunc(path: str) -> Any:
    """MLflow's way in for models that are no scikit-learn estimators: an object with `predict`."""
    place = Path(path)
    return load_model(place.parent if place.is_file() else place)


def _pickled(model: Any) -> bytes:
    try:
        content = pickle.dumps(model, protocol=5)
    except Exception:  # noqa: BLE001 - whatever plain pickle dislikes, cloudpickle may manage
        return _cloudpickled(model)
    # A class of __main__ pickles by a name that means something else in every other process.
    return _cloudpickled(model) if b"__main__" in content else content


def _cloudpickled(model: Any) -> bytes:
    import cloudpickle

    content: bytes = cloudpickle.dumps(model, protocol=5)
    return content


class _RecordingUnpickler(pickle.Unpickler):
    """Reads a pickle and remembers every module that it names."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.modules: set[str] = set()

    def find_class(self, module: str, name: str, /) -> Any:
        self.modules.add(module)
        found = super().find_class(module, name)
        return self._recording(found) if (module, name) == ("cloudpickle.cloudpickle", "subimport") else found

    def _recording(self, subimport: Callable[[str], Any]) -> Callable[[str], Any]:
        def record(name: str) -> Any:
            self.modules.add(name)
            return subimport(name)

        return record


def _is_sklearn(model: Any) -> bool:
    return any(kind.__module__.partition(".")[0] == "sklearn" for kind in type(model).__mro__)


def _requirements(modules: frozenset[str]) -> list[str]:
    """`name==version` of the distributions that the pickle refers to, and of pandas, which carries the rows."""
    owners = packages_distributions()
    roots = {name.partition(".")[0] for name in modules} | {"numpy", "pandas"}
    names = {owner for root in roots for owner in owners.get(root, ())}
    return sorted(f"{name}=={version(name)}" for name in names)


def _signature(inputs: Any, outputs: np.ndarray[Any, Any]) -> dict[str, Any] | None:
    columns = _input_schema(inputs)
    if columns is None:
        return None
    kind = "str" if outputs.dtype.kind in "UO" else outputs.dtype.name
    answer = [{"type": "tensor", "tensor-spec": {"dtype": kind, "shape": [-1, *outputs.shape[1:]]}}]
    return {"inputs": json.dumps(columns), "outputs": json.dumps(answer), "params": None}


def _input_schema(inputs: Any) -> list[dict[str, Any]] | None:
    """MLflow's schema of a frame or of an array; None when the frame holds what MLflow has no type for."""
    if isinstance(inputs, np.ndarray):
        return [{"type": "tensor", "tensor-spec": {"dtype": inputs.dtype.name, "shape": [-1, *inputs.shape[1:]]}}]
    if not isinstance(inputs, pd.DataFrame):
        return None
    columns = []
    for name in inputs.columns:
        dtype = inputs[name].dtype
        kind = "datetime" if pd.api.types.is_datetime64_dtype(dtype) else _FRAME_TYPES.get(str(dtype))
        if kind is None:
            return None
        columns.append({"type": kind, "name": str(name), "required": True})
    return columns
