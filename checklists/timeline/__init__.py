"""The timeline of a night: shapes from the board and its forecast, which one template draws."""

from checklists.timeline.drawing import Timeline, draw_timeline
from checklists.timeline.sizes import PAGE, WALL

__all__ = ["PAGE", "WALL", "Timeline", "draw_timeline"]
