"""What commands do while a deployment changes: wait for it, draw the rollout as it goes on, say how it ended."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any

from plimsoll.edge.client import ask
from plimsoll.edge.context import Progress, silent
from plimsoll.edge.output import ProgressLines, say
from plimsoll.rollout.decisions import Rule
from plimsoll.rollout.errors import NoRollout, NotLive, OrderNotFollowed, TakenBack, WhichRollout
from plimsoll.rollout.screen import WIDTH, rollout_lines
from plimsoll.rollout.wording import wrapped

RESTS = ("held", "paused", "settling", "promoted", "rolled back")
"""Where following ends: it is over, or a person must say how to go on."""
GOING = ("starting", "stage", "not ready")
LOOK_S = 0.2
INTERRUPTED = 130
GOES_ON = "`plimsoll up` goes on with it; without a server it goes on while `plimsoll rollout` watches"


def wait_until_live(view: dict[str, Any], progress: ProgressLines, *, release: str, timeout_s: float) -> dict[str, Any]:
    """Ask until a release, given by name or digest, is live or in its first stage. Raises NotLive, TakenBack."""
    deadline = time.monotonic() + timeout_s
    while not (_has_arrived(view) or _was_live_before(view, release)):
        rollout = view["rollout"]
        if rollout["standing"] == "rolled back" and release not in (view["release"], view["digest"]):
            raise TakenBack(release=rollout["candidate"], environment=view["environment"], because=rollout["sentence"])
        view = _wait(view, progress, deadline=deadline, timeout_s=timeout_s)
    return view


def wait_for_order(view: dict[str, Any], progress: ProgressLines, *, timeout_s: float) -> dict[str, Any]:
    """Ask until an environment is back where it should be. Raises NotLive."""
    deadline = time.monotonic() + timeout_s
    while view["state"] != "live" or view["rollout"]["orders"] or view["rollout"]["standing"] in GOING:
        view = _wait(view, progress, deadline=deadline, timeout_s=timeout_s)
    return view


def wait_until_stopped(view: dict[str, Any], progress: ProgressLines, *, timeout_s: float) -> dict[str, Any]:
    """Ask until nothing runs. Raises NotLive."""
    deadline = time.monotonic() + timeout_s
    while view["state"] != "stopped":
        view = _wait(view, progress, deadline=deadline, timeout_s=timeout_s)
    return view


def wait_until_followed(view: dict[str, Any], progress: ProgressLines) -> dict[str, Any]:
    """Ask until an order was taken; returns the rollout with what changed since. Raises OrderNotFollowed."""
    told = len(view["turns"])
    while view["orders"] and not view["ended_at"]:
        time.sleep(LOOK_S / 4)
        view = ask("rollouts.show", progress, environment=view["environment"], rollout=view["id"])
    since = view["turns"][told:]
    if not any(turn["rule"] == Rule.ORDERED for turn in since):
        because = " ".join(turn["sentence"] for turn in since) or view["sentence"]
        raise OrderNotFollowed(because=because, environment=view["environment"])
    return {**view, "turns": since}


def rollout_is_over(view: dict[str, Any]) -> bool:
    """Whether the deployment's latest rollout has made its candidate live, or ended."""
    return view["rollout"] is None or view["rollout"]["standing"] in ("settling", "promoted", "rolled back")


def follow(environment: str, rollout: str, *, quiet: bool) -> dict[str, Any]:
    """Draw a rollout as it goes on until it rests; returns how it stands then. A terminal is drawn anew, else each
    change is a line. quiet: to stderr, since stdout is for the result. Ctrl-C ends the watching, not the rollout.
    """
    drawing = _Drawing(sys.stderr if quiet else sys.stdout)
    try:
        while True:
            view: dict[str, Any] = ask("rollouts.show", silent, environment=environment, rollout=rollout)
            drawing.draw(view)
            if view["standing"] in RESTS and not view["orders"]:
                return view
            time.sleep(LOOK_S)
    except KeyboardInterrupt:
        sys.stderr.write(f"\nno longer watched, and not taken back: {GOES_ON}\n")
        raise SystemExit(INTERRUPTED) from None


