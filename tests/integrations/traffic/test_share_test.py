"""A share that is wrong is told from one that differs by chance."""

from __future__ import annotations

import math

import pytest

from integrations.traffic.share_test import chance


@pytest.mark.parametrize(
    ("hits", "total", "percent", "rare"),
    [
        (4, 10, 20, False),  # twenty points off, and ten requests say little
        (0, 10, 20, False),
        (1, 10, 1, False),
        (54, 200, 20, False),  # seven points: one measurement of sixty differs as much
        (60, 200, 20, True),  # ten points
        (270, 1000, 20, True),  # seven points
        (210, 1000, 20, False),
        (26_000, 100_000, 20, True),
        (9, 10, 20, True),  # so few can still be plain
    ],
)
def test_the_same_difference_means_more_with_more_requests(
    hits: int, total: int, percent: float, rare: bool
) -> None:
    assert (chance(hits, total, percent) < 0.01) is rare


def test_it_is_the_probability_of_both_tails() -> None:
    assert chance(2, 10, 20) == 1
    at_least_five = math.fsum(math.comb(10, n) * 0.2**n * 0.8 ** (10 - n) for n in range(5, 11))
    assert chance(5, 10, 20) == pytest.approx(2 * at_least_five)
    assert [chance(hits, 10, 100) for hits in (10, 9)] == [1, 0]
