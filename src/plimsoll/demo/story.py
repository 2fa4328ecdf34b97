"""Plays the story from an empty folder to its last table, checks what every act shows, and clears the stage.

Nothing here is a mock: the commands, the server, the doors, the load and the files are the ones that people use.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import plimsoll
from plimsoll.demo.acts import better_model, first_release, nothing_twice, prepare, unmasked_model, worse_model
from plimsoll.demo.errors import FolderNotEmpty, PartMissing
from plimsoll.demo.questions import answer_the_questions
from plimsoll.demo.seen import Seen
from plimsoll.demo.stage import GIT, Stage
from plimsoll.demo.telling import Telling
from plimsoll.demo.traffic import end_load, load_counts
from plimsoll.demo.world import changed_world
from plimsoll.kernel.errors import PlimsollError

EXAMPLE = Path(plimsoll.__file__).parent / "templates" / "fraud"

ACTS: tuple[tuple[str, str, Callable[[Stage], Seen]], ...] = (
    ("Act 1", "A first release: trained, gated, approved by somebody else, live", first_release),
    ("Act 2", "Nothing is done twice, and the plan says what will be", nothing_twice),
    ("Act 3", "A worse model is refused", worse_model),
    ("Act 4", "A better model goes live on evidence, share by share", better_model),
    ("Act 5", "A model that passes every gate fails on live payments, and is taken back", unmasked_model),
    ("Act 6", "The world changes: found, retrained, judged, approved, live", changed_world),
    ("Act 7", "The questions: where does this answer come from, and is the record whole", answer_the_questions),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One act as it went."""

    act: str
    expected: str
    seen: str
    ok: bool
    seconds: float


def play(folder: Path | None, *, keep: bool, quiet: bool) -> dict[str, Any]:
    """Play the story; returns what every act showed, whether all is well, and the load's counts.

    folder: a new or empty one; None takes a temporary one, removed at the end when all is well. keep: leave the server
    and the doors up. quiet: tell the story to stderr. Raises PartMissing, FolderNotEmpty before anything is started.
    """
    _require_parts()
    telling = Telling(sys.stderr if quiet else sys.stdout)
    place = _workspace(folder)
    stage = Stage(place, telling)
    begun = time.monotonic()
    with _signals_raise():
        try:
            _opening(telling, place)
            played, finished = _play_acts(stage)
            summary = end_load(stage)
            if summary is not None:
                played.append(_played("Load", load_counts(summary), 0.0))
            _ending(telling, played, seconds=time.monotonic() - begun)
        except BaseException:
            _clear(stage)
            if folder is None:
                shutil.rmtree(place, ignore_errors=True)
            raise
        problems = [] if keep and finished else _clear(stage)
    for problem in problems:
        telling.line(f"could not clear up: {problem}")
    ok = finished and summary is not None and all(item.ok for item in played) and not problems
    if keep and finished:
        _tell_what_is_left(stage)
    elif folder is None and ok:
        shutil.rmtree(place, ignore_errors=True)
    else:
        telling.line(f"The workspace with its logs is in {place}")
    return {
        "ok": ok,
        "acts": [asdict(item) for item in played],
        "load": summary,
        "seconds": round(time.monotonic() - begun, 1),
        "workspace": str(place) if place.exists() else None,
        "server": stage.document("server.out") if keep and finished else None,
    }


def _play_acts(stage: Stage) -> tuple[list[Played], bool]:
    """The acts that were played, and whether the story came to its end; an act that surprises is the last."""
    played: list[Played] = []
    stage.telling.act("Before", "A repository with sixty days of card payments, two people, a server")
    try:
        prepare(stage)
    except PlimsollError as error:
        surprise = Seen(expected="data, people and a server", seen=str(error), ok=False)
        return [_played("Before", surprise, 0.0)], False
    for name, title, perform in ACTS:
        stage.telling.act(name, title)
        begun = time.monotonic()
        try:
            seen = perform(stage)
        except PlimsollError as error:
            stage.telling.line(str(error))
            surprise = Seen(expected=(perform.__doc__ or title).strip(), seen=str(error), ok=False)
            return [*played, _played(name, surprise, time.monotonic() - begun)], False
        played.append(_played(name, seen, time.monotonic() - begun))
    return played, True


