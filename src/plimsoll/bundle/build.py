"""How a scorer is made: fields from the holdout, classes from the model, code when it is needed, then a proof."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plimsoll.bundle.code import ProjectCode, import_roots
from plimsoll.bundle.columns import infer_fields
from plimsoll.bundle.entities import ScorerSpec, Task
from plimsoll.bundle.errors import BadModel, bad_holdout, failed
from plimsoll.bundle.model import describe_model, write_model
from plimsoll.bundle.proof import nullability, one_thread, prove
from plimsoll.bundle.scorer import CODE, MODEL, Scorer, load_scorer, read_transform
from plimsoll.bundle.scores import decide
from plimsoll.bundle.spec import write_spec
from plimsoll.kernel.canonical import canonical_json

_PROOF_ROWS = 200


def build_scorer(
    folder: Path,
    *,
    model: Any,
    holdout: pd.DataFrame,
    task: Task,
    label: str,
    inputs: Sequence[str] = (),
    context: Sequence[str] = (),
    transform: Sequence[str] = (),
    threshold: float = 0.5,
    exclude: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    code: str = "",
    code_tree: Path | None = None,
) -> ScorerSpec:
    """Write the scorer folder (new, or empty) and prove that it answers; returns what was written to scorer.json.

    holdout: raw rows plus label. inputs: raw columns of a request; default: the holdout's columns without label,
    context and `exclude` (such as keys), and, without transforms, without what the model was not trained on.
    params: of these, the scorer keeps the ones that its transforms take. code: the project's `code` entry;
    code_tree: the folder below which it lies, kept whole when a transform or the model needs it.
    Raises BadHoldout, BadModel, BadTransform, TransformNotRowWise, ScoringFailed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = inputs or _default_inputs(holdout, model, {label, *context, *exclude}, transform)
    spec = ScorerSpec(
        task=task,
        label=label,
        classes=_classes(model, holdout, label=label, task=task),
        threshold=threshold,
        inputs=infer_fields(holdout, names),
        context=tuple(replace(item, nullable=True) for item in infer_fields(holdout, context)),
        transform=tuple(transform),
    )
    modules = write_model(folder / MODEL, model)
    if transform or _needs_code(modules, code, code_tree):
        spec = _with_code(folder, spec, code=code, code_tree=code_tree, params=params or {})
    write_spec(folder, spec)
    scorer = load_scorer(folder)
    sample = holdout.head(_PROOF_ROWS).reset_index(drop=True)
    with one_thread():
        features = prove(scorer, sample)
        spec = replace(spec, inputs=tuple(nullability(scorer, sample, spec.inputs)))
    write_spec(folder, spec)
    _describe(folder, scorer, features, modules)
    return spec


def _default_inputs(holdout: pd.DataFrame, model: Any, left_out: set[str], transform: Sequence[str]) -> list[str]:
    names = [str(name) for name in holdout.columns if name not in left_out]
    known = getattr(model, "feature_names_in_", None)
    if transform or known is None or not {*known} <= {*names}:
        return names
    return [name for name in names if name in {*known}]


