"""What a rehearsal took, beside what its runbook had planned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from checklists.forecast.measured_durations import measure_cutover
from checklists.models import Cutover
from checklists.runbook import ItemSpec
from checklists.runbook.planned_times import write_duration


@dataclass(frozen=True)
class PlanChange:
    """One item. ``took`` is the work of its latest success in the rehearsal; None: it was not measured."""

    item: ItemSpec
    took: timedelta | None

    @property
    def is_changed(self) -> bool:
        """Does the measured time, as it is written, differ from the plan?"""
        if self.took is None:
            return False
        return self.item.planned is None or write_duration(self.item.planned) != write_duration(self.took)


def compare_with_rehearsal(items: Iterable[ItemSpec], rehearsal: Cutover) -> list[PlanChange]:
    """One for each item, in the order of the runbook."""
    measured = measure_cutover(rehearsal.pk)
    return [
        PlanChange(item, measured[item.key][0].expected if item.key in measured else None) for item in items
    ]
