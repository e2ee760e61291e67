"""One side of a dual run: sends its requests, and counts errors and latencies."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from integrations.clients.http import HttpClient, display_url
from integrations.errors import Problem

MAX_LATENCIES = 10_000  # the newest latencies are kept
MAX_BYTES = 20_000_000  # of one answer: a list without pages has every row
MAX_REASONS = 20  # kinds of failure that are told apart


class NoComparableAnswer(Exception):
    """A request without an answer that can be compared; the message says why."""


class DualRunSide:
    """The old or the new stack, with what this watch counted of it."""

    def __init__(self, name: str, base: str, http_client: HttpClient, headers: Mapping[str, str]) -> None:
        self.name, self.base, self.http_client, self.headers = name, base, http_client, headers
        self.requests = self.errors = 0
        self.times: deque[float] = deque(maxlen=MAX_LATENCIES)
        self.reasons: Counter[str] = Counter()

    def get_json(self, path: str) -> Any:
        """Returns the JSON of an answer. Counts an error of this side and raises `NoComparableAnswer`."""
        self.requests += 1
        try:
            reply = self.http_client.request(self.base, path, headers=self.headers, largest=MAX_BYTES)
        except Problem as problem:
            raise self._count_failure(path, problem.what) from None
        self.times.append(reply.ms)
        if not reply.ok:
            raise self._count_failure(path, f"{reply.status} {reply.error_text()}")
        try:
            return reply.json()
        except ValueError:
            raise self._count_failure(path, f"{reply.status}, and no JSON") from None

    def _count_failure(self, path: str, why: str) -> NoComparableAnswer:
        self.errors += 1
        reason = f"{path}: {why}"
        if reason in self.reasons or len(self.reasons) < MAX_REASONS:
            self.reasons[reason] += 1
        return NoComparableAnswer(f"{self.name} {reason}")

    @property
    def error_percent(self) -> float:
        """Share of failed requests, in percent."""
        return 100 * self.errors / self.requests if self.requests else 0.0

    @property
    def p95_ms(self) -> float:
        """95th percentile of the latencies, in milliseconds; 0 before the first answer."""
        return compute_percentile(self.times, 0.95)

    def as_facts(self) -> dict[str, Any]:
        """Returns JSON values."""
        return {
            "address": display_url(self.base),
            "asked": self.requests,
            "errors": self.errors,
            "error_percent": round(self.error_percent, 2),
            "p50_ms": compute_percentile(self.times, 0.5),
            "p95_ms": self.p95_ms,
            "reasons": dict(self.reasons.most_common(MAX_REASONS)),
        }


def compute_percentile(values: deque[float], share: float) -> float:
    """Returns a percentile by the nearest rank; 0 for no values."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
