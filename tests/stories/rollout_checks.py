"""What must hold of a rollout in which something was killed; each broken promise is a sentence."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from tests.stories.rollout_load import CONNECTIONS
from tests.stories.rollout_rounds import Round, Victim
from tests.stories.rollout_world import World

from plimsoll.capture.counts import StageCounts
from plimsoll.capture.entities import CapturedPrediction
from plimsoll.capture.reader import read_since
from plimsoll.capture.tally import CountReader
from plimsoll.kernel.clock import from_text

BEFORE = timedelta(seconds=40)
"""How long before a round a request may have been received that was answered in it: a request's whole patience."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of checking a round."""

    problems: tuple[str, ...]
    uncounted: int
    """Predictions of the rollout that were captured and not counted."""


def check(world: World, played: Round, usual: Round) -> Checked:
    """Compare a round with how it is when nothing is killed, and with itself."""
    captured = read_since(
        world.workspace.capture(world.environment), from_text(played.rollout.started_at) - BEFORE, most=10_000_000
    )
    uncounted, counting = _counting(world, played, captured)
    problems = [
        *_course(played, usual),
        *_audit(played),
        *_outbox(played, usual),
        *_doors(played),
        *_failures(played),
        *_capture(played, captured),
        *counting,
    ]
    return Checked(problems=tuple(problems), uncounted=uncounted)


def _course(played: Round, usual: Round) -> Iterator[str]:
    """It ends as it would have, by the same way; only a candidate that was away is waited for."""
    course = _without_waiting(played.course)
    if course != usual.course:
        yield f"it went {' > '.join(course)}: {played.decisions[-1].because.sentence}"


def _without_waiting(course: tuple[str, ...]) -> tuple[str, ...]:
    places = [place for place in course if place != "not ready"]
    return tuple(place for place, before in zip(places, ["", *places], strict=False) if place != before)


def _audit(played: Round) -> Iterator[str]:
    """One begin, each change once and in its order, one change of what is live."""
    events = [(event["action"], json.loads(event["detail"])) for event in played.audit]
    actions = Counter(action for action, _ in events)
    for action in ("rollout_started", "deployment_changed"):
        if actions[action] != 1:
            yield f"{actions[action]} audit events {action}"
    changes = [detail["standing"] for action, detail in events if action == "rollout_changed"]
    expected = [place.partition(" ")[0] if place.startswith("stage") else place for place in played.course[1:]]
    if changes != expected:
        yield f"the audit's changes are {changes}, the record's {expected}"


def _outbox(played: Round, usual: Round) -> Iterator[str]:
    """Each effect was decided once, and told."""
    if len(played.outbox) != len(usual.outbox):
        yield f"{len(played.outbox)} effects instead of {len(usual.outbox)}"
    pages = [row["wanted"] for row in played.outbox]
    if len(set(pages)) != len(pages):
        yield "the same effect was decided twice"
    untold = [row["revision"] for row in played.outbox if not row["performed_at"]]
    if untold:
        yield f"never told: {untold}"


def _doors(played: Round) -> Iterator[str]:
    """What the doors were told only went forward, and a revision always meant the same."""
    revisions = [told.revision for told in played.told]
    if revisions != sorted(set(revisions)):
        yield f"the doors were told the revisions {revisions}"
    decided = {row["revision"] for row in played.outbox}
    unknown = set(revisions[1:]) - decided
    if unknown:
        yield f"the doors were told what nobody decided: {unknown}"


def _failures(played: Round) -> Iterator[str]:
    """Only what was inside a killed door may fail; without the shim, the doors end and nobody has the port."""
    allowed = CONNECTIONS if Victim.DOOR in played.victims else 0
    if Victim.SHIM not in played.victims and played.failed > allowed:
        yield f"{played.failed} requests failed, at most {allowed} may: {played.reasons}"
    if any(reason.startswith("HTTP") for reason in played.reasons):
        yield f"a door answered with an error: {played.reasons}"


def _capture(played: Round, captured: list[CapturedPrediction]) -> Iterator[str]:
    """Every answer is captured exactly once."""
    times = Counter(prediction.id for prediction in captured)
    missing = [identifier for identifier in played.answered if times[identifier] != 1]
    if missing:
        yield f"{len(missing)} of {len(played.answered)} answers are not captured exactly once, such as {missing[:3]}"
    doubles = sum(number > 1 for number in times.values())
    if doubles:
        yield f"{doubles} predictions are captured twice"


def _counting(world: World, played: Round, captured: list[CapturedPrediction]) -> tuple[int, list[str]]:
    """How many captured predictions are not counted, and what is wrong with the counts by stage and arm."""
    reader = CountReader(world.state / "counts" / played.rollout.id)
    counts = reader.read()
    expected = Counter(
        (prediction.stage, "candidate" if prediction.role == "candidate" or prediction.fallback_for else "champion")
        for prediction in captured
        if prediction.rollout == played.rollout.id
    )
    found = Counter(
        {(stage, arm): _requests(of, arm) for stage, of in counts.items() for arm in ("champion", "candidate")}
    )
    allowed = CONNECTIONS if Victim.DOOR in played.victims else 0
    uncounted = sum((expected - found).values())
    uncaptured = sum((found - expected).values())  # one that is late is counted at the deadline, captured when it ends
    problems = [f"{uncaptured} counted but not captured"] if uncaptured > allowed else []
    if uncounted > allowed:
        problems.append(f"{uncounted} captured but not counted: {dict(expected - found)}")
    if reader.damaged:
        problems.append(f"{reader.damaged} damaged counts")
    if not expected:
        problems.append("nothing was counted at all")
    return uncounted, problems


def _requests(of: StageCounts, arm: str) -> int:
    return (of.candidate if arm == "candidate" else of.champion).requests
