"""Lays a release out as a bundle folder: scorer, lock, columns, verdict, model card, compiled form, manifest."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from plimsoll.bundle.layout import write_bundle
from plimsoll.bundle.spec import read_spec
from plimsoll.edge.context import Context, Progress
from plimsoll.gates.entities import Verdict
from plimsoll.kernel.canonical import canonical_json
from plimsoll.kernel.clock import to_text
from plimsoll.pipeline.codecs import frame_path
from plimsoll.pipeline.entities import Run
from plimsoll.project.entities import Model, Project
from plimsoll.release.card import model_card
from plimsoll.release.compile import Compilation, compile_scorer
from plimsoll.release.entities import Release
from plimsoll.release.reference import write_reference

RUNTIME = "runtime.json"
"""What the run ran on; see project/runtime_record.py."""
PATCH = "changes.patch"
"""What made the commit's files those that ran; only where files differed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A bundle folder that lacks only its number, its card and its signature."""

    folder: Path
    model: Model
    run: Run
    verdict: Verdict
    authors: tuple[str, ...]
    compilation: Compilation


@contextmanager
def prepare(
    context: Context, project: Project, model: Model, run: Run, verdict: Verdict, *, authors: tuple[str, ...]
) -> Iterator[Assembly]:
    """Lay out everything that does not depend on the release's number, in a scratch folder that is removed after."""
    context.workspace.cache.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="release-", dir=context.workspace.cache))
    folder = scratch / "bundle"
    try:
        scorer = context.artifacts.unpack(str(run.scorer), folder / "scorer")
        spec = read_spec(scorer)
        (folder / "lock.txt").write_bytes(context.artifacts.read_bytes(run.lock_digest))
        columns = {"inputs": [asdict(item) for item in spec.inputs], "context": [asdict(item) for item in spec.context]}
        (folder / "columns.json").write_bytes(canonical_json(columns))
        (folder / "verdict.json").write_bytes(canonical_json(asdict(verdict)))
        for digest, name in ((run.runtime, RUNTIME), (run.patch, PATCH)):
            if context.artifacts.has(digest):
                (folder / name).write_bytes(context.artifacts.read_bytes(digest))
        write_reference(context, project, run, folder)
        context.progress(Progress(task="release", message="compiling the scorer"))
        holdout = frame_path(context.artifacts, verdict.holdout)
        compilation = compile_scorer(scorer, holdout, folder / "compiled")
        yield Assembly(folder=folder, model=model, run=run, verdict=verdict, authors=authors, compilation=compilation)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def number_and_sign(context: Context, assembly: Assembly, *, number: int) -> Release:
    """Complete the bundle under this number, sign it and store it; nothing is recorded yet."""
    from plimsoll.bundle.signing import signer

    run, verdict, now = assembly.run, assembly.verdict, to_text(context.clock.now())
    name = f"{run.project}@{number}"
    card = model_card(name=name, model=assembly.model, run=run, verdict=verdict, authors=assembly.authors)
    (assembly.folder / "model-card.md").write_text(card)
    compiled = "onnx" if assembly.compilation.faithful else None
    digest = write_bundle(
        assembly.folder,
        signer=signer(context.workspace.keys),
        project=run.project,
        number=number,
        run=run.id,
        commit=run.commit,
        authors=assembly.authors,
        dirty=run.dirty,
        data=run.data,
        lock_digest=run.lock_digest,
        verdict=verdict.id,
        created_by=context.caller.name,
        created_at=now,
        compiled=compiled,
    )
    return Release(
        name=name,
        project=run.project,
        number=number,
        digest=digest,
        tree=context.artifacts.put_tree(assembly.folder),
        run=run.id,
        verdict=verdict.id,
        lock_digest=run.lock_digest,
        commit=run.commit,
        dirty=run.dirty,
        authors=assembly.authors,
        compiled=compiled,
        compile_note=assembly.compilation.because,
        created_by=context.caller.name,
        created_at=now,
        because=run.because,
    )
