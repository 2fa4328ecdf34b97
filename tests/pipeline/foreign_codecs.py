"""Writes and reads values of PyTorch and CatBoost; prints each one's codec, digests and faults. Not a test by itself."""

from __future__ import annotations

import json
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import torch

from plimsoll.artifacts.folder import FolderStore
from plimsoll.pipeline.codecs import read_artifact, write_value

X = np.random.default_rng(0).normal(size=(80, 3))
Y = (X[:, 0] > 0).astype(int)
DTYPES = ("float64", "float16", "bfloat16", "float8_e4m3fn", "complex64", "bool", "uint8", "int8", "int64", "uint16")

Faults = Iterator[str]


def main(top: Path) -> None:
    artifacts = FolderStore(top / "artifacts")
    count = iter(range(1000))

    def keep(value: Any) -> tuple[str, str]:
        folder = top / str(next(count))
        folder.mkdir(parents=True)
        return write_value(value, folder), artifacts.put_tree(folder)

    told = {}
    for name, (value, faults) in values().items():
        codec, digest = keep(value)
        found = read_artifact(artifacts, digest)
        again = keep(found)[1]
        told[name] = {"codec": codec, "digest": digest, "again": again, "wrong": list(faults(value, found))}
    sys.stdout.write(json.dumps(told) + "\n")


def values() -> dict[str, tuple[Any, Callable[[Any, Any], Faults]]]:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    module(torch.tensor(X, dtype=torch.float32))
    tied = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    whole = torch.arange(24.0)
    state = module.state_dict()
    moments = {0: {"step": torch.tensor(3.0), "exp_avg": torch.rand(4, 3)}, 1: {"exp_avg": torch.rand(4)}}
    elsewhere = OrderedDict((name, torch.stack([item, item])[1]) for name, item in state.items())
    vars(elsewhere)["_metadata"] = vars(state)["_metadata"]
    return {
        "state": (state, state_faults),
        "state elsewhere": (elsewhere, state_faults),
        "plain mapping": (dict(state), state_faults),
        "tied state": (tied.state_dict(), tied_faults),
        "parameters": (dict(module.named_parameters()), state_faults),
        "every type": ({name: some(name) for name in DTYPES}, state_faults),
        "layout": (whole.reshape(4, 6).T.contiguous(), tensor_faults),
        "another layout": (whole.reshape(4, 6).T, tensor_faults),
        "part": (whole[3:7], tensor_faults),
        "scalar": (torch.tensor(-0.0), tensor_faults),
        "nothing": (torch.empty(0, 3, dtype=torch.int32), tensor_faults),
        "not a number": (torch.tensor([float("nan"), 1]), tensor_faults),
        "conjugated": (torch.tensor([1 + 2j]).conj(), tensor_faults),
        "gradient": (torch.ones(2, requires_grad=True), tensor_faults),
        "sparse": (torch.eye(3).to_sparse(), lambda value, found: unequal(value.to_dense(), found.to_dense())),
        "module": (module, module_faults),
        "checkpoint": ({"epoch": 3, "model": state, "optimizer": {"state": moments}}, checkpoint_faults),
        "classifier": (trained(catboost.CatBoostClassifier), catboost_faults),
        "regressor": (trained(catboost.CatBoostRegressor), catboost_faults),
        "more trees": (trained(catboost.CatBoostRegressor, iterations=7), catboost_faults),
        "base": (trained(catboost.CatBoost), catboost_faults),
        "untrained catboost": (
            catboost.CatBoostClassifier(depth=3),
            lambda _, found: odd(found.is_fitted(), "trained"),
        ),
    }


def some(name: str) -> Any:
    return (torch.arange(6).reshape(2, 3) % 2).to(getattr(torch, name))


def trained(kind: Any, *, iterations: int = 5) -> Any:
    parameters = {"iterations": iterations, "verbose": False, "thread_count": 1, "allow_writing_files": False}
    model = kind(parameters) if kind is catboost.CatBoost else kind(**parameters)
    return model.fit(X, Y, eval_set=(X[:20], Y[:20]))


def odd(found: object, what: str) -> Faults:
    if found:
        yield what


def unequal(value: Any, found: Any) -> Faults:
    yield from odd(value.dtype != found.dtype or value.shape != found.shape, "type or shape")
    plain, other = (item.detach().resolve_conj().contiguous().reshape(-1) for item in (value, found))
    yield from odd(not torch.equal(plain.view(torch.uint8), other.view(torch.uint8)), "elements")


def tensor_faults(value: Any, found: Any) -> Faults:
    yield from odd(type(value) is not type(found), "kind")
    yield from odd(value.requires_grad != found.requires_grad, "gradient")
    yield from odd(not found.is_contiguous(), "layout")
    yield from unequal(value, found)
    if found.numel():
        with torch.no_grad():
            found.view(-1)[0].fill_(0)  # it can be written


def state_faults(value: Any, found: Any) -> Faults:
    yield from odd(type(value) is not type(found) or list(value) != list(found), "names")
    yield from odd(getattr(value, "_metadata", None) != getattr(found, "_metadata", None), "versions")
    for name in value:
        for fault in unequal(value[name], found[name]):
            yield f"{name}: {fault}"
        yield from odd(type(value[name]) is not type(found[name]), f"{name}: kind")


def tied_faults(value: Any, found: Any) -> Faults:
    yield from state_faults(value, found)
    yield from odd(found["0.weight"].data_ptr() != found["1.weight"].data_ptr(), "untied")
    yield from odd(found["0.bias"].data_ptr() == found["1.bias"].data_ptr(), "tied")


def module_faults(value: Any, found: Any) -> Faults:
    yield from state_faults(value.state_dict(), found.state_dict())
    yield from odd(not all(type(item) is torch.nn.Parameter for item in found.parameters()), "parameters")
    rows = torch.ones(2, 3)
    yield from unequal(value.eval()(rows), found.eval()(rows))


def checkpoint_faults(value: Any, found: Any) -> Faults:
    yield from odd(found["epoch"] != value["epoch"], "epoch")
    yield from state_faults(value["model"], found["model"])
    for number, moments in value["optimizer"]["state"].items():
        yield from state_faults(moments, found["optimizer"]["state"][number])


def catboost_faults(value: Any, found: Any) -> Faults:
    yield from odd(type(value) is not type(found), "kind")
    yield from odd(value.get_params() != found.get_params(), "parameters")
    yield from odd(not np.array_equal(value.predict(X), found.predict(X)), "predictions")
    yield from odd(not np.array_equal(value.feature_importances_, found.feature_importances_), "importances")
    copied = pickle.loads(pickle.dumps(value))  # CatBoost itself rounds what it notes of the training
    yield from odd(copied.tree_count_ != found.tree_count_ or copied.best_score_ != found.best_score_, "training")
    yield from odd(copied.evals_result_ != found.evals_result_, "evaluation")
    if type(value) is catboost.CatBoostClassifier:
        yield from odd(not np.array_equal(value.predict_proba(X), found.predict_proba(X)), "probabilities")
        yield from odd(value.classes_.tolist() != found.classes_.tolist(), "classes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
