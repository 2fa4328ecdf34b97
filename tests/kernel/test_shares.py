"""Shares as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.kernel.shares import parse_share


@pytest.mark.parametrize(
    ("written", "share"),
    [("0.5%", 0.005), ("2%", 0.02), (" 20 % ", 0.2), ("0%", 0), ("100%", 1), (0.005, 0.005), (0, 0), (1, 1)],
)
def test_a_share_is_a_part_of_one(written: str | float, share: float) -> None:
    assert parse_share(written) == pytest.approx(share)


@given(st.integers(0, 1000))
def test_a_percentage_and_its_number_are_the_same_share(tenths: int) -> None:
    assert parse_share(f"{tenths / 10}%") == pytest.approx(parse_share(tenths / 1000))


@pytest.mark.parametrize("written", ["", "%", "0.005", "5", "-1%", "101%", "1e-3%", "half", "5%%", -0.1, 1.5, 5])
def test_anything_else_is_refused_with_an_example(written: str | float) -> None:
    with pytest.raises(ValueError, match=r"is not a share; write a percentage such as 0\.5%"):
        parse_share(written)