def show_rollout(view: dict[str, Any]) -> None:
    """How a rollout stands."""
    for line in rollout_lines(view):
        say(line)
    for line in wrapped(view["sentence"], width=WIDTH):
        say(line)


def exit_code(view: dict[str, Any]) -> int:
    """0 while it is well, 1 when it was rolled back, 3 when a person must say how it goes on."""
    return {"rolled back": 1, "held": 3, "paused": 3}.get(view["standing"], 0)


def place_of_interest(environment: str) -> str:
    """The environment that is meant when none is named: where a rollout is under way, else where the latest was.

    Raises NoRollout.
    """
    if environment:
        return environment
    views = [view for view in ask("deployments.list", silent) if view["rollout"] is not None]
    if not views:
        raise NoRollout(environment="any environment", what="yet")
    views.sort(key=lambda view: (not view["rollout"]["ended_at"], view["rollout"]["id"]))
    return str(views[-1]["environment"])


def place_of_order(environment: str) -> str:
    """The environment in which an order is meant when none is named: the only one with a rollout under way, else as
    `place_of_interest`. Raises WhichRollout, NoRollout.
    """
    if environment:
        return environment
    views = [view for view in ask("deployments.list", silent) if view["rollout"] is not None]
    under_way = [str(view["environment"]) for view in views if not view["rollout"]["ended_at"]]
    if len(under_way) > 1:
        raise WhichRollout(environments=", ".join(under_way))
    return under_way[0] if under_way else place_of_interest("")


def _has_arrived(view: dict[str, Any]) -> bool:
    rollout = view["rollout"]
    if rollout is None or rollout["standing"] in ("settling", "promoted"):
        return bool(view["state"] == "live")
    return rollout["standing"] not in ("starting", "rolled back")


def _was_live_before(view: dict[str, Any], release: str) -> bool:
    """Whether nothing had to begin for the release, whatever became of the rollout before."""
    is_over = view["rollout"] is None or bool(view["rollout"]["ended_at"])
    return is_over and view["state"] == "live" and release in (view["release"], view["digest"])


def _wait(view: dict[str, Any], progress: ProgressLines, *, deadline: float, timeout_s: float) -> dict[str, Any]:
    """A moment later. Raises NotLive after the deadline."""
    rollout = view["rollout"]
    release = rollout["candidate"] if rollout else view["release"]
    says = view["problem"] or (rollout["sentence"] if rollout and not rollout["ended_at"] else view["state"])
    if time.monotonic() > deadline:
        raise NotLive(
            release=release,
            environment=view["environment"],
            seconds=timeout_s,
            problem=view["problem"] or "its processes are still starting",
        )
    progress(Progress(task=view["environment"], message=says))
    time.sleep(0.1)
    later: dict[str, Any] = ask("deployments.show", progress, environment=view["environment"])
    return later


class _Drawing:
    """The block on a terminal, drawn over itself; elsewhere a line for each change."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._drawn = 0
        self._told = 0

    def draw(self, view: dict[str, Any]) -> None:
        if not self._live:
            self._draw_change(view)
            return
        width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns - 1)
        lines = [*rollout_lines(view, width=width), *wrapped(view["sentence"], width=width)]
        back = f"\x1b[{self._drawn}F\x1b[J" if self._drawn else ""
        self._stream.write(back + "\n".join(lines) + "\n")
        self._stream.flush()
        self._drawn = len(lines)

    def _draw_change(self, view: dict[str, Any]) -> None:
        for turn in view["turns"][self._told :]:
            moment = f"{turn['at'][11:19]}  "
            lines = wrapped(turn["sentence"], width=WIDTH, first=moment)
            self._stream.write("\n".join(lines) + "\n")
        self._told = len(view["turns"])
        self._stream.flush()
