"""What a run's steps ran on: the machine as the engine sees it, and what each step's process told of itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from plimsoll.artifacts.folder import ArtifactStoreFull, FolderStore
from plimsoll.edge.context import Context
from plimsoll.kernel.canonical import canonical_json
from plimsoll.pipeline.step_process import read_result
from plimsoll.project.machine import read_runtime
from plimsoll.project.runtime_record import RuntimeRecord


@dataclass(slots=True, kw_only=True)
class RanOn:
    """Gathers, while steps end, what their processes had loaded."""

    libraries: dict[str, set[int]] = field(default_factory=dict)
    switches: dict[str, set[str]] = field(default_factory=dict)

    def note(self, scratch: Path) -> None:
        """Hear what a step's process wrote down in its folder; one that died before tells nothing."""
        result = read_result(scratch)
        if result is None:
            return
        for name, threads in result.libraries.items():
            self.libraries.setdefault(name, set()).add(threads)
        for name, setting in result.switches.items():
            self.switches.setdefault(name, set()).add(setting)

    def keep(self, context: Context) -> str:
        """The digest of the whole record, in the artifacts; empty where they take no more: the run's end matters more."""
        record = replace(
            read_runtime(context.workspace.cache),
            libraries={name: tuple(sorted(counts)) for name, counts in sorted(self.libraries.items())},
            switches={name: " and ".join(sorted(settings)) for name, settings in sorted(self.switches.items())},
        )
        try:
            return context.artifacts.put_bytes(canonical_json(asdict(record)))
        except ArtifactStoreFull:
            return ""


def read_record(artifacts: FolderStore, digest: str) -> RuntimeRecord | None:
    """A kept record; None when there is none, or its bytes are gone."""
    if not artifacts.has(digest):
        return None
    page = json.loads(artifacts.read_bytes(digest))
    libraries = {name: tuple(counts) for name, counts in page["libraries"].items()}
    return RuntimeRecord(**{**page, "libraries": libraries})
