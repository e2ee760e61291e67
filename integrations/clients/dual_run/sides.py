"""Asks one side of the dual run, and keeps what became of each question."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from integrations.clients.http import Caller, address
from integrations.errors import Problem

KEPT = 10_000  # latencies that are remembered: the newest
REASONS = 20  # kinds of failure that are told apart


class NoAnswer(Exception):
    """A question that brought nothing to compare; the message says why."""


class Side:
    """The old or the new stack as this watch met it."""

    def __init__(self, name: str, base: str, caller: Caller, headers: Mapping[str, str]) -> None:
        self.name, self.base, self.caller, self.headers = name, base, caller, headers
        self.asked = self.errors = 0
        self.times: deque[float] = deque(maxlen=KEPT)
        self.reasons: Counter[str] = Counter()

    def get(self, path: str) -> Any:
        """The JSON of an answer. Raises `NoAnswer`, which counts as an error of this side."""
        self.asked += 1
        try:
            reply = self.caller.ask(self.base, path, headers=self.headers)
        except Problem as problem:
            raise self._failed(path, problem.what) from None
        self.times.append(reply.ms)
        if not reply.ok:
            raise self._failed(path, f"{reply.status} {reply.says()}")
        try:
            return reply.json()
        except ValueError:
            raise self._failed(path, f"{reply.status}, and no JSON") from None

    def _failed(self, path: str, why: str) -> NoAnswer:
        self.errors += 1
        reason = f"{path}: {why}"
        if reason in self.reasons or len(self.reasons) < REASONS:
            self.reasons[reason] += 1
        return NoAnswer(f"{self.name} {reason}")

    @property
    def error_percent(self) -> float:
        """Of all questions."""
        return 100 * self.errors / self.asked if self.asked else 0.0

    @property
    def p95_ms(self) -> float:
        """What 95 of 100 answers were faster than; 0 before the first."""
        return percentile(self.times, 0.95)

    def as_facts(self) -> dict[str, Any]:
        """JSON."""
        return {
            "address": address(self.base),
            "asked": self.asked,
            "errors": self.errors,
            "error_percent": round(self.error_percent, 2),
            "p50_ms": percentile(self.times, 0.5),
            "p95_ms": self.p95_ms,
            "reasons": dict(self.reasons.most_common(REASONS)),
        }


def percentile(values: deque[float], share: float) -> float:
    """The nearest rank; 0 of none."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
