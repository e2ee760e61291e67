"""What happens in the action's own process: it prepares, waits for permission, acts, and says how it went."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Mapping, Sequence
from math import isfinite
from types import FrameType
from typing import Any

from checklists.executor.child import Channel
from checklists.executor.differing import KINDS, Bounds
from checklists.executor.job import Job
from checklists.executor.times import LOG_CAP
from integrations.actions.base import Finding, Values
from integrations.errors import Cancelled, DeadlinePassed, Problem
from integrations.programs import CONTINUED, LINE

Stopped = Cancelled | DeadlinePassed


class Stopping:
    """Turns a signal into an exception in the main thread, once, and never in the middle of a message."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.asked: Stopped | None = None
        self.pending = False
        self.over = False  # the last word is said: nothing is left to stop
        channel.after_sending = self._after_sending
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self._asked)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self.asked or self.over:
            return
        passed = number == signal.SIGUSR1
        self.asked = DeadlinePassed("the deadline has passed") if passed else Cancelled("asked to stop")
        if self.channel.sending:
            self.pending = True
        else:
            raise self.asked

    def _after_sending(self) -> None:
        if self.pending and self.asked:
            self.pending = False
            raise self.asked

    def raise_if_asked(self) -> None:
        """For code that swallowed the exception: it comes again."""
        if self.asked:
            raise self.asked


class PipeReport:
    """The report that an action writes to: everything goes to the guard, who masks and keeps it."""

    def __init__(self, channel: Channel, stopping: Stopping, attempt: str) -> None:
        self.channel, self.stopping, self.attempt = channel, stopping, attempt
        self.lines, self.bounds = 0, Bounds()

    def log(self, line: str) -> None:
        """Adds one line to the live log; more than one is split, an endless one is broken."""
        for one in str(line).splitlines() or [""]:
            while len(one) > LINE:
                self._log(one[:LINE] + CONTINUED)
                one = one[LINE:]
            self._log(one)

    def _log(self, line: str) -> None:
        self.lines += 1
        if self.lines <= LOG_CAP + 1:  # the guard says that it cuts there
            self.channel.send(log=line)

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Says how far the work is."""
        self.channel.send(progress=[done, total, what])

    def measure(self, **values: float) -> None:
        """Adds a point to the curves."""
        self.channel.send(measure={name: float(value) for name, value in values.items()})

    def part(
        self, name: str, state: str, *, pages: int = 0, pages_done: int = 0, rows_done: int = 0,
        seconds: float = 0, seconds_left: float | None = None, found: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Says how far one table is."""
        numbers = {"pages": int(pages), "pages_done": int(pages_done), "rows_done": int(rows_done)}
        left = None if seconds_left is None or not isfinite(seconds_left) else float(seconds_left)
        times = {"seconds": float(seconds), "seconds_left": left}
        self.channel.send(
            part={"table": name, "state": state[:12], **numbers, **times, "found": dict(found or {})}
        )

    def difference(
        self, part: str, kind: str, key: Mapping[str, Any], columns: Mapping[str, Sequence[Any]], *,
        paths: Mapping[str, Sequence[str]] | None = None, personal: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Keeps a row that differs, within the bounds that the guard keeps, too."""
        if kind not in KINDS:
            raise ValueError(f"a row cannot be {kind!r}; there are: {', '.join(KINDS)}")
        if self.bounds.admit(part, 0):
            row = {"table": part, "kind": kind, "key": dict(key), "columns": dict(columns)}
            self.channel.send(difference={**row, "paths": dict(paths or {}), "personal": list(personal)})

    def evidence(self, **facts: Any) -> None:
        """Leaves facts; a later call overrides a name."""
        self.channel.send(evidence=facts)

    def secret(self, *values: str) -> None:
        """Masks these values from now on."""
        self.channel.send(secret=list(values))

    def raise_if_cancelled(self) -> None:
        """Raises when it is time to stop."""
        self.stopping.raise_if_asked()


def act(job: Job, channel: Channel) -> None:
    """The whole life of an action's process. Its last message is its word: outcome, problem or stopped."""
    stopping = Stopping(channel)
    report = PipeReport(channel, stopping, job.attempt)
    try:
        _act(job, channel, report)
    except (Cancelled, DeadlinePassed):
        stopping.asked = None
        channel.send(stopped=True)
    except Problem as problem:
        channel.send(problem=problem.as_facts())
    except BaseException as error:  # also SystemExit and MemoryError: the guard has to hear of it
        _tell_unexpected(error, channel, report)
    finally:
        stopping.over = True


def _act(job: Job, channel: Channel, report: PipeReport) -> None:
    params = job.bind()
    channel.send(before=job.action.before(params))
    if not channel.wait_for_permission():
        raise Cancelled("the effect was not permitted")
    outcome = job.action.run(params, report)
    report.stopping.over = True
    channel.send(outcome={"ok": bool(outcome.ok), "summary": str(outcome.summary)})


def _tell_unexpected(error: BaseException, channel: Channel, report: PipeReport) -> None:
    report.log("".join(traceback.format_exception(error)))
    channel.send(
        problem={
            "what": f"{type(error).__name__}: {error}",
            "means": "The action met something that its author did not foresee.",
            "next": "The log has the traceback.",
        }
    )


def look(job: Job, before: dict[str, Any], channel: Channel) -> None:
    """Runs the action's probe and sends what it found, or why it could not look."""
    try:
        params: Values = job.bind()
        found: Finding = job.action.probe(params, before)
        channel.send(
            finding={"seen": str(found.seen), "saw": found.saw, "facts": dict(found.facts)},
        )
    except Exception as error:
        words = str(error) if isinstance(error, Problem) else f"{type(error).__name__}: {error}"
        channel.send(finding={"seen": "", "saw": f"The probe could not look: {words}", "facts": {}})
