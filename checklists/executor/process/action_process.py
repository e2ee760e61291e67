"""The action's own process: it prepares, waits for permission, runs the action and reports how it ended."""

from __future__ import annotations

import re
import signal
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from checklists.executor.job import AttemptJob
from checklists.executor.process.child import Channel
from checklists.executor.timings import LOG_MAX_LINES
from checklists.executor.writers.row_differences import KINDS, RowQuota
from integrations.actions import ActionParams, Finding
from integrations.errors import Cancelled, DeadlinePassed, Problem, explain_full_disk
from integrations.program_output import LINE
from integrations.program_start import require_permission
from integrations.storable_values import LONGEST_SENTENCE, shorten_text, to_finite

Stopped = Cancelled | DeadlinePassed
LINE_END = re.compile(r"\r\n|\n|\r")


class StopSignals:
    """Turns SIGTERM and SIGUSR1 into an exception in the main thread, once.

    The exception never comes in the middle of a message: the guard could not read half a line of JSON.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.exception: Stopped | None = None
        self.pending = False
        self.over = False  # the outcome is decided: nothing is left to stop
        channel.after_sending = self._after_sending
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.exception or self.over:
            return
        passed = number == signal.SIGUSR1
        self.exception = DeadlinePassed("the deadline has passed") if passed else Cancelled("asked to stop")
        if self.channel.sending:
            self.pending = True
        else:
            raise self.exception

    def _after_sending(self) -> None:
        if self.pending and self.exception:
            self.pending = False
            raise self.exception

    def stop(self) -> Stopped:
        """The exception with which everything stops, as if the signal had come."""
        self.exception = self.exception or Cancelled("asked to stop")
        return self.exception

    def raise_if_stopped(self) -> None:
        """Raises the exception again, for code that swallowed it."""
        if self.exception:
            raise self.exception


class PipeReport:
    """The `Report` of a running action: sends everything to the guard, which masks and stores it."""

    def __init__(self, channel: Channel, stopping: StopSignals, attempt: str) -> None:
        self.channel, self.stopping, self.attempt = channel, stopping, attempt
        self.lines, self.quota = 0, RowQuota()
        self._starting = threading.Lock()  # one request at a time: an answer does not say whose it is

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Adds lines to the live log; a line that is too long is sent in pieces."""
        # Only these end a line: another separator of lines may be inside of a secret, which must stay whole.
        *lines, last = LINE_END.split(str(line).removesuffix("\n"))
        for one in lines:
            self._log_line(one, stream, more=False)
        self._log_line(last, stream, more=more)

    def _log_line(self, line: str, stream: str, *, more: bool) -> None:
        if len(line) > LINE:
            # Another thread may log in between: pieces need a stream of their own.
            stream = stream or f"line {self.lines}"
        for at in range(0, max(1, len(line)), LINE):
            self._log(line[at : at + LINE], stream, more=more or at + LINE < len(line))

    def _log(self, piece: str, stream: str, *, more: bool) -> None:
        self.lines += 1
        if self.lines <= LOG_MAX_LINES + 1:  # from one more line the guard knows that it has to cut
            self.channel.send_line(piece, stream, more=more)

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Reports how far the work is."""
        self.channel.send(progress=[to_finite(done) or 0.0, to_finite(total) or 0.0, what])

    def measure(self, **values: float) -> None:
        """Adds a point to the curves."""
        numbers = {name: to_finite(value) for name, value in values.items()}
        self.channel.send(measure={name: each for name, each in numbers.items() if each is not None})

    def table_progress(
        self,
        table: str,
        state: str,
        *,
        pages: int = 0,
        pages_done: int = 0,
        rows_done: int = 0,
        seconds: float = 0,
        seconds_left: float | None = None,
        found: Mapping[str, Any] | None = None,
    ) -> None:
        """Reports how far one table is."""
        numbers = {"pages": int(pages), "pages_done": int(pages_done), "rows_done": int(rows_done)}
        left = None if seconds_left is None else to_finite(seconds_left)
        times = {"seconds": to_finite(seconds) or 0.0, "seconds_left": left}
        self.channel.send(
            part={"table": table, "state": state[:12], **numbers, **times, "found": dict(found or {})}
        )

    def row_difference(
        self,
        table: str,
        kind: str,
        key: Mapping[str, Any],
        columns: Mapping[str, Sequence[Any]],
        *,
        paths: Mapping[str, Sequence[str]] | None = None,
        personal: Sequence[str] = (),
    ) -> None:
        """Reports a row that differs, up to the limits that the guard applies as well."""
        if kind not in KINDS:
            raise ValueError(f"a row cannot be {kind!r}; there are: {', '.join(KINDS)}")
        if self.quota.take(table, 0):
            row = {"table": table, "kind": kind, "key": dict(key), "columns": dict(columns)}
            self.channel.send(difference={**row, "paths": dict(paths or {}), "personal": list(personal)})

    def evidence(self, facts: Mapping[str, Any], /) -> None:
        """Records facts; a later call replaces those of the same names."""
        self.channel.send(evidence=dict(facts))

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Lets a program start under the guard's permission: an order of rollback waits until it has started.

        What is started after a stop was asked for cleans up, and needs none. Raises `Cancelled`.
        """
        if self.stopping.exception:
            yield
            return
        with self._starting:
            self.channel.send(start=True)
            if not self.channel.wait_for_permission():
                raise self.stopping.stop()
            try:
                yield
            finally:
                self.channel.send(started=True)

    def secret(self, *values: str) -> None:
        """Masks these values from now on."""
        self.channel.send(secret=list(values))

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` or `DeadlinePassed` when it is time to stop."""
        self.stopping.raise_if_stopped()


def run_action(job: AttemptJob, channel: Channel) -> None:
    """The whole life of an action's process. The last message is ``outcome``, ``problem`` or ``stopped``."""
    stopping = StopSignals(channel)
    report = PipeReport(channel, stopping, job.attempt)
    try:
        _prepare_and_run(job, channel, report)
    except (Cancelled, DeadlinePassed):
        # It has done its work; sending the last message must not raise it once more.
        stopping.exception = None
        channel.send(stopped=True)
    except Problem as problem:
        channel.send(problem=_shorten(problem.as_facts()))
    except BaseException as error:  # also SystemExit and MemoryError: the guard has to know
        _report_unexpected(error, channel, report)
    finally:
        stopping.over = True


def _prepare_and_run(job: AttemptJob, channel: Channel, report: PipeReport) -> None:
    params = job.bind()
    # The guard commits the beginning of the effect between these two lines.
    channel.send(before=job.action.before(params))
    if not channel.wait_for_permission():
        raise Cancelled("the effect was not permitted")
    channel.send(started=True)  # an order of rollback waits for this
    require_permission(report.starting)
    outcome = job.action.run(params, report)
    # A stop that comes now is too late: the effect is complete, and the outcome has to say so.
    report.stopping.over = True
    summary = shorten_text(str(outcome.summary), LONGEST_SENTENCE)
    channel.send(outcome={"ok": bool(outcome.ok), "summary": summary})


def _report_unexpected(error: BaseException, channel: Channel, report: PipeReport) -> None:
    report.log("".join(traceback.format_exception(error)))
    if full := explain_full_disk(error):
        channel.send(problem=full.as_facts())
        return
    channel.send(
        problem=_shorten(
            {
                "what": f"{type(error).__name__}: {error}",
                "means": "The action met something that its author did not foresee.",
                "next": "The log has the traceback.",
            }
        )
    )


def _shorten(problem: Mapping[str, str]) -> dict[str, str]:
    """The sentences of a problem, which pages show whole, at a length that can be read."""
    return {name: shorten_text(str(text), LONGEST_SENTENCE) for name, text in problem.items()}


def run_probe(job: AttemptJob, before: dict[str, Any], channel: Channel) -> None:
    """Runs the action's probe and sends its finding, or why it failed."""
    try:
        params: ActionParams = job.bind()
        found: Finding = job.action.probe(params, before)
        channel.send(
            finding={
                "seen": str(found.status),
                "saw": shorten_text(str(found.observed), LONGEST_SENTENCE),
                "facts": dict(found.facts),
            },
        )
    except Exception as error:  # a probe that fails has found nothing, and says why
        known = error if isinstance(error, Problem) else explain_full_disk(error)
        words = str(known) if known else f"{type(error).__name__}: {error}"
        saw = shorten_text(f"The probe failed: {words}", LONGEST_SENTENCE)
        channel.send(finding={"seen": "", "saw": saw, "facts": {}})
