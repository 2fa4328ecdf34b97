"""When time must stop on its way from one row to the next: so that nothing that is due is looked at too late. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from plimsoll.kernel.clock import EPOCH
from plimsoll.kernel.durations import parse_duration
from plimsoll.project.entities import Environment, Project

DAY = timedelta(days=1)
GRACE = timedelta(seconds=3)
"""Windows are measured a moment after their end, when what came in at the very end is written down for sure."""
SHORTEST_S = 60.0
"""No step is shorter: nothing that lasts so short a time is judged by replaying days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """The moments at which the controllers take a turn: a moment after each multiple of a step, each midnight, and each
    due moment of a schedule.
    """

    step: timedelta
    schedules: tuple[str, ...] = ()

    def after(self, moment: datetime) -> datetime:
        """The first one after a moment."""
        since = moment - GRACE
        due = [_next_multiple(since, self.step), _next_multiple(since, DAY)]
        return GRACE + min([*due, *(_next_due(schedule, since) for schedule in self.schedules)])


def ticks_of(project: Project) -> Ticks:
    """As often as the project's controllers need: by its window, its rollouts' stages and its schedules."""
    lasting = [_seconds(project.monitor.window), DAY.total_seconds()]
    for environment in project.environments.values():
        lasting += _of_environment(environment)
    shortest = min(seconds for seconds in lasting if seconds > 0)
    schedules = tuple(rule.schedule for rule in project.retrain if rule.schedule)
    return Ticks(step=timedelta(seconds=max(shortest, SHORTEST_S)), schedules=schedules)


def due_at(at: datetime, *, delay: timedelta, every: timedelta) -> datetime:
    """When the label of a row of that moment arrives: after the delay, and where labels come in batches, with the next."""
    due = at + delay
    return due if not every or not (due - EPOCH) % every else _next_multiple(due, every)


def labelled_until(moment: datetime, *, delay: timedelta, every: timedelta) -> datetime:
    """Rows until then have their label at a moment: the inverse of `due_at`."""
    came = moment if not every else EPOCH + (moment - EPOCH) // every * every
    return came - delay


def weeks(begin: datetime, end: datetime) -> Iterator[datetime]:
    """The Mondays, at midnight, of every week from one moment to another."""
    monday = (begin - timedelta(days=begin.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    while monday <= end:
        yield monday
        monday += timedelta(weeks=1)


def chain_to(environments: Sequence[tuple[str, Environment]], name: str) -> list[str]:
    """The environments that a release must have been live in before this one, first to last, and this one."""
    known, chain = dict(environments), [name]
    while before := known[chain[0]].after:
        chain.insert(0, before)
    return chain


def _of_environment(environment: Environment) -> list[float]:
    rollout = environment.rollout
    staged = [_seconds(rollout.hold)] if rollout.strategy != "all-at-once" else []
    return [*staged, _seconds(environment.bake)]


def midnight_before(tick: datetime) -> datetime | None:
    """The midnight of which a tick is the turn; None for any other one."""
    moment = tick - GRACE
    return moment if not (moment - EPOCH) % DAY else None


def _next_multiple(moment: datetime, step: timedelta) -> datetime:
    return EPOCH + ((moment - EPOCH) // step + 1) * step


def _next_due(schedule: str, moment: datetime) -> datetime:
    from cronsim import CronSim

    due: datetime = next(CronSim(schedule, moment))
    return due.astimezone(UTC)


def _seconds(text: str) -> float:
    return parse_duration(text)
