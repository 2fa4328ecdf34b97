"""Rollouts as they are shown: the one under way, one in a line, and a report of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from plimsoll.kernel.clock import to_text
from plimsoll.rollout.decisions import Decision, Evidence
from plimsoll.rollout.entities import Rollout
from plimsoll.rollout.failures import Failure
from plimsoll.rollout.page import rollout_html
from plimsoll.rollout.report import rollout_text
from plimsoll.rollout.requests import RolloutBrief, RolloutView, StageView, TestView, TurnView
from plimsoll.rollout.rollouts import Promoted, Settling, SetTraffic
from plimsoll.rollout.standing import standing


def rollout_view(rollout: Rollout, *, orders: int, turns: Sequence[Decision] = ()) -> RolloutView:
    """A rollout as it stands. orders: how many wait for the next look. turns: the decisions that changed something."""
    latest = rollout.latest
    evidence = latest.because.evidence
    cost = evidence.cost if evidence else None
    return RolloutView(
        id=rollout.id,
        environment=rollout.environment,
        candidate=rollout.spec.candidate.name,
        champion=rollout.spec.champion.name if rollout.spec.champion else "",
        strategy=rollout.spec.strategy,
        standing=standing(latest.state),
        sentence=latest.because.sentence,
        shares=tuple(share.candidate_pct for share in rollout.spec.shares),
        candidate_pct=_candidate_pct(latest),
        stage=_stage(rollout, evidence),
        tests=_tests(rollout, evidence),
        touched=cost.touched if cost else 0,
        erred=cost.erred if cost else 0,
        noticed=cost.noticed if cost else 0,
        fallback_p99_s=cost.fallback_p99_s if cost else None,
        started_by=rollout.started_by,
        started_at=rollout.started_at,
        ended_at=rollout.ended_at,
        looked_at=to_text(latest.at),
        orders=orders,
        turns=tuple(
            TurnView(at=to_text(turn.at), rule=str(turn.because.rule), sentence=turn.because.sentence) for turn in turns
        ),
    )


def brief(rollout: Rollout, *, orders: int) -> RolloutBrief:
    """A rollout in one line. orders: how many wait for the next look."""
    return RolloutBrief(
        id=rollout.id,
        candidate=rollout.spec.candidate.name,
        standing=standing(rollout.latest.state),
        sentence=rollout.latest.because.sentence,
        candidate_pct=_candidate_pct(rollout.latest),
        ended_at=rollout.ended_at,
        orders=orders,
    )


def report_of(
    rollout: Rollout, decisions: Sequence[Decision], *, failures: Sequence[Failure], format: Literal["text", "html"]
) -> str:
    """A rollout's report, from its recorded decisions and what the doors captured of failures."""
    write = rollout_html if format == "html" else rollout_text
    return write(rollout.spec, decisions, failures=failures)


def _candidate_pct(decision: Decision) -> float:
    """The candidate's share of the answers."""
    if isinstance(decision.state, Settling | Promoted):
        return 100.0
    return next((effect.candidate_pct for effect in decision.effects if isinstance(effect, SetTraffic)), 0.0)


def _stage(rollout: Rollout, evidence: Evidence | None) -> StageView | None:
    if evidence is None or evidence.stage is None or evidence.exposure is None:
        return None
    share = rollout.spec.shares[evidence.stage]
    return StageView(
        number=evidence.stage + 1,
        of=len(rollout.spec.shares),
        candidate_pct=share.candidate_pct,
        shadow_pct=share.shadow_pct,
        requests=evidence.exposure.requests,
        wanted=evidence.exposure.wanted,
        added_errors=evidence.exposure.added_errors,
        allowed=evidence.exposure.allowed,
    )


def _tests(rollout: Rollout, evidence: Evidence | None) -> tuple[TestView, ...]:
    """Where the tests stand; none where there is no stage, for then nothing is counted."""
    readings = (*evidence.harm, evidence.split) if evidence and rollout.spec.shares else ()
    return tuple(TestView(measure=str(one.measure), e_value=one.e_value, wanted=one.wanted) for one in readings)
