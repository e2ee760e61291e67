"""Where a time lies in a drawing, and which hours are written above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

STEPS = tuple(timedelta(minutes=n) for n in (1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080))
SHORTEST = timedelta(minutes=10)  # of a drawing
LONGEST = 3  # times the window: what is expected later still is cut off and counted


@dataclass(frozen=True)
class AxisTick:
    """A line of the axis: ``x`` in percent; ``label`` is “02:00”, or “1 Dec” at midnight."""

    x: float
    label: str
    is_odd: bool  # every other one is left out on a phone


@dataclass(frozen=True)
class TimeScale:
    """From ``begins`` to ``ends``, in the zone of the cutover. Positions are percent of the width."""

    begins: datetime
    ends: datetime
    zone: ZoneInfo

    def x(self, at: datetime) -> float:
        """Where that moment lies; what is outside lies on the edge."""
        share = (at - self.begins) / (self.ends - self.begins)
        return round(min(1.0, max(0.0, share)) * 100, 2)

    def clock(self, at: datetime) -> str:
        """“02:13” in the zone of the drawing, with the date where it is on none of its days."""
        here = at.astimezone(self.zone)
        return f"{here:%H:%M}" if here.date() in self._days else f"{here.day} {here:%b %H:%M}"

    @cached_property
    def _days(self) -> tuple[date, date]:
        return self.begins.astimezone(self.zone).date(), self.ends.astimezone(self.zone).date()

    def holds(self, at: datetime) -> bool:
        """Does the drawing reach that moment?"""
        return self.begins <= at <= self.ends

    def overlaps(self, begins: datetime, ends: datetime) -> bool:
        """Is a part of this time in the drawing?"""
        return begins <= self.ends and ends >= self.begins

    def ticks(self, most: int) -> list[AxisTick]:
        """At most ``most`` full hours, or parts or multiples of them, by the clock on the wall.

        They are counted in UTC: in the night in which clocks change, the hour that comes twice is there
        twice, and the one that is left out is not there; its neighbours are as far apart as all others.
        """
        length = self.ends - self.begins
        step = next((one for one in STEPS if length / one <= most), length)
        at, found = self._first_tick(step), list[AxisTick]()
        while at <= self.ends and len(found) <= most:
            found.append(AxisTick(self.x(at), self._label(at, step), bool(len(found) % 2)))
            at += step
        return found

    def _first_tick(self, step: timedelta) -> datetime:
        """The first round time of the zone that is in the drawing."""
        local = self.begins.astimezone(self.zone)
        offset = local.utcoffset() or timedelta()
        since_epoch = self.begins - datetime(1970, 1, 1, tzinfo=UTC) + offset
        over = since_epoch % step
        return (self.begins + (step - over if over else timedelta())).astimezone(UTC)

    def _label(self, at: datetime, step: timedelta) -> str:
        here = at.astimezone(self.zone)
        if (here.hour, here.minute) == (0, 0) or step >= timedelta(days=1):
            return f"{here.day} {here:%b}"
        return f"{here:%H:%M}"


def choose_scale(
    window: tuple[datetime | None, datetime | None],
    done: Iterable[datetime],
    expected: Iterable[datetime],
    now: datetime,
    zone: ZoneInfo,
) -> TimeScale:
    """The night: the window, what was ``done`` around it, and what is ``expected`` until its last item.

    ``now`` is the moment until which a cutover that ended is drawn. Preparations of days before are cut off,
    and so is what is expected in days: otherwise the night would be a few pixels wide.
    """
    opens, closes = window
    past = [*done, now]
    ahead = [*past, *expected]
    if opens is None or closes is None:
        begins, ends = min(past), max(ahead)
    else:
        lead = max(timedelta(hours=1), (closes - opens) / 4)
        begins = max(opens - lead, min([opens, *past]))
        latest = opens + LONGEST * (closes - opens)
        ends = max(closes, *(min(at, latest) for at in ahead))
    length = max(ends - begins, SHORTEST)
    return TimeScale(begins, begins + length * 1.02, zone)