def _played(name: str, seen: Seen, seconds: float) -> Played:
    return Played(act=name, expected=seen.expected, seen=seen.seen, ok=seen.ok, seconds=round(seconds, 1))


def _opening(telling: Telling, place: Path) -> None:
    telling.line(telling.paint("Plimsoll: from a data file to a signed, served, traced prediction", "bold"))
    where = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    telling.note(f"Everything below runs for real in {place} ({where}).")


def _ending(telling: Telling, played: list[Played], *, seconds: float) -> None:
    shown = sum(item.ok for item in played)
    telling.act("Seen", f"{shown} of {len(played)} as expected, in {seconds:.0f} s")
    rows = [
        (
            item.act,
            item.expected,
            f"{'' if item.ok else 'NOT SHOWN: '}{item.seen}",
            f"{item.seconds:.1f}" if item.seconds else "",
        )
        for item in played
    ]
    room = telling.width - sum((6, 7, 3 * 2))
    expected = room * 46 // 100
    telling.table(("act", "expected", "seen", "seconds"), (6, expected, room - expected, 7), rows)
    telling.line()


def _tell_what_is_left(stage: Stage) -> None:
    server = stage.document("server.out") or {}
    doors = [view for view in stage.ask("ada", "status") if view["state"] == "live"]
    tell = stage.telling.line
    tell(f"The server is up at {stage.telling.paint(server['address'], 'bold')}")
    tell(f"  log in     {server['login']}  (this link works once)")
    for view in doors:
        tell(f"  {view['environment']:<10} {view['address']}/v2/models/{view['project']}")
    tell(f"  workspace  cd {stage.folder}")
    tell(f"  end it     {ending(stage.folder, [view['environment'] for view in doors], server=server['pid'])}")


def ending(folder: Path, environments: Sequence[str], *, server: int) -> str:
    """What ends everything that is left up, typed in any folder."""
    command = "plimsoll" if shutil.which("plimsoll") else f"{shlex.quote(sys.executable)} -m plimsoll"
    stops = [f"{command} -C {shlex.quote(str(folder))} stop --env {environment}" for environment in environments]
    return " && ".join([*stops, f"kill {server}"])


def _workspace(folder: Path | None) -> Path:
    """The example's files as the first commit of a new repository by ada."""
    place = Path(tempfile.mkdtemp(prefix="plimsoll-demo-")) if folder is None else folder.absolute()
    if place.exists() and (found := next(iter(sorted(place.iterdir())), None)):
        raise FolderNotEmpty(folder=str(place), example=found.name)
    shutil.copytree(
        EXAMPLE,
        place,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__", "data", ".plimsoll", ".pytest_cache"),
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    for arguments in (
        ("init", "--quiet"),
        ("config", "user.name", "ada"),
        ("config", "user.email", "ada@example.com"),
        ("add", "--all"),
        ("commit", "--quiet", "--message", "Begin with the fraud example"),
    ):
        subprocess.run([*GIT, *arguments], cwd=place, env=clean, check=True, capture_output=True)
    return place


def _require_parts() -> None:
    packages = [
        name for name, module in (("scikit-learn", "sklearn"), ("pandas", "pandas")) if find_spec(module) is None
    ]
    if packages:
        raise PartMissing(parts=" and ".join(packages), advice="pip install 'plimsoll-ml[sklearn]'")
    if shutil.which("git") is None:
        raise PartMissing(parts="git", advice="Install git, then try again.")


def _clear(stage: Stage) -> list[str]:
    """End everything, undisturbed by another Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        stage.telling.passing("ending the doors, the load and the server")
        return stage.close()
    finally:
        stage.telling.erase()
        signal.signal(signal.SIGINT, before)


@contextmanager
def _signals_raise() -> Iterator[None]:
    """SIGTERM and SIGHUP end the story as Ctrl-C does: with everything cleared up."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
