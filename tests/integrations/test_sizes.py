"""Numbers of bytes are written with a decimal unit."""

from __future__ import annotations

import pytest

from integrations.sizes import format_bytes


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_234_567_890, "1.2 GB"), (2.5e15, "2500.0 TB")],
)
def test_a_number_of_bytes_has_the_largest_unit_that_fits(count: float, text: str) -> None:
    assert format_bytes(count) == text
