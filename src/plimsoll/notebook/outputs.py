"""What a run's steps returned, read back as the next step would be given it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from plimsoll.artifacts.folder import FolderStore
from plimsoll.kernel.nearest import nearest
from plimsoll.kernel.workspace import Workspace
from plimsoll.notebook.asking import Folder, advised, ask, workspace
from plimsoll.notebook.errors import OutputMissing


def output(name: str, run: str = "latest", *, project: Folder | None = None) -> Any:
    """The value of a step's output in a run: by id, or the newest that is done.

    A value of the project's own classes is read with the code as it was in that run, whatever is imported here.
    Raises OutputMissing, RunMissing, NoFinishedRun; BytesElsewhere when a server keeps it.
    """
    return read_output(ask("runs.show", project=project, run=run)["run"], name, project=project)


def read_output(run: Mapping[str, Any], name: str, *, project: Folder | None) -> Any:
    """As `output`, of a run that is known."""
    outputs = {known: digest for step in run["steps"] for known, digest in step["outputs"].items()}
    if name not in outputs:
        near = nearest(name, outputs)
        raise advised(
            OutputMissing(
                run=run["id"],
                name=name,
                near=f" (did you mean {near}?)" if near else "",
                known=", ".join(outputs) or "none",
            )
        )
    from plimsoll.pipeline.codecs import read_artifact

    place = workspace(project=project, what=f"the output {name}", store=outputs[name])
    artifacts = FolderStore(place.artifacts)
    with _code_of(run, place, artifacts, outputs[name]):
        return read_artifact(artifacts, outputs[name])


def _code_of(
    run: Mapping[str, Any], place: Workspace, artifacts: FolderStore, digest: str
) -> AbstractContextManager[None]:
    """Within, the project's modules are those that the run had; only for values that name classes of theirs."""
    if not _names_own(artifacts, digest):
        return nullcontext()
    from plimsoll.bundle.code import ProjectCode
    from plimsoll.pipeline.snapshot import project_then

    folder, project = project_then(artifacts, place.cache / "code", run["code_digest"])
    code = ProjectCode(folder, project.code, alone=True)
    code.load()
    return code.active()


def _names_own(artifacts: FolderStore, digest: str) -> bool:
    """Whether a stored value, or one in a stored list, says which of the project's steps made its classes."""
    return any(
        "maker" in json.loads(artifacts.read_bytes(entry))
        for name, entry in artifacts.tree(digest).items()
        if name.rpartition("/")[2] == "codec.json"
    )
