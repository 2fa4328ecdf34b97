"""What a step's result depends on, and the cache key made of it. Pure.

Two executions with equal ingredients give the same result as far as Plimsoll can know: the step's code and the project
code it reaches, what it is given, the parameters it takes and the packages of the runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from plimsoll.kernel.hashing import digest_json
from plimsoll.pipeline.entities import Step

_FORMAT = 1
"""Raised when the meaning of a stored output changes, so that older ones are made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What is known before any step runs."""

    code: Mapping[str, Mapping[str, str]]
    """Step -> name of each function or class that it reaches -> its fingerprint."""
    data: Mapping[str, str]
    """Dataset -> data version digest."""
    params: Mapping[str, Any]
    lock: str
    """Digest of the runtime's lock text."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variable that a step declares -> digest of its value; the values may be secrets. Unset: absent."""
    scorer: Mapping[str, Any] = field(default_factory=dict)
    """The settings that the built-in last step takes from the model section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """Everything that one step's result depends on, by name, so that a change can be named."""

    code: Mapping[str, str]
    data: Mapping[str, str]
    inputs: Mapping[str, str]
    """Output of another step -> artifact digest."""
    params: Mapping[str, Any]
    settings: Mapping[str, Any]
    outputs: tuple[str, ...]
    lock: str
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variable -> digest of its value; one that is not set is absent."""


def ingredients(step: Step, basis: Basis, *, given: tuple[str, ...], outputs: Mapping[str, str]) -> Ingredients:
    """A step's ingredients. given: the datasets and outputs it takes. outputs: digests of all outputs known so far.

    An output that is not known yet is left out; see `unknown`.
    """
    return Ingredients(
        code=basis.code.get(step.name, {}),
        data={name: basis.data[name] for name in given if name in basis.data},
        inputs={name: outputs[name] for name in given if name in outputs and name not in basis.data},
        params={
            name: basis.params[name]
            for name in map(step.source_of, step.parameters)
            if name in basis.params and name not in given
        },
        settings=basis.scorer if step.built_in else {},
        outputs=step.outputs,
        lock=basis.lock,
        env={name: basis.env[name] for name in step.env if name in basis.env},
    )


def unknown(basis: Basis, *, given: tuple[str, ...], outputs: Mapping[str, str]) -> tuple[str, ...]:
    """The outputs that a step is given and that nobody has made yet."""
    return tuple(name for name in given if name not in basis.data and name not in outputs)


def cache_key(step: str, parts: Ingredients) -> str:
    """The digest that stands for a step with these ingredients."""
    return digest_json({"format": _FORMAT, "step": step, **asdict(parts)})
