"""What a project's file says about retraining."""

from __future__ import annotations

from datetime import UTC, datetime

from plimsoll.project.entities import Environment, Project, RetrainLimits, RetrainRule
from plimsoll.retrain.entities import Limits, Trigger, Watch
from plimsoll.retrain.watches import default_environment, deploy_order, due_since, limits_of, next_due, watches_of


def moment(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """In November 2026, whose 2nd is a Monday."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


def project(*rules: RetrainRule, **environments: Environment) -> Project:
    return Project(project="fraud", code="steps.py", environments=environments, retrain=rules)


CHAIN = {
    "production": Environment(after="staging", auto_deploy=True),
    "staging": Environment(auto_deploy=True),
    "test": Environment(),
}


def test_each_rule_is_a_watch_of_its_environment():
    rules = (
        RetrainRule(schedule="0 3 * * 1"),
        RetrainRule(on="drift", environment="staging", ref="main"),
        RetrainRule(on="new_data", dataset="orders"),
        RetrainRule(limits=RetrainLimits(cooldown="1h", per_day=1)),
    )

    assert watches_of(project(*rules, **CHAIN)) == (
        Watch(trigger=Trigger.SCHEDULE, environment="test", schedule="0 3 * * 1"),
        Watch(trigger=Trigger.DRIFT, environment="staging", ref="main"),
        Watch(trigger=Trigger.NEW_DATA, environment="test", dataset="orders"),
    )
    assert limits_of(project(*rules)) == Limits(cooldown_s=3600, per_day=1)
    assert limits_of(project()) == Limits(cooldown_s=21_600, per_day=4)


def test_the_default_environment_is_the_last_one_after_which_no_other_comes():
    assert default_environment(project(staging=Environment(), production=Environment(after="staging"))) == "production"
    assert default_environment(project(production=Environment(after="staging"), staging=Environment())) == "production"
    assert default_environment(project()) == ""


def test_releases_go_where_policy_lets_them_each_place_after_the_one_before():
    assert deploy_order(project(**CHAIN)) == ("staging", "production")


def test_a_schedule_is_due_once_for_all_that_was_slept_through():
    assert due_since("0 3 * * 1", moment(2, 2, 59), moment(2, 2, 59, 59)) is None
    assert due_since("0 3 * * 1", moment(2, 2, 59), moment(2, 3)) == moment(2, 3)
    assert due_since("0 3 * * 1", moment(2, 3), moment(9, 2)) is None
    assert due_since("0 3 * * 1", moment(2, 2), moment(25, 8)) == moment(23, 3)
    assert due_since("* * * * *", moment(2, 2), moment(2, 1)) is None, "a clock that was set back"
    assert next_due("0 3 * * 1", moment(2, 3)) == moment(9, 3)
