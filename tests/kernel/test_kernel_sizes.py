"""Amounts of memory."""

from __future__ import annotations

import pytest

from plimsoll.kernel.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [("4Gi", 4 << 30), ("512Mi", 512 << 20), ("1.5G", 1_500_000_000), ("2000", 2000), (" 8 Ki ", 8192)],
)
def test_sizes_are_read_as_kubernetes_reads_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "4GB", "lots", "-1Gi", "4gi"])
def test_what_is_no_size_says_what_is_expected(text):
    with pytest.raises(ValueError, match="such as 512Mi or 4Gi"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"), [(800, "800 bytes"), (12 << 20, "12 MiB"), (3 << 29, "1.5 GiB"), (5 << 10, "5.0 KiB")]
)
def test_sizes_are_told_in_a_unit_that_fits(size, text):
    assert size_text(size) == text
