"""Read-only queries about the future: the expected ends, the time left for a rollback, and its cost."""

from checklists.forecast.completion import Forecast, Moment, MomentName, make_forecast
from checklists.forecast.item_times import ItemTimes
from checklists.forecast.no_return import PointOfNoReturn
from checklists.forecast.outcomes import ItemOutcome, find_outcomes
from checklists.forecast.recovery_time import RecoveryClock
from checklists.forecast.rollback_cost import RollbackCost, find_rollback_costs
from checklists.forecast.way_back import WayBack

__all__ = [
    "Forecast",
    "ItemOutcome",
    "ItemTimes",
    "Moment",
    "MomentName",
    "PointOfNoReturn",
    "RecoveryClock",
    "RollbackCost",
    "WayBack",
    "find_outcomes",
    "find_rollback_costs",
    "make_forecast",
]
