"""The times that somebody looks for first, on the overview and on the wall: each with what it means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from checklists.board import Board, WindowState
from checklists.durations import format_duration
from checklists.forecast import Forecast, Moment


@dataclass(frozen=True)
class MainClock:
    """``at`` is the time, or ``word`` stands in its place. ``note`` says what it means.

    ``name``: now · ended · writable · window-done · window-ends · way-back. ``state``: plain · good · soon ·
    late · unknown · reached. ``brief`` is the note in a few words, for the wall.
    """

    name: str
    title: str
    at: datetime | None
    word: str
    note: str
    state: str = "plain"
    brief: str = ""

    @property
    def short_word(self) -> str:
        """What stands in place of the time where there is room for a few characters only."""
        return "?" if len(self.word) > 6 else self.word


def find_main_clocks(board: Board, forecast: Forecast) -> list[MainClock]:
    """In the order in which they are read."""
    return [*_clocks(board, forecast)]


def _clocks(board: Board, forecast: Forecast) -> Iterator[MainClock]:
    if board.cutover.is_open:
        note = _describe_window(board)
        yield MainClock("now", "Now", board.now, "", note, brief=note.removeprefix("the "))
    else:
        note = board.cutover.get_status_display().lower()
        yield MainClock("ended", "Closed", board.cutover.closed_at, "", note, "reached", note)
    yield _of_moment("writable", "People can write again", forecast.writable, board)
    yield _of_moment("window-done", _finish_title(board), forecast.window_done, board)
    yield _window_ends(board, forecast)
    if board.cutover.is_open:
        yield _way_back(board, forecast)


def _describe_window(board: Board) -> str:
    window = WindowState.at(board.cutover, board.now)
    left = format_duration(window.left) if window.left is not None else ""
    opens = board.cutover.window_start
    if window.state == "before":
        return f"the window opens in {left}"
    if window.state == "open" and opens:
        return f"{format_duration(board.now - opens)} into the window"
    return f"the window ended {left} ago" if window.state == "after" else "no window was agreed on"


def _finish_title(board: Board) -> str:
    return "Last item of the window" if board.cutover.direction == "FORWARD" else "Last item of the way back"


def _of_moment(name: str, title: str, moment: Moment, board: Board) -> MainClock:
    if moment.why_unknown:
        return MainClock(name, title, None, "not known", moment.why_unknown, "unknown", "not known")
    if moment.is_reached:
        if moment.reached_at is None:
            return MainClock(
                name, title, None, "done", "nothing is left to do", "reached", "nothing left to do"
            )
        late, brief = _say_late(moment.late_by), _brief_late(moment.late_by) or "reached"
        state = "late" if late else "reached"
        return MainClock(name, title, moment.reached_at, "", f"reached{late}", state, brief)
    if not board.cutover.is_open:
        return MainClock(
            name, title, None, "never", "the cutover was closed before that", "unknown", "closed before"
        )
    late = _say_late(moment.late_by)
    sure = _hour(moment.nearly_sure_at, board)
    note = (f"nine times in ten before {sure}" if sure else "by the plan and what was measured") + late
    brief = _brief_late(moment.late_by) or _brief_odds(moment, board)
    state = "late" if late else "plain"
    return MainClock(name, title, moment.expected_at, "", note, state, brief)


def _brief_odds(moment: Moment, board: Board) -> str:
    """For a wall, whose clock says the day of the moment before it, where that is not today."""
    at, sure = moment.expected_at, moment.nearly_sure_at
    if at is None or sure is None:
        return "by the plan"
    day, today, last = (each.astimezone(board.cutover.zone).date() for each in (at, board.now, sure))
    if day == today:
        return f"9 in 10 by {_hour(sure, board)}"
    # There is no room for a second day and an hour.
    here = sure.astimezone(board.cutover.zone)
    return f"9 in 10 by {here:%H:%M}" if last == day else f"9 in 10 by {here.day} {here:%b}"


def _brief_late(late: timedelta | None) -> str:
    return f"{format_duration(late)} too late" if late else ""


def _say_late(late: timedelta | None) -> str:
    return f"; {format_duration(late)} after the end of the window" if late else ""


def _window_ends(board: Board, forecast: Forecast) -> MainClock:
    end, name, title = board.cutover.window_end, "window-ends", "Window ends"
    if end is None:
        return MainClock(name, title, None, "none", "no window was agreed on", "plain", "not agreed on")
    done = forecast.window_done
    finish = done.reached_at or (done.expected_at if board.cutover.is_open else None)
    if finish is None and not board.cutover.is_open:
        return MainClock(name, title, end, "", "the end that was agreed on", brief="as agreed on")
    if finish is None:
        return MainClock(
            name, title, end, "", "what would be to spare is not known", brief="to spare: not known"
        )
    spare = end - finish
    if spare < timedelta():
        short = format_duration(-spare)
        return MainClock(name, title, end, "", f"too short by {short}", "late", f"{short} too short")
    was, left = "was" if done.is_reached else "is", format_duration(spare)
    return MainClock(name, title, end, "", f"{left} {was} to spare", brief=f"{left} to spare")


def _way_back(board: Board, forecast: Forecast) -> MainClock:
    way, name, title = forecast.way_back, "way-back", "Last safe moment to go back"
    if way.state == "ordered":
        note = "nothing forward starts any more"
        return MainClock(
            name, "Rollback ordered", forecast.ordered_at, "", note, "late", "nothing forward starts"
        )
    if way.state == "unknown":
        return MainClock(
            name, title, None, "not known", way.why_unknown, "unknown", "not known: not measured"
        )
    decide = format_duration(way.decision_time)
    if not way.steps:
        measured = f"nothing is to be taken back; {decide} to decide"
    else:
        takes = format_duration(way.takes or timedelta())
        measured = f"the way back was measured with {takes}, and {decide} to decide"
    if way.state == "none" or way.left is None:
        return MainClock(
            name, title, None, "no end", f"no window was agreed on; {measured}", "unknown", "no window"
        )
    if way.state == "passed":
        note = f"passed {format_duration(-way.left)} ago: going back no longer fits into the window"
        brief = f"passed {format_duration(-way.left)} ago"
        return MainClock(name, title, way.last_safe_moment, "", note, "late", brief)
    left, state = f"in {format_duration(way.left)}", "soon" if way.state == "soon" else "plain"
    return MainClock(name, title, way.last_safe_moment, "", f"{left}; {measured}", state, left)


def _hour(at: datetime | None, board: Board) -> str:
    """The hour, with the day where it is another one; "" for none."""
    if at is None:
        return ""
    here, today = at.astimezone(board.cutover.zone), board.now.astimezone(board.cutover.zone).date()
    return f"{here:%H:%M}" if here.date() == today else f"{here.day} {here:%b %H:%M}"
