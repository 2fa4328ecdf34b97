"""What a project's file says about retraining: what is watched, where, within which limits, and where releases go. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from plimsoll.kernel.durations import parse_duration
from plimsoll.project.entities import Project, RetrainLimits
from plimsoll.retrain.entities import Limits, Trigger, Watch


def watches_of(project: Project) -> tuple[Watch, ...]:
    """Every rule that starts runs, in the order of the file, each once."""
    found = [
        Watch(
            trigger=Trigger.SCHEDULE if rule.schedule else Trigger(str(rule.on)),
            environment=rule.environment or default_environment(project),
            ref=rule.ref or "",
            schedule=rule.schedule or "",
            dataset=rule.dataset or "",
        )
        for rule in project.retrain
        if rule.limits is None
    ]
    return tuple(dict.fromkeys(found))


def limits_of(project: Project) -> Limits:
    """The limits of all triggers."""
    given = next((rule.limits for rule in project.retrain if rule.limits is not None), RetrainLimits())
    return Limits(cooldown_s=parse_duration(given.cooldown), per_day=given.per_day)


def default_environment(project: Project) -> str:
    """The last environment after which no other comes; empty without any."""
    before = {settings.after for settings in project.environments.values()}
    ends = [name for name in project.environments if name not in before]
    return ends[-1] if ends else ""


def deploy_order(project: Project) -> tuple[str, ...]:
    """Environments to which releases of triggers are deployed by themselves, each after the one it comes after."""
    order: dict[str, None] = {}
    for name in project.environments:
        order |= dict.fromkeys(reversed(list(_chain(project, name))))
    return tuple(name for name in order if project.environments[name].auto_deploy)


def due_since(schedule: str, seen_until: datetime, now: datetime) -> datetime | None:
    """The latest moment at which a schedule came due after one moment and up to another; None when it did not.

    However many there were, one is enough: they ask for the same.
    """
    from cronsim import CronSim

    following = now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    latest = next(CronSim(schedule, following, reverse=True), None)
    return latest if latest is not None and latest > seen_until else None


def next_due(schedule: str, after: datetime) -> datetime | None:
    """When a schedule comes due next; None when it never does."""
    from cronsim import CronSim

    return next(CronSim(schedule, after.astimezone(UTC)), None)


def _chain(project: Project, name: str) -> Iterator[str]:
    """An environment and those before it; a circle is refused with the project file."""
    place: str | None = name
    while place is not None:
        yield place
        place = project.environments[place].after
