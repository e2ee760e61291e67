"""After the end: what each item took, beside its plan and what was expected before the first began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from checklists.board import Board, ItemView
from checklists.forecast.item_times import ItemTimes
from checklists.forecast.measured_durations import Measurements
from checklists.states import ItemKind


@dataclass(frozen=True)
class ItemOutcome:
    """One item that was done; a duration that is None is not known.

    ``expected``: by the latest rehearsal before the night, else the plan (``is_measured`` says which).
    ``took``: the work; of a gate the time from when it could be signed until it passed. ``waited``: for
    people, before the work. ``difference``: how much longer than expected it took; negative: shorter.
    """

    view: ItemView
    planned: timedelta | None
    expected: timedelta | None
    is_measured: bool
    took: timedelta | None
    waited: timedelta | None

    @property
    def difference(self) -> timedelta | None:
        """None where one of the two is not known."""
        return None if self.took is None or self.expected is None else self.took - self.expected


def find_outcomes(
    board: Board, times: Mapping[str, ItemTimes], measurements: Measurements
) -> list[ItemOutcome]:
    """Of everything that was done, also before a rollback; what cost most first, what is not known last."""
    done = [view for view in board.items.values() if times[view.item.key].ended_at]
    moments = [at for one in times.values() for at in (one.began_at, one.ended_at) if at]
    start = min(moments, default=board.now)
    found = [_outcome(view, times[view.item.key], measurements, board.cutover.pk, start) for view in done]
    return sorted(found, key=lambda one: (one.difference is None, -(one.difference or timedelta())))


def _outcome(
    view: ItemView, times: ItemTimes, measurements: Measurements, own: int, start: datetime
) -> ItemOutcome:
    earlier = [m for m in measurements.get(view.item.key, ()) if m.cutover != own and m.at <= start]
    is_gate = view.item.kind == ItemKind.GATE
    return ItemOutcome(
        view=view,
        planned=view.item.planned,
        expected=earlier[0].expected if earlier else view.item.planned,
        is_measured=bool(earlier),
        took=times.waited if is_gate else None if view.item.skipped_at else times.worked,
        waited=None if is_gate else times.waited,
    )
