"""The limits of a dual run, and the sentences for what exceeds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.traffic.dual_run.side import DualRunSide

MIN_ANSWERS = 20  # answers of a side before its percentages mean anything


@dataclass(frozen=True)
class DualRunLimits:
    """The highest values that a dual run tolerates.

    Distinct differences; errors of either side in percent; waiting jobs; the new side's 95th percentile in
    milliseconds; the difference between a provider's total and the database, in units of its currency
    (None: shown, not judged); lines of the logs that tell of errors (None as well).
    """

    max_differences: int = 0
    max_error_percent: float = 1.0
    max_waiting: int = 100
    max_p95_ms: float = 2000.0
    max_provider_difference: float | None = None
    max_log_errors: int | None = None

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> DualRunLimits:
        """Reads the runbook's mapping. Raises ValueError with a sentence."""
        known = cls.__dataclass_fields__
        if unknown := sorted(set(map(str, given)) - set(known)):
            raise ValueError(f"there is no bound {', '.join(unknown)}; there are: {', '.join(known)}.")
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name} is a number that is not negative.")
        return cls(**given)

    def find_violations(
        self,
        differences: int,
        old: DualRunSide,
        new: DualRunSide,
        waiting: int | None,
        *,
        min_answers: int,
        where: str = "",
    ) -> list[str]:
        """Returns a sentence for each limit that is exceeded. Percentages count from ``min_answers`` on.

        ``where``: the fields that differ.
        """
        violations = []
        if differences > self.max_differences:
            violations.append(
                f"{differences} difference(s) between old and new{where and f' in {where}'}, "
                f"{self.max_differences} are tolerated."
            )
        for side in (new, old):
            if side.requests >= min_answers and side.error_percent > self.max_error_percent:
                violations.append(
                    f"The {side.name} side failed {side.errors} of {side.requests} reads "
                    f"({side.error_percent:.1f} %), {self.max_error_percent:g} % are tolerated."
                )
        if len(new.times) >= min_answers and new.p95_ms > self.max_p95_ms:
            violations.append(
                f"The new side's p95 is {new.p95_ms:.0f} ms, {self.max_p95_ms:g} ms are tolerated."
            )
        if waiting is not None and waiting > self.max_waiting:
            violations.append(f"{waiting} jobs wait in the queue, {self.max_waiting} are tolerated.")
        return violations
