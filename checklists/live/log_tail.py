"""The last lines of a log as HTML, rendered and encoded once for all viewers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from checklists.live.server_sent_events import format_event

TAIL_LENGTH = 2000  # lines kept for viewers who are a little behind
BATCH = 500  # log lines of one event


@dataclass(frozen=True)
class RenderedLine:
    """One log line as HTML, rendered once for all viewers."""

    number: int
    html: str


@dataclass(frozen=True)
class LogEvent:
    """The next lines for a viewer, as an event without its id. ``last``: the number of its last line."""

    last: int
    body: bytes

    @classmethod
    def of(cls, lines: list[RenderedLine]) -> LogEvent:
        """The event of these lines."""
        text = format_event("log", "".join(line.html for line in lines))
        return cls(lines[-1].number, text.encode())

    def with_cursor(self, cursor: object) -> bytes:
        """The event with the id that tells a browser where to go on."""
        return b"id: %b\n%b" % (str(cursor).encode(), self.body)


@dataclass
class LogTail:
    """The last lines of one attempt's log, limited in number however many viewers there are."""

    last: int
    timezone: str
    lines: deque[RenderedLine] = field(default_factory=lambda: deque(maxlen=TAIL_LENGTH))
    _events: dict[int, LogEvent] = field(default_factory=dict)  # by the number after which it begins

    def add(self, lines: list[RenderedLine]) -> None:
        """Appends the lines that come after ``last``; drops those that are here already.

        Two reads can overlap: the reader of viewers who left may still be reading when the next one starts.
        """
        new = [line for line in lines if line.number > self.last]
        if new:
            self.lines.extend(new)
            self.last = new[-1].number
            self._events.clear()

    @property
    def begins_after(self) -> int:
        """The number of the line before the first that is kept here."""
        return self.lines[0].number - 1 if self.lines else self.last

    def add_before(self, lines: list[RenderedLine]) -> None:
        """Keeps lines from before the first one, if there is room, and nothing is missing between.

        A tail begins where its first viewer was, and the number of that line came from a browser: that it
        exists is known only when it is among these lines.
        """
        fits = len(self.lines) + len(lines) <= TAIL_LENGTH
        if lines and fits and lines[-1].number == self.begins_after:
            self.lines.extendleft(reversed(lines))

    def after(self, number: int) -> list[RenderedLine] | None:
        """The next lines after that number; None when they are not kept here (any more)."""
        if number >= self.last:
            return []
        if self.has_gap_after(number):
            return None
        return [line for line in self.lines if line.number > number][:BATCH]

    def event_after(self, number: int) -> LogEvent | None:
        """The event of these lines. Nearly all viewers have the same last line: it is encoded once for them.

        None when there is nothing new, and when only the database has it (see `has_gap_after`).
        """
        if number >= self.last:
            return None
        if number not in self._events and (lines := self.after(number)):
            self._events[number] = LogEvent.of(lines)
        return self._events.get(number)

    def has_gap_after(self, number: int) -> bool:
        """Are there later lines, of which the next is not kept here (any more)?"""
        return number < self.last and (not self.lines or self.lines[0].number > number + 1)
