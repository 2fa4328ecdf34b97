"""The project `orders` with its data: a model that needs a worker, quick to train."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from tests.stories.workspace import ProjectFolder

ORDERS = Path(__file__).parent / "orders"


def order_rows(count: int = 2000) -> list[tuple[float, float]]:
    """Price and discount of each order; always the same ones."""
    draw = random.Random(5)
    return [(price, price * draw.random()) for price in (draw.uniform(5, 200) for _ in range(count))]


def make_orders(root: Path, *, customers: bool = False, environment: dict[str, str] | None = None) -> ProjectFolder:
    """The project in a new folder, not committed yet. customers: number the orders' customers in a column of their own."""
    shutil.copytree(ORDERS, root)
    (root / ".gitignore").write_text(".plimsoll/\n__pycache__/\n")
    draw = random.Random(6)
    lines = ["customer,price,discount,returned" if customers else "price,discount,returned"]
    for number, (price, discount) in enumerate(order_rows()):
        returned = draw.random() < 0.2 + 0.6 * discount / price
        lines.append(f"{f'{number},' if customers else ''}{price:.2f},{discount:.2f},{returned}")
    (root / "orders.csv").write_text("\n".join(lines) + "\n")
    return ProjectFolder(root, environment or {})
