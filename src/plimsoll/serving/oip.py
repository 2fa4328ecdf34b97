"""Open Inference Protocol v2 over REST: request bodies to rows, scores to response bodies, and what a model takes.

One tensor for each column of raw rows. Pure: bytes and values in, bytes and values out.
Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from plimsoll.bundle.entities import Field, ScorerSpec
from plimsoll.kernel.nearest import nearest
from plimsoll.serving.datatypes import DATATYPES, misfit, shown
from plimsoll.serving.errors import BadRequest

MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class InferRequest:
    """A request that fits the model: columns as lists of equal length, `None` for a missing value."""

    id: str | None
    rows: int
    columns: Mapping[str, list[Any]]
    """The model's inputs, in the spec's order."""
    context: Mapping[str, list[Any]]
    outputs: tuple[str, ...] | None
    """Names of the outputs wanted; None for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One tensor of an answer, data flat in row-major order."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any]


def parse(body: bytes | str, *, model: str) -> dict[str, Any]:
    """The JSON object in a body, whatever it holds. Raises BadRequest."""
    problem = "the body must be a JSON object with a list of tensors under inputs"
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        problem = f"the body is not JSON: {error}"
        raise BadRequest(problems=[problem], listing=problem, model=model) from error
    if not isinstance(request, dict):
        raise BadRequest(problems=[problem], listing=problem, model=model)
    return request


