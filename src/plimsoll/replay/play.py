"""Plays recorded rows: moves the clock, sends what happens at each moment, and lets everything due be done in time.

The order at one moment: labels that are due, then the rows; a moment after a window's end the day's feed and the
controllers' turn. A replay that was killed goes on with the first row that was not answered.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from plimsoll.capture.reader import read_since
from plimsoll.edge.context import Progress
from plimsoll.kernel.clock import FileClock, to_text
from plimsoll.kernel.workspace import Workspace
from plimsoll.project.entities import Project
from plimsoll.replay.controllers import Controllers
from plimsoll.replay.entities import Rows, Sent, Settings, Span, Tally, Tensor
from plimsoll.replay.errors import DoorGone
from plimsoll.replay.folder import feed_file
from plimsoll.replay.journal import Journal
from plimsoll.replay.moments import DAY, Ticks, due_at, labelled_until, midnight_before
from plimsoll.replay.recorded import copy_between, read_labels, read_rows
from plimsoll.replay.sending import Answer, Door, RequestFailed, body_of
from plimsoll.replay.server import Server

LABELS_AT_ONCE = 2000
FAILURES_IN_A_ROW = 20
MOST_AT_A_MOMENT = 100_000
SLACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a replay is played with."""

    settings: Settings
    project: Project
    workspace: Workspace
    """The replay's own."""
    rows: Path
    span: Span
    journal: Journal
    clock: FileClock
    server: Server
    door: Door
    controllers: Controllers
    ticks: Ticks
    logs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A label on its way."""

    at: datetime
    prediction: str
    row: int
    label: Any


class Player:
    """One session of a replay. speed: replayed seconds a second at most; None: as fast as the parts answer.

    each_day: called at each midnight and at the end, to tell what is new.
    """

    def __init__(
        self, stage: Stage, *, speed: float | None, say: Callable[[Progress], None], each_day: Callable[[], None]
    ) -> None:
        self._stage = stage
        self._speed = speed
        self._say = say
        self._each_day = each_day
        self._delay = timedelta(seconds=stage.settings.label_delay_s)
        self._every = timedelta(seconds=stage.settings.label_every_s)
        self._pending: deque[Due] = deque()
        self._answered: dict[int, Sent] = {}
        """Of the next moment, what was answered before the replay was killed, by the number of its first row."""
        self._failed: Counter[str] = Counter()
        self._failed_in_a_row = 0
        self._sent = self._requests = self._labels = 0
        self._sending_s = 0.0
        self._begun = time.monotonic()
        self._begun_at = stage.clock.now()

    def play(self) -> Tally:
        """Send every row that was not sent yet, and see the last labels in. Raises what ends a replay."""
        stage = self._stage
        self._pending.extend(self._labels_on_their_way())
        self._take_over()
        while stage.journal.next_row < stage.span.rows:
            self._play_until_changed()
        last_due = max([stage.span.end, *(due.at for due in self._pending)])
        self._advance(stage.ticks.after(last_due))
        self._each_day()
        return self.tally()

    def tally(self) -> Tally:
        """What this session has come to."""
        return Tally(
            rows=self._sent,
            requests=self._requests,
            failed=self._failed.total(),
            reasons=dict(self._failed.most_common(5)),
            labels=self._labels,
            turns=self._stage.controllers.turns,
            seconds=time.monotonic() - self._begun,
            sending_s=self._sending_s,
            waiting_s=self._stage.controllers.waited_s,
        )

    def _play_until_changed(self) -> None:
        """Send moment after moment, until the live release wants to be asked with other columns."""
        release, tensors = self._stage.door.describe()
        for at, moment in groupby(self._requests_from(tensors, release), key=lambda rows: rows.at):
            requests = tuple(moment)
            if self._advance(at) and self._stage.door.describe()[1] != tensors:
                return
            self._send(at, requests, tensors)

    def _requests_from(self, tensors: Sequence[Tensor], release: str) -> Iterator[Rows]:
        settings, first = self._stage.settings, self._stage.journal.next_row
        return read_rows(
            self._stage.rows, tensors, label=settings.label, first=first, batch=settings.batch, release=release
        )

    # Time.

    def _advance(self, to: datetime) -> bool:
        """Let time pass until a moment, stopping wherever something is due; True when something was under way."""
        settled = False
        while (stop := self._next_stop()) <= to:
            settled |= self._stop_at(stop)
        self._move_clock(to)
        return settled

    def _next_stop(self) -> datetime:
        stage = self._stage
        done = stage.journal.done_until or stage.clock.now()
        stops = [stage.ticks.after(done)]
        if self._pending:
            stops.append(max(self._pending[0].at, done))
        if stage.controllers.run_ends is not None:
            stops.append(max(stage.controllers.run_ends, done + timedelta(milliseconds=1)))
        return min(stops)

    def _stop_at(self, moment: datetime) -> bool:
        """Do what is due at a moment; True when something was under way."""
        self._move_clock(moment)
        self._send_labels(moment)
        stage, settled = self._stage, False
        done = stage.journal.done_until
        if moment == stage.ticks.after(moment - timedelta(microseconds=1)) or stage.controllers.run_ends is not None:
            midnight = midnight_before(moment)
            if midnight is not None and stage.settings.feed:
                self._feed(midnight)
            settled = stage.controllers.settle()
            if midnight is not None:
                self._each_day()
                self._tell(midnight)
        if done is None or moment > done:
            stage.journal.add_done(moment)
        return settled

    def _move_clock(self, to: datetime) -> None:
        """Let it be a moment, or as late as it is already; not before the wished speed allows."""
        if self._speed is not None:
            due_s = (to - self._begun_at).total_seconds() / self._speed - (time.monotonic() - self._begun)
            if due_s > 0:
                time.sleep(due_s)
        if to > self._stage.clock.now():
            self._stage.clock.set(to)

    # Rows.

    def _send(self, at: datetime, requests: Sequence[Rows], tensors: Sequence[Tensor]) -> None:
        begun = time.monotonic()
        new = [rows for rows in requests if rows.first not in self._answered]
        answers = self._stage.door.send([body_of(rows, tensors) for rows in new])
        for rows, answer in zip(new, answers, strict=True):
            prediction = "" if isinstance(answer, RequestFailed) else answer.prediction
            self._answered[rows.first] = Sent(first=rows.first, count=len(rows.values), prediction=prediction)
            self._count(rows, _problem(answer))
        for rows in requests:
            if prediction := self._answered[rows.first].prediction:
                self._expect_labels(at, prediction, rows.labels)
        self._stage.journal.add_sent([self._answered[rows.first] for rows in requests])
        self._answered.clear()
        self._sending_s += time.monotonic() - begun
        if self._failed_in_a_row >= FAILURES_IN_A_ROW:
            raise DoorGone(
                count=self._failed_in_a_row,
                environment=self._stage.settings.environment,
                problem=next(iter(self._failed)),
                folder=self._stage.logs,
            )

    def _count(self, rows: Rows, problem: str) -> None:
        self._sent += len(rows.values)
        self._requests += 1
        self._failed_in_a_row = self._failed_in_a_row + 1 if problem else 0
        if problem:
            self._failed[problem] += 1

    # Labels.

    def _expect_labels(self, at: datetime, prediction: str, labels: Sequence[Any]) -> None:
        due = due_at(at, delay=self._delay, every=self._every)
        self._pending.extend(
            Due(at=due, prediction=prediction, row=row, label=label)
            for row, label in enumerate(labels)
            if label is not None
        )

    def _send_labels(self, until: datetime) -> None:
        due = []
        while self._pending and self._pending[0].at <= until:
            due.append(self._pending.popleft())
        for start in range(0, len(due), LABELS_AT_ONCE):
            items = [
                {"prediction": one.prediction, "row": one.row, "label": one.label, "at": to_text(one.at)}
                for one in due[start : start + LABELS_AT_ONCE]
            ]
            self._stage.server.ask("labels.add", environment=self._stage.settings.environment, labels=items)
        self._labels += len(due)

    def _feed(self, midnight: datetime) -> None:
        """Append the rows whose label has come within the last day to the dataset that is fed."""
        settings, day = self._stage.settings, midnight - DAY
        file = feed_file(settings.feed, self._stage.project.data[settings.feed], self._stage.workspace.root, day)
        after, until = (labelled_until(moment, delay=self._delay, every=self._every) for moment in (day, midnight))
        copy_between(self._stage.rows, file, after=after, until=until, csv=file.suffix.lower() == ".csv")

    # A replay that goes on.

    def _labels_on_their_way(self) -> Iterator[Due]:
        """Labels of rows that were sent before, and that are not due before now."""
        journal, settings, span = self._stage.journal, self._stage.settings, self._stage.span
        done = journal.done_until
        if not journal.sent or not settings.label:
            return
        known = {sent.first + row: (sent.prediction, row) for sent in journal.sent for row in range(sent.count)}
        oldest = span.begin - DAY if done is None else done - self._delay - self._every - DAY
        found = read_labels(self._stage.rows, settings.label, after=oldest, until=self._stage.clock.now())
        for number, at, label in found:
            prediction, row = known.get(number, ("", 0))
            due = due_at(at, delay=self._delay, every=self._every)
            if prediction and (done is None or due > done):
                yield Due(at=due, prediction=prediction, row=row, label=label)

    def _take_over(self) -> None:
        """Find the answers that were given just before the replay was killed, so that nothing is asked twice.

        All requests of one moment are noted together, so what is captured and not noted belongs to the next moment.
        """
        stage = self._stage
        noted = {sent.prediction for sent in stage.journal.sent}
        capture = stage.workspace.capture(stage.settings.environment)
        lately = read_since(capture, stage.clock.now() - SLACK, most=MOST_AT_A_MOMENT)
        unknown = [item for item in lately if item.id not in noted and item.role != "shadow"]
        if not unknown or stage.journal.next_row >= stage.span.rows:
            return
        release, tensors = stage.door.describe()
        _, moment = next(groupby(self._requests_from(tensors, release), key=lambda rows: rows.at))
        for rows in moment:
            columns = zip(tensors, zip(*rows.values, strict=True), strict=True)
            asked = {tensor.name: list(values) for tensor, values in columns}
            match = next((item for item in unknown if dict(item.inputs) == asked), None)
            if match is not None:
                unknown.remove(match)
                self._answered[rows.first] = Sent(first=rows.first, count=len(rows.values), prediction=match.id)

    def _tell(self, moment: datetime) -> None:
        done, total = self._stage.journal.next_row, self._stage.span.rows
        rate = f"{self._sent / self._sending_s:,.0f} rows/s" if self._sending_s else ""
        failed = f", {self._failed.total():,} failed" if self._failed else ""
        message = f"{done:,} rows{failed} {rate}".rstrip()
        self._say(Progress(task=f"{moment:%Y-%m-%d}", message=message, done=done, total=total))


def _problem(answer: Answer | RequestFailed) -> str:
    """Why a request failed; empty when it did not."""
    if isinstance(answer, RequestFailed):
        return str(answer)
    return "" if answer.status == 200 else f"HTTP {answer.status}: {answer.text}"
