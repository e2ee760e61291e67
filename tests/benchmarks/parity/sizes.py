"""How large the tables of a benchmark are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """How many rows and tables each part has, and of how many runs the median is taken."""

    donations: int = 100_000
    attendance: int = 25_000
    scale: tuple[int, ...] = (50_000, 200_000, 800_000)
    small: int = 50
    declared: tuple[int, ...] = (200_000, 2_000_000)
    same: int = 50_000
    ranges: int = 200_000
    times: int = 3


FULL = Sizes(
    2_000_000,
    500_000,
    (1_000_000, 4_000_000, 16_000_000),
    500,
    (200_000, 2_000_000, 16_000_000),
    1_000_000,
    20_000_000,
)