class Protocol:
    """Reads requests to, and writes answers of, one release of one model."""

    def __init__(self, spec: ScorerSpec, *, model: str, version: str, most_rows: int) -> None:
        self.spec = spec
        self.model = model
        self.version = version
        self._most_rows = most_rows
        self._inputs = {field.name: field for field in spec.inputs}
        self._context = {field.name: field for field in spec.context if field.name not in self._inputs}
        self._outputs = _output_columns(spec)

    def read(self, request: Mapping[str, Any]) -> InferRequest:
        """The request in a parsed body, which it may share. Raises BadRequest that names every problem."""
        problems: list[str] = []
        identifier = request.get("id")
        if identifier is not None and not isinstance(identifier, str):
            problems.append("id must be a string")
        outputs = self._wanted(request.get("outputs"), problems)
        found = self._tensors(request.get("inputs"), problems)
        rows = len(next(iter(found.values()))) if found else 0
        if problems:
            raise self._bad(problems)
        return InferRequest(
            id=identifier,
            rows=rows,
            columns={name: found[name] for name in self._inputs},
            context={name: found[name] for name in self._context if name in found},
            outputs=outputs,
        )

    def outputs(self, probabilities: Any, decision: list[Any]) -> tuple[Output, ...]:
        """The tensors of an answer.

        probabilities: float64 array, shape (rows, classes); None for regression. decision: one value a row.
        """
        rows = len(decision)
        data: dict[str, tuple[tuple[int, ...], list[Any]]] = {}
        if self.spec.task == "regression":
            data["prediction"] = ((rows,), decision)
        else:
            data["decision"] = ((rows,), decision)
            if self.spec.task == "binary_classification":
                data["score"] = ((rows,), probabilities[:, 1].tolist())
            else:
                data["probabilities"] = (probabilities.shape, probabilities.ravel().tolist())
        return tuple(
            Output(name=name, datatype=datatype, shape=data[name][0], data=data[name][1])
            for name, datatype, _ in self._outputs
        )

    def write(self, request: InferRequest, outputs: Sequence[Output], *, prediction_id: str) -> bytes:
        """The response body; `id` is the request's own, else the prediction's."""
        wanted = outputs if request.outputs is None else [item for item in outputs if item.name in request.outputs]
        return orjson.dumps(
            {
                "model_name": self.model,
                "model_version": self.version,
                "id": prediction_id if request.id is None else request.id,
                "outputs": [
                    {"name": item.name, "datatype": item.datatype, "shape": item.shape, "data": item.data}
                    for item in wanted
                ],
            }
        )

    def metadata(self, *, platform: str) -> dict[str, Any]:
        """What the model takes and answers; classes, threshold and context columns under `parameters`."""
        parameters: dict[str, Any] = {"task": self.spec.task, "label": self.spec.label}
        if self.spec.classes:
            parameters["classes"] = list(self.spec.classes)
        if self.spec.task == "binary_classification":
            parameters["threshold"] = self.spec.threshold
        if self._context:
            parameters["context"] = [_tensor_metadata(field) for field in self._context.values()]
        return {
            "name": self.model,
            "versions": [self.version],
            "platform": platform,
            "inputs": [_tensor_metadata(field) for field in self.spec.inputs],
            "outputs": [
                {"name": name, "datatype": datatype, "shape": list(shape)} for name, datatype, shape in self._outputs
            ],
            "parameters": parameters,
        }

    def _wanted(self, outputs: Any, problems: list[str]) -> tuple[str, ...] | None:
        if outputs is None:
            return None
        if not isinstance(outputs, list) or not all(isinstance(item, dict) for item in outputs):
            problems.append("outputs must be a list of objects with a name")
            return None
        known = [name for name, _, _ in self._outputs]
        names = [item.get("name") for item in outputs]
        problems.extend(
            f"there is no output {shown(name)}; the outputs are {', '.join(known)}"
            for name in names
            if name not in known
        )
        return tuple(str(name) for name in names) or None

    def _tensors(self, inputs: Any, problems: list[str]) -> dict[str, list[Any]]:
        if not isinstance(inputs, list):
            problems.append("inputs must be a list of tensors, one for each column")
            return {}
        found: dict[str, list[Any]] = {}
        rows: int | None = None
        for position, tensor in enumerate(inputs):
            name = tensor.get("name") if isinstance(tensor, dict) else None
            if not isinstance(name, str):
                problems.append(f"inputs[{position}] must be an object with name, shape, datatype and data")
                continue
            field = self._inputs.get(name) or self._context.get(name)
            if field is None:
                near = nearest(name, [*self._inputs, *self._context])
                problems.append(f"there is no column {shown(name)}" + (f" (did you mean {near}?)" if near else ""))
            elif name in found:
                problems.append(f"{name} is sent twice")
            else:
                values = self._values(field, tensor, rows, problems)
                found[name] = values or []
                rows = len(values) if rows is None and values is not None else rows
        problems.extend(f"the column {name} is missing" for name in self._inputs if name not in found)
        if found and rows == 0 and not problems:
            problems.append("there must be at least one row")
        return found

    def _values(self, field: Field, tensor: dict[str, Any], rows: int | None, problems: list[str]) -> list[Any] | None:
        """The tensor's values as one flat list, after shape, datatype and every value were checked; None when unusable."""
        shape, datatype, data = tensor.get("shape"), tensor.get("datatype"), tensor.get("data")
        if datatype not in DATATYPES[field.type]:
            accepted = ", ".join(dict.fromkeys(DATATYPES[field.type]))
            problems.append(
                f"{field.name} has the datatype {shown(datatype)}, expected {'one of ' * (',' in accepted)}{accepted}"
            )
            return None
        if not isinstance(data, list):
            problems.append(f"{field.name} must carry its values as a list under data")
            return None
        if data and type(data[0]) is list:
            if not all(type(item) is list and len(item) == 1 for item in data):
                problems.append(f"{field.name} must hold one value a row: data flat, or nested as [[a], [b]]")
                return None
            data = [item[0] for item in data]
        count = len(data)
        if shape not in ([count], [count, 1]):
            problems.append(
                f"{field.name} has the shape {shown(shape)} with {count} values, expected [{count}] or [{count}, 1]"
            )
        elif rows is not None and count != rows:
            problems.append(f"{field.name} has {count} rows, the columns before it {rows}")
        elif count > self._most_rows:
            problems.append(f"{field.name} has {count} rows; at most {self._most_rows} are taken at once")
        else:
            problem = misfit(field, str(datatype), data)
            if problem:
                problems.append(f"{field.name} {problem}")
        return data

    def _bad(self, problems: Sequence[str]) -> BadRequest:
        told = list(problems[:MOST_PROBLEMS])
        if len(problems) > len(told):
            told.append(f"and {len(problems) - len(told)} more")
        return BadRequest(problems=list(problems), listing="; ".join(told), model=self.model)


def _tensor_metadata(field: Field) -> dict[str, Any]:
    parameters = {"type": field.type, "nullable": field.nullable}
    return {"name": field.name, "datatype": DATATYPES[field.type][0], "shape": [-1], "parameters": parameters}


def _output_columns(spec: ScorerSpec) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    if spec.task == "regression":
        return (("prediction", "FP64", (-1,)),)
    decision = ("decision", _label_datatype(spec.classes), (-1,))
    if spec.task == "binary_classification":
        return (("score", "FP64", (-1,)), decision)
    return (("probabilities", "FP64", (-1, len(spec.classes))), decision)


def _label_datatype(classes: Sequence[Any]) -> str:
    kinds = {type(item) for item in classes}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        return "INT64"
    return "FP64" if kinds <= {int, float} else "BYTES"
