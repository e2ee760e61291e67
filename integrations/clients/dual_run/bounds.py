"""What may not be passed during a dual run, and what is said when it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.clients.dual_run.sides import Side

ENOUGH = 20  # answers of a side before its percentages mean anything


@dataclass(frozen=True)
class Bounds:
    """The most that is borne: distinct differences, errors of either side in percent, jobs that wait, the
    new side's slowest twentieth in milliseconds, and money that providers and database disagree on
    (in units of its currency; None: told, not judged)."""

    max_differences: int = 0
    max_error_percent: float = 1.0
    max_waiting: int = 100
    max_p95_ms: float = 2000.0
    max_provider_difference: float | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Bounds:
        """From the runbook; raises ValueError in words."""
        known = cls.__dataclass_fields__
        if unknown := sorted(set(given) - set(known)):
            raise ValueError(f"there is no bound {', '.join(unknown)}; there are: {', '.join(known)}.")
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name} is a number that is not negative.")
        return cls(**given)

    def broken(
        self, differences: int, old: Side, new: Side, waiting: int | None, *, enough: int
    ) -> list[str]:
        """Which are broken now and by how much; percentages only from ``enough`` answers on."""
        said = []
        if differences > self.max_differences:
            said.append(f"{differences} difference(s) between old and new, {self.max_differences} are borne.")
        for side in (new, old):
            if side.asked >= enough and side.error_percent > self.max_error_percent:
                said.append(
                    f"The {side.name} side failed {side.errors} of {side.asked} reads "
                    f"({side.error_percent:.1f} %), {self.max_error_percent:g} % are borne."
                )
        if len(new.times) >= enough and new.p95_ms > self.max_p95_ms:
            said.append(f"The new side's p95 is {new.p95_ms:.0f} ms, {self.max_p95_ms:g} ms are borne.")
        if waiting is not None and waiting > self.max_waiting:
            said.append(f"{waiting} jobs wait in the queue, {self.max_waiting} are borne.")
        return said
