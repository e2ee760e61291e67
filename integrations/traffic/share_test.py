"""Tells a wrong share of requests from one that differs by chance."""

from __future__ import annotations

import math


def chance(hits: int, total: int, percent: float) -> float:
    """How probable it is that of ``total`` requests at least as many or at most as few as ``hits`` go to a
    stack that gets ``percent`` of them: 1 for the most probable number, near 0 for a share that is wrong.

    The two-sided test of a binomial distribution: twice the smaller tail.
    """
    if not 0 < percent < 100:
        return 1.0 if hits == round(total * percent / 100) else 0.0
    most = math.fsum(_probability(n, total, percent / 100) for n in range(hits, total + 1))
    least = math.fsum(_probability(n, total, percent / 100) for n in range(hits + 1))
    return min(1.0, 2 * min(most, least))


def _probability(hits: int, total: int, share: float) -> float:
    ways = math.lgamma(total + 1) - math.lgamma(hits + 1) - math.lgamma(total - hits + 1)
    return math.exp(ways + hits * math.log(share) + (total - hits) * math.log(1 - share))
