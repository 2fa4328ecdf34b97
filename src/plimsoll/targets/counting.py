"""Reads what the doors of one environment counted, rollout by rollout, and keeps its folder of journals small.

How counts are read and folded is in capture/tally.py; here is when, and what happens when the disk refuses.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from plimsoll.capture.counts import StageCounts
from plimsoll.capture.tally import CountReader
from plimsoll.kernel.clock import Clock, SystemClock, in_microseconds
from plimsoll.kernel.errors import PlimsollError
from plimsoll.targets.errors import CountsUnreadable

log = logging.getLogger("plimsoll.counts")

COMPACT_EVERY_S = 60.0
SLACK_US = 250_000
"""A busy door may need so much longer to write down what it knows."""
KEPT_ROLLOUTS = 20
"""Rollouts of an environment whose journals are kept."""


class Counting:
    """The counts of one environment. Remembers how far it has read; for one thread at a time.

    folder: holds one folder of journals a rollout. doors: the clock of the doors that count; None: the machine's. clock:
    seconds, for what is done now and then.
    """

    def __init__(
        self,
        folder: Path,
        *,
        environment: str,
        doors: Clock | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._doors = doors or SystemClock()
        self._environment = environment
        self._clock = clock
        self._rollout = ""
        self._reader = CountReader(folder)
        self._compact_at = 0.0
        self._damaged = 0

    def read(self, rollout: str) -> Mapping[int, StageCounts]:
        """The cumulative counts of a rollout by stage. Raises CountsUnreadable, CountsDamaged."""
        try:
            if rollout != self._rollout:
                self._turn_to(rollout)
            if self._clock() >= self._compact_at:
                self._compact()
            counts = self._reader.read(until_us=self._due_us())
        except OSError as error:
            raise CountsUnreadable(environment=self._environment, problem=str(error)) from error
        self._tell_of_damage()
        return counts

    def _turn_to(self, rollout: str) -> None:
        self._rollout, self._reader, self._damaged = rollout, CountReader(self._folder / rollout), 0
        self._compact_at = self._clock() + COMPACT_EVERY_S
        self._forget_old_rollouts()

    def _forget_old_rollouts(self) -> None:
        """Remove the journals of rollouts long ago; what was concluded from them is in the ledger.

        Ids sort by the time they were made, so after a clock was set back the newest may be among the first.
        """
        rollouts = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        for old in rollouts[:-KEPT_ROLLOUTS]:
            if old.name != self._rollout:
                shutil.rmtree(old, ignore_errors=True)

    def _compact(self) -> None:
        """Fold what is closed. A disk that refuses costs room, not evidence: it is tried again in a while."""
        self._compact_at = self._clock() + COMPACT_EVERY_S
        try:
            self._reader.compact(until_us=self._due_us())
        except (OSError, PlimsollError) as error:
            log.warning("the counts of %s in %s cannot be compacted: %s", self._rollout, self._environment, error)

    def _tell_of_damage(self) -> None:
        if self._reader.damaged > self._damaged:
            log.warning(
                "%d records of %s in %s are not as they were written and are not counted: check the disk",
                self._reader.damaged,
                self._rollout,
                self._environment,
            )
        self._damaged = self._reader.damaged

    def _due_us(self) -> int:
        """Until when the outcomes of requests are known and written down."""
        return in_microseconds(self._doors.now()) - SLACK_US
