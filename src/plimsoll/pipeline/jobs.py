"""What the engine sends to the processes that run steps, and what it hears back. Plain data, pickled."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.data.entities import DataVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An argument that is another step's output."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """An argument that is a dataset."""

    version: DataVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An argument that is a parameter's value."""

    value: Any


Source = Stored | Rows | Given


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStep:
    """Call a function of the project and keep what it returns."""

    function: str
    arguments: Mapping[str, Source]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildScorer:
    """Make the scorer's folder. settings: the keyword arguments of `build_scorer` that come from the project file."""

    model: Source
    holdout: Source
    output: str
    holdout_output: str | None
    """Name under which the holdout's rows are kept as well; None when they are a step's output already."""
    code_tree: str
    """Artifact digest of the code snapshot."""
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One step to run in a process of its own."""

    step: str
    key: str
    work: CallStep | BuildScorer
    scratch: Path
    """A folder of its own; the result is written there as `result.json`."""
    log: Path
    """File that takes everything the step prints."""
    cpu: float = 1.0
    """How many cores it counts for."""
    memory: int | None = None
    """The most bytes that its processes may use together."""
    gpu: int = 0
    """How many GPUs it has to itself."""
    devices: tuple[str, ...] | None = None
    """The GPUs that it sees, as CUDA_VISIBLE_DEVICES names them; None: as its surroundings see them."""
    artifacts: Path | None = None
    """A store of its own, where the run's is elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all step processes of a run have in common."""

    root: Path
    """The project's folder."""
    import_roots: tuple[Path, ...]
    """Folders that go in front of sys.path."""
    module: str
    """The name under which the project's code is imported."""
    artifacts: Path
    preload: tuple[str, ...]
    """Libraries that the run will need; imported once, before the first step."""
    log: Path
    """File that takes what the import prints."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Variables that are set before the project's code is imported."""
    around: str = ""
    """`module:function` of a context manager that takes the job, and holds while the step's function is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Kill the step's process and everything it started."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What went wrong in the project's code. trace: the traceback's lines that concern the project."""

    problem: str
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTrouble:
    """The project's code could not be imported; no step can run."""

    trouble: Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The step's process runs."""

    step: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The step's process is gone, and whatever it started. code: exit code, or minus the signal that ended it."""

    step: str
    code: int
    memory: int = 0
    """The bytes that it used when it was stopped for using more than it may; 0 when it was not."""
    problem: str = ""
    """Why it ended, where its executor knows better than the code tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a step's process wrote down before it ended."""

    outputs: Mapping[str, str] = field(default_factory=dict)
    """Output name -> artifact digest; all of them are in the artifacts already."""
    trouble: Trouble | None = None
    warnings: tuple[str, ...] = ()
    """What its author should know although it worked."""
    libraries: Mapping[str, int] = field(default_factory=dict)
    """BLAS and OpenMP libraries that its process had loaded -> how many threads each would use."""
    switches: Mapping[str, str] = field(default_factory=dict)
    """Settings of determinism in its process."""


def describe_end(code: int) -> str:
    """How a process ended, in words; for those that ended before they had a result."""
    if code >= 0:
        return f"its process ended with exit code {code} before it returned"
    name = signal.Signals(-code).name
    if -code == signal.SIGKILL:
        return f"its process was killed ({name}); the system does that when memory runs out"
    return f"its process crashed ({name})"
