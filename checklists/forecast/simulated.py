"""Computes the simulation of each open cutover beside the pages, which read the latest one."""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta

from django.db import InterfaceError, OperationalError

from checklists.board import Board
from checklists.forecast.completion import Forecast, MomentName, make_forecast, make_tasks, target_keys
from checklists.forecast.item_times import ItemTimes
from checklists.forecast.measured_durations import read_measurements
from checklists.forecast.simulation import MEASURED_SPREAD, PLANNED_SPREAD, RUNS, Spread, simulate
from checklists.forecast.window_scope import views_of_direction, window_keys
from checklists.models import Cutover, SimulatedForecast
from checklists.models.audit import database_now
from checklists.revision import Revision, read_revisions

log = logging.getLogger(__name__)

AT_MOST_EVERY = timedelta(seconds=2)
AT_LEAST_EVERY = timedelta(seconds=20)  # while nothing but time passes
AT_ONCE = 3  # cutovers in one round of the dispatcher, which has other work


def refresh_forecasts() -> int:
    """Simulates the open cutovers that changed, or were not simulated lately; gives their number.

    A cutover that cannot be simulated is logged and left out. Raises OperationalError and InterfaceError.
    """
    due = _find_due()[:AT_ONCE]
    for cutover, revision in due:
        try:
            store_simulation(cutover, revision)
        except (OperationalError, InterfaceError):
            raise  # the dispatcher's loop connects again
        except Exception as error:  # whatever is wrong with one forecast, the dispatcher goes on
            log.warning("cutover %s: no simulation: %s: %s", cutover.slug, type(error).__name__, error)
    return len(due)


def _find_due() -> list[tuple[Cutover, Revision]]:
    """The cutovers that are due, those that waited longest first."""
    open_ones = list(Cutover.objects.filter(closed_at=None).select_related("runbook", "simulated"))
    if not open_ones:
        return []
    now, revisions = database_now(), read_revisions([cutover.pk for cutover in open_ones])
    found = []
    for cutover in open_ones:
        latest: SimulatedForecast | None = getattr(cutover, "simulated", None)
        revision = revisions.get(cutover.pk, Revision())
        age = now - latest.at if latest else timedelta.max
        changed = latest is None or revision.changed_since(Revision.parse(latest.revision))
        if age >= AT_LEAST_EVERY or (changed and age >= AT_MOST_EVERY):
            found.append((age, cutover, revision))
    found.sort(key=lambda each: each[0], reverse=True)
    return [(cutover, revision) for _, cutover, revision in found]


def store_simulation(cutover: Cutover, revision: Revision, *, seed: int | None = None) -> SimulatedForecast:
    """Simulates a cutover as it is now, and keeps the result in place of the one before."""
    seed = secrets.randbits(32) if seed is None else seed
    board = Board.load(cutover)
    moments = simulate_moments(board, make_forecast(board), seed=seed)
    values = {
        "at": board.now,
        "direction": cutover.direction,
        "revision": str(revision),
        "seed": seed,
        "runs": RUNS,
        "moments": moments,
    }
    row, _ = SimulatedForecast.objects.update_or_create(cutover=cutover, defaults=values)
    return row


def simulate_moments(board: Board, forecast: Forecast, *, seed: int) -> dict[str, dict[str, float]]:
    """Name of a moment → ``p50`` and ``p90`` in seconds from now; only moments that are still to come."""
    direction = board.cutover.direction
    scope = window_keys(board, direction)
    left = [view for view in views_of_direction(board, direction) if not view.settled]
    tasks = make_tasks(left, board, forecast.times, scope)
    measured = read_measurements(board.cutover)
    spreads = {
        task.key: spread_of(forecast.times[task.key], len(measured.get(task.key, ()))) for task in tasks
    }
    keys = target_keys(board, scope)
    ahead = {str(name): keys[name] for name in MomentName if forecast.moments[name].at is not None}
    found = simulate(tasks, spreads, ahead, seed=seed)
    return {name: {"p50": odds.p50, "p90": odds.p90} for name, odds in found.items()}


def spread_of(times: ItemTimes, measurements: int) -> Spread:
    """What an item may take: around its latest measurement, or around its plan, which is less certain."""
    median = (times.expected or timedelta()).total_seconds()
    sigma = MEASURED_SPREAD if measurements else PLANNED_SPREAD
    running = times.began_at is not None and times.ended_at is None
    elapsed = times.worked.total_seconds() if running and times.worked is not None else 0.0
    return Spread(median, sigma, elapsed)
