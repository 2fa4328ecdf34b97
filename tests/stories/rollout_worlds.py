"""Makes the worlds in which rollouts are killed: a project with two releases, of which the first is live under load."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.stories.orders_project import make_orders, order_rows
from tests.stories.rollout_load import LoadFiles, load
from tests.stories.rollout_world import RULES, World
from tests.stories.workspace import ProjectFolder

DATATYPES = {int: "INT64", float: "FP64", str: "BYTES"}


@contextmanager
def served(world: World, *, servers: int = 2) -> Iterator[LoadFiles]:
    """The world with its first release live, so many servers on its ledger, and load; all of it ends with this."""
    try:
        for _ in range(servers):
            world.start_server()
        deployed = world.project.ask("deploy", world.releases[0], "--env", world.environment)
        url = f"{deployed['address']}/v2/models/{deployed['project']}/infer"
        with load(url, world.bodies, world.project.root.parent, rate=world.rate) as files:
            yield files
    finally:
        world.end()


def orders(folder: Path, *, ledger: str = "", rate: float = 120.0) -> World:
    """Two releases of a model that needs a worker."""
    root = folder / "orders"
    project = make_orders(root, customers=True, environment={"PLIMSOLL_LEDGER": ledger} if ledger else {})
    _replace(root / "plimsoll.yaml", "  holdout: holdout", "  holdout: holdout\n  context: [customer]")
    world = World(
        project=project,
        environment="production",
        releases=("orders@1", "orders@2"),
        sticks="customer",
        bodies=[
            _body({"customer": number, "price": price, "discount": discount})
            for number, (price, discount) in enumerate(order_rows())
        ],
        rate=rate,
    )
    set_rules(world)
    project.commit("Predict returns")
    _release_twice(project, "strength=0.5")
    return world


def loans(folder: Path, *, ledger: str = "", rate: float = 200.0) -> World:
    """Two releases of the template's model, which is compiled into the door."""
    root = folder / "loans"
    ProjectFolder(folder).plimsoll("init", "loans", "--no-git")
    with (root / "data" / "loans.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if all(row.values())]
    _replace(root / "plimsoll.yaml", "context: [age_group]", "context: [age_group, loan_id]")
    kinds = {"loan_id": int, "income": float, "amount": float, "term_months": int, "credit_years": int}
    project = ProjectFolder(root, {"PLIMSOLL_LEDGER": ledger} if ledger else {})
    world = World(
        project=project,
        environment="staging",
        releases=("loans@1", "loans@2"),
        sticks="loan_id",
        bodies=[_body({name: kinds.get(name, str)(row[name]) for name in row if name != "defaulted"}) for row in rows],
        rate=rate,
    )
    set_rules(world)
    project.commit("Predict defaults")
    _release_twice(project, "regularisation=0.5")
    return world


def set_rules(world: World, *, sticky: bool = False) -> None:
    """Write the environment's rollout rules into the project file: RULES, and whether callers stick."""
    more: dict[str, Any] = {"stick_to": world.sticks} if sticky else {}
    page = world.project.root / "plimsoll.yaml"
    start = f"  {world.environment}: "
    lines = page.read_text().splitlines()
    rule = start + "{rollout: " + json.dumps({**RULES, **more}) + "}"
    page.write_text("\n".join(rule if line.startswith(start) else line for line in lines) + "\n")


def _replace(page: Path, found: str, wanted: str) -> None:
    text = page.read_text()
    assert found in text, f"{page} does not say {found!r}"
    page.write_text(text.replace(found, wanted))


def _release_twice(project: ProjectFolder, parameter: str) -> None:
    project.ask("run")
    project.ask("release")
    project.ask("run", "--param", parameter)
    project.ask("release")


def _body(values: Mapping[str, Any]) -> bytes:
    return json.dumps(
        {
            "inputs": [
                {"name": name, "shape": [1], "datatype": DATATYPES[type(value)], "data": [value]}
                for name, value in values.items()
            ]
        }
    ).encode()
