"""Four ways to keep a model up to date, side by side: never, monthly, by a rule of thumb, and by Plimsoll.

    python policies.py                                    # the first three, computed here
    python policies.py .plimsoll/replays/recorded/report.json     # with what the replay showed of the fourth

All share the model, the windows that it is trained on, and the delay of the labels. The first three deploy whatever they
train, at midnight; the fourth is what the real parts did in `plimsoll replay`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from plimsoll.project.load import load_project
from steps import FEATURES, LABEL, recent, split, train

DAY = pd.Timedelta(days=1)
LABELS_AFTER = DAY
"""A label comes a day after its row, with the batch of the next midnight."""
LOOKED_AT = 7 * DAY
"""The rule of thumb looks at the last week, at each midnight."""
REST = 7 * DAY
"""It does not train again for so long; the project's own triggers have the same cooldown."""
PSI_LIMIT = 0.2
BINS = 10


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a policy came to."""

    name: str
    accuracy: float
    releases: int
    """With the first one."""
    at: tuple[str, ...] = ()
    """The days on which a further one was live."""
    alerts: tuple[str, ...] = ()
    """What was told to people, and when."""


Wants = Callable[[pd.Timestamp, pd.DataFrame, pd.DataFrame], bool]
"""Whether to train at a midnight, by what was asked lately and what the live model was trained on."""


def never(_midnight: pd.Timestamp, _lately: pd.DataFrame, _trained_on: pd.DataFrame) -> bool:
    return False


def monthly(midnight: pd.Timestamp, _lately: pd.DataFrame, _trained_on: pd.DataFrame) -> bool:
    return bool(midnight.day == 1)


def rule_of_thumb(_midnight: pd.Timestamp, lately: pd.DataFrame, trained_on: pd.DataFrame) -> bool:
    """Whether any column's population stability index is above 0.2 against the rows that were trained on."""
    return any(stability(trained_on[name], lately[name]) > PSI_LIMIT for name in FEATURES)


def stability(expected: pd.Series, actual: pd.Series) -> float:
    """The population stability index over deciles of the expected values; an empty bin counts as half a row."""
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = []
    for values in (expected, actual):
        counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        shares.append(np.maximum(counts, 0.5) / len(values))
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def play(name: str, wants: Wants, rows: pd.DataFrame, begin: pd.Timestamp, params: dict[str, int | float]) -> Result:
    """Answer every row from `begin` on, day by day, with what the policy has live by then."""
    model, trained_on = _trained(rows[rows["at"] < begin], params)
    right, released, last = [], [], begin - REST
    for midnight, day in _days(rows[rows["at"] >= begin]):
        lately = rows[(rows["at"] >= max(midnight - LOOKED_AT, begin)) & (rows["at"] < midnight)]
        if len(lately) and midnight - last >= REST and wants(midnight, lately, trained_on):
            model, trained_on = _trained(rows[rows["at"] <= midnight - LABELS_AFTER], params)
            released.append(f"{midnight:%Y-%m-%d}")
            last = midnight
        right.append(model.predict(day[FEATURES]) == day[LABEL].to_numpy())
    return Result(
        name=name, accuracy=float(np.concatenate(right).mean()), releases=1 + len(released), at=tuple(released)
    )


def _trained(labelled: pd.DataFrame, params: dict[str, int | float]) -> tuple[object, pd.DataFrame]:
    days = {"train_days": params["train_days"], "holdout_days": params["holdout_days"]}
    train_set, _ = split(recent(labelled, **days), params["holdout_days"])
    return train(train_set, params["trees"], params["learning_rate"], params["seed"]), train_set


def _days(rows: pd.DataFrame) -> Iterator[tuple[pd.Timestamp, pd.DataFrame]]:
    yield from rows.groupby(rows["at"].dt.normalize())


def read(folder: Path) -> tuple[pd.DataFrame, pd.Timestamp]:
    """All rows, and the first moment that is replayed."""
    past, recorded = (
        duckdb.read_parquet(str(folder / name)).df() for name in ("market/past.parquet", "recorded.parquet")
    )
    return pd.concat([past, recorded], ignore_index=True).sort_values("at", ignore_index=True), recorded["at"].min()


def replayed(report: Path) -> Result:
    """The fourth policy, as its replay's report has it."""
    page = json.loads(report.read_text(encoding="utf-8"))
    return Result(
        name="Plimsoll: drift and decay, gated",
        accuracy=page["figures"]["value"],
        releases=len(page["live"]),
        at=tuple(change["at"][:10] for change in page["live"][1:]),
        alerts=tuple(f"{one['at'][:10]}  {one['concern']}: {one['sentence']}" for one in page["alerts"]),
    )


def compare(folder: Path, project: Path, report: Path | None) -> list[Result]:
    rows, begin = read(folder)
    params = load_project(project).pipeline.params
    policies = (("never retrain", never), ("monthly", monthly), ("PSI > 0.2 on any column", rule_of_thumb))
    results = [play(name, wants, rows, begin, params) for name, wants in policies]
    return [*results, *([replayed(report)] if report else [])]


def trivial(folder: Path) -> list[tuple[str, float]]:
    """What needs no model: the accuracy of repeating the label before, and of the commoner class."""
    rows, begin = read(folder)
    label, asked = rows[LABEL].to_numpy(), (rows["at"] >= begin).to_numpy()
    before = np.roll(label, 1)
    repeated = float((label == before)[asked].mean())
    return [("the label of the half-hour before (known a day too late)", repeated),
            ("always the commoner class", float(max(label[asked].mean(), 1 - label[asked].mean())))]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare four retraining policies.")
    parser.add_argument("report", type=Path, nargs="?", help="report.json of the replay")
    parser.add_argument("--data", type=Path, default=Path("data"))
    given = parser.parse_args()
    results = compare(given.data, Path("plimsoll.yaml"), given.report)
    lines = [f"{result.name:58} {result.accuracy:8.2%} {result.releases:9}" for result in results]
    lines += [f"{name:58} {accuracy:8.2%}" for name, accuracy in trivial(given.data)]
    sys.stdout.write("\n".join([f"{'':58} {'accuracy':>8} {'releases':>9}", *lines]) + "\n")
    for result in results:
        sys.stdout.write(f"\n{result.name}: {', '.join(result.at) or 'no further release'}\n")
        sys.stdout.writelines(f"  {alert}\n" for alert in result.alerts)


if __name__ == "__main__":
    main()
