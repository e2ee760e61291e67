"""Read-only queries about the future: the expected end, the time left for a rollback, and its cost."""

from checklists.forecast.completion import Forecast, make_forecast
from checklists.forecast.rollback_cost import RollbackCost, find_rollback_costs

__all__ = ["Forecast", "RollbackCost", "find_rollback_costs", "make_forecast"]
