"""One call of `plimsoll score`: find the release, load it as the door would, ask it about every row, write the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.artifacts.folder import ArtifactMissing, FolderStore
from plimsoll.artifacts.sweeping import at_work
from plimsoll.batch.answering import AHEAD, answers
from plimsoll.batch.entities import Summary, Wanted
from plimsoll.batch.errors import BundleElsewhere, NoRows
from plimsoll.batch.rows import batches, require_columns
from plimsoll.batch.table import (
    Predictions,
    kept_columns,
    prediction_columns,
    require_free,
    require_output,
    write_table,
)
from plimsoll.batch.workers import workers
from plimsoll.bundle.layout import MANIFEST, manifest_digest, verify_bundle
from plimsoll.data.engine import engine
from plimsoll.data.errors import NoFile
from plimsoll.data.errors import NoRows as NoRowsAtAll
from plimsoll.data.rows import Rows, open_rows
from plimsoll.edge.client import ask
from plimsoll.edge.context import Progress
from plimsoll.kernel.workspace import Workspace
from plimsoll.rollout.naming import named_release
from plimsoll.serving.compiled import CompiledModel
from plimsoll.serving.entities import Limits, ReleaseRef
from plimsoll.serving.live import LiveRelease
from plimsoll.serving.loading import CheckedBundle, check_bundle
from plimsoll.targets.runtimes import Runtimes

if TYPE_CHECKING:
    import duckdb

Say = Callable[[Progress], None]

_MEMORY = "1GiB"
"""What the engine may use before it spills: predictions of a hundred million rows need more than a machine has."""
_PATIENCE_S = 3600.0
"""How long a batch may take: here nobody waits for a single answer, and a slow model is no failure."""


def score(workspace: Workspace, release: str, wanted: Wanted, *, force: bool, say: Say) -> Summary:
    """Score every row of the files with a release and write the answers; row for row what the server would answer.

    release: as `named_release` takes it, or the folder of a bundle. Raises ReleaseUnknown,
    NothingLive, BundleElsewhere, bundle.tampered, ColumnsDiffer, RowRefused, NamesTaken, UnknownColumn, UnknownOutput, OutputExists,
    OutputFailed, and what reading the files raises.
    """
    require_output(wanted.out, force=force)
    with at_work(FolderStore(workspace.artifacts)):
        return _score(workspace, release, wanted, say=say)


def _score(workspace: Workspace, release: str, wanted: Wanted, *, say: Say) -> Summary:
    begun = time.monotonic()
    checked = _checked(workspace, release, here=wanted.executor == "ray", say=say)
    with engine() as connection:
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        connection.execute("SET threads = 1")  # rows come in the files' order
        rows = _opened(connection, wanted.files)
        require_columns(rows, checked.spec.inputs, release=checked.ref.name)
        kept = kept_columns(rows, wanted.keep)
        columns = prediction_columns(checked.spec, prefix=wanted.prefix, keep_bad=wanted.keep_bad)
        require_free(kept, tuple(columns), files=wanted.files)
        predictions = Predictions(connection.cursor(), columns, prefix=wanted.prefix)

        count = 0

        async def ask_all() -> None:
            nonlocal count
            given = batches(connection, rows, checked.spec.inputs, batch_rows=wanted.batch_rows)
            async with _loaded(checked, workspace.keys, wanted) as crew:
                count = len(crew)
                async for answer in answers(given, crew, keep_bad=wanted.keep_bad, files=wanted.files):
                    predictions.add(answer)
                    say(_progress(predictions.rows, rows.rows, begun))

        asyncio.run(ask_all())
        say(Progress(task="score", message=f"writing {wanted.out}"))
        made_by = {"plimsoll_release": checked.ref.name, "plimsoll_digest": checked.ref.digest}
        write_table(connection, rows, kept=kept, predicted=tuple(columns), out=wanted.out, made_by=made_by)
    return Summary(
        release=checked.ref.name,
        digest=checked.ref.digest,
        rows=predictions.rows,
        refused=predictions.refused,
        out=str(wanted.out),
        columns=tuple(columns),
        form="ray" if wanted.executor == "ray" else "compiled" if checked.compiled else "workers",
        workers=0 if checked.compiled and wanted.executor == "local" else count,
        seconds=round(time.monotonic() - begun, 3),
    )


def _checked(workspace: Workspace, release: str, *, here: bool, say: Say) -> CheckedBundle:
    """The release's bundle, verified, with an interpreter that has its packages. here: with this one's packages."""
    folder = Path(release)
    if (folder / MANIFEST).is_file():
        manifest = verify_bundle(folder, workspace.keys)
        ref = ReleaseRef(name=manifest.name, digest=manifest_digest(folder), bundle=folder.absolute())
    else:
        ref = _bundle_of(workspace, release, say=say)
        manifest = verify_bundle(ref.bundle, workspace.keys)
    if manifest.compiled is None and not here:
        python = Runtimes(workspace.runtimes).python_of(
            (ref.bundle / "lock.txt").read_text(encoding="utf-8"),
            release=ref.name,
            say=lambda text: say(Progress(task=ref.name, message=text)),
        )
        ref = ReleaseRef(name=ref.name, digest=ref.digest, bundle=ref.bundle, python=str(python))
    return check_bundle(ref, workspace.keys)


def _bundle_of(workspace: Workspace, release: str, *, say: Say) -> ReleaseRef:
    """A release of the ledger, unpacked. Raises ReleaseUnknown, NothingLive, BundleElsewhere."""
    found = named_release(release, partial(ask, progress=say))
    folder = workspace.cache / "bundles" / found["digest"]
    try:
        FolderStore(workspace.artifacts).unpack(found["tree"], folder)
    except ArtifactMissing as error:
        raise BundleElsewhere(release=found["name"]) from error
    return ReleaseRef(name=found["name"], digest=found["digest"], bundle=folder)


def _opened(connection: duckdb.DuckDBPyConnection, files: str) -> Rows:
    try:
        return open_rows(connection, files, name="rows", root=Path.cwd())
    except (NoFile, NoRowsAtAll) as error:
        raise NoRows(files=files) from error


@asynccontextmanager
async def _loaded(checked: CheckedBundle, keys: Path, wanted: Wanted) -> AsyncIterator[list[LiveRelease]]:
    """The release, loaded as in the door: compiled in this process, else once in each worker; or on a cluster."""
    limits = Limits(rows=wanted.batch_rows, deadline_s=_PATIENCE_S, rows_inline=0)
    model = checked.ref.name.partition("@")[0]
    async with AsyncExitStack() as stack:
        if wanted.executor == "ray":
            from plimsoll.batch.on_ray import ray_runner

            opened = ray_runner(checked.ref, keys, ahead=AHEAD)
            runner, cores = stack.enter_context(opened)
            stack.push_async_callback(runner.close)
            yield [LiveRelease(checked, runner, model=model, limits=limits) for _ in range(cores)]
            return
        runners: list[Any] = (
            [CompiledModel(checked.ref.bundle / "compiled", checked.spec)]
            if checked.compiled
            else await stack.enter_async_context(workers(checked.ref, keys, count=wanted.workers, limits=limits))
        )
        yield [LiveRelease(checked, runner, model=model, limits=limits) for runner in runners]


def _progress(done: int, total: int, begun: float) -> Progress:
    speed = done / max(time.monotonic() - begun, 1e-6)
    left = (total - done) / speed
    return Progress(task="score", message=f"{speed:,.0f} rows/s, {left:,.0f} s left", done=done, total=total)