def _classes(model: Any, holdout: pd.DataFrame, *, label: str, task: Task) -> tuple[Any, ...]:
    """The label's values in the order of the model's probabilities; empty for regression. Raises BadModel, BadHoldout."""
    if label not in holdout.columns:
        raise bad_holdout(f"there is no column {label}, the label")
    seen = _values(holdout[label])
    if not seen:
        raise bad_holdout(f"the label {label} is null in every row" if len(holdout) else "it has no rows")
    if task == "regression":
        _require(model, "predict", task, "Return an estimator with `predict`.")
        if not all(isinstance(value, int | float) for value in seen):
            raise bad_holdout(f"the label {label} holds {seen[0]!r}, and regression needs numbers")
        return ()
    cure = "Use an estimator with probabilities, or wrap it: sklearn.calibration.CalibratedClassifierCV(estimator)."
    _require(model, "predict_proba", task, cure)
    known = getattr(model, "classes_", None)
    classes = _named_like(seen, np.asarray(known).tolist()) if known is not None else _sorted(seen)
    strange = [value for value in seen if value not in classes]
    if strange:
        problem = f"it knows the classes {_list(classes)}, but the label {label} also holds {_list(strange)}"
        cure = f"Train it on the values of {label} themselves; if they are rare, stratify the split."
        raise BadModel(model=type(model).__name__, task=task, problem=problem, cure=cure)
    if task == "binary_classification" and len(classes) != 2:
        cure = "Set `model.task: multiclass_classification`, or train on a label with two values."
        problem = f"it knows {len(classes)} classes: {_list(classes)}"
        raise BadModel(model=type(model).__name__, task=task, problem=problem, cure=cure)
    return tuple(classes)


def _require(model: Any, method: str, task: Task, cure: str) -> None:
    if not hasattr(model, method):
        raise BadModel(model=type(model).__name__, task=task, problem=f"it has no `{method}`", cure=cure)


def _values(column: pd.Series[Any]) -> list[Any]:
    values = column.dropna().unique().tolist()
    return _sorted(int(value) if isinstance(value, float) and value.is_integer() else value for value in values)


def _sorted(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=lambda value: (isinstance(value, str), value))


def _named_like(seen: list[Any], known: list[Any]) -> list[Any]:
    """The model's classes, written as the label writes them: 0 and 1 become False and True for a bool label."""
    written = {value: value for value in seen}
    if all(isinstance(value, bool) for value in seen):
        written.update({False: False, True: True})
    return [written.get(value, value) for value in known]


def _list(values: Sequence[Any]) -> str:
    shown = ", ".join(repr(value) for value in values[:5])
    return shown + (f" and {len(values) - 5} more" if len(values) > 5 else "")


def _needs_code(modules: frozenset[str], code: str, code_tree: Path | None) -> bool:
    """Whether the pickle names a module that lies in the project's code."""
    if not code or code_tree is None:
        return False
    tops = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    places = [root / name for root in import_roots(code_tree, code) for name in tops]
    return any(place.with_name(f"{place.name}.py").is_file() or next(place.rglob("*.py"), None) for place in places)


def _with_code(
    folder: Path, spec: ScorerSpec, *, code: str, code_tree: Path | None, params: Mapping[str, Any]
) -> ScorerSpec:
    """Copy the code in and keep the parameters that the transforms take."""
    if not code or code_tree is None:
        raise ValueError("a scorer with transforms needs the project's code and the folder it lies in")
    shutil.copytree(code_tree, folder / CODE, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    project = ProjectCode(folder / CODE, code)
    try:
        module = project.load()
    except Exception as error:
        raise failed(error, where=f"Importing {code}", rows=0) from error
    transforms = [read_transform(module, name, params) for name in spec.transform]
    taken = {name: value for item in transforms for name, value in item.arguments.items()}
    _check_plain(taken)
    return replace(spec, code=code, params=taken)


def _check_plain(params: Mapping[str, Any]) -> None:
    try:
        canonical_json(dict(params))
    except (TypeError, ValueError) as error:
        raise ValueError(f"parameters of transforms must be JSON values: {error}") from error


def _describe(folder: Path, scorer: Scorer, features: Any, modules: frozenset[str]) -> None:
    """Complete the MLflow directory with what the model was just seen to take and to answer."""
    place = folder / MODEL
    if hasattr(scorer.model, "predict"):
        with scorer.active():
            outputs = np.asarray(scorer.model.predict(features))
    else:
        outputs = decide(scorer.spec, scorer.output(features)).decision
    code = Path("..", CODE, scorer.spec.code).parent.as_posix() if scorer.spec.code else ""
    describe_model(place, scorer.model, modules=modules, inputs=features, outputs=outputs, code=code)
