"""The guard of one attempt: it holds the lease, watches the action's process and writes the outcome.

The action runs in a process of its own below the guard, so that nothing it does can delay a heartbeat.
The guard needs neither Celery nor Redis to come to the true outcome.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from checklists.durations import format_duration
from checklists.executor.begin_effect import EffectRefusal, begin_effect
from checklists.executor.fence import Fenced
from checklists.executor.finish import finish_attempt
from checklists.executor.job import AttemptJob
from checklists.executor.lease import Lease
from checklists.executor.outcome import Stop, StopReason, decide_outcome, needs_probe
from checklists.executor.process import action_process, tree
from checklists.executor.process.child import Channel, ChildProcess, Message
from checklists.executor.process.containment import create_cgroup
from checklists.executor.process.identity import identity
from checklists.executor.report_receiver import ReportReceiver
from checklists.executor.start_permission import permit_start
from checklists.executor.timings import TIMES
from checklists.executor.writers.announcer import Announcer
from checklists.models import Attempt
from checklists.models.audit import database_now
from checklists.states import AttemptStatus
from integrations.errors import Problem
from integrations.redact import SHORTEST, Redactor

log = logging.getLogger(__name__)
DB_UNAVAILABLE = (OperationalError, InterfaceError)  # perhaps only for a moment


class Guard:
    """Takes one claimed attempt to its outcome. Use it once, in a process made for it."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.lease = Lease(attempt.pk, attempt.fence)
        self.redactor = Redactor()
        self.announcer = Announcer(attempt.cutover_id)
        self.report = ReportReceiver(attempt, self.redactor, self.announcer)
        self.facts = self.report.facts
        self.grace = 2.0  # seconds between asking the action to stop and killing it
        self.child: ChildProcess | None = None
        self.stop_sent_at: float | None = None
        self.stop_is_logged = False
        self.ready_since: float | None = None
        self.is_committed = False  # the beginning of the effect

    def run(self) -> None:
        """Runs the action and writes its outcome. A guard that lost its lease only kills what is below it."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.signal(signal.SIGALRM, self._on_alarm)
        signal.setitimer(signal.ITIMER_REAL, 1, 1)
        try:
            self._run_action()
            self._finish()
        except Fenced:
            log.warning("attempt %s is no longer ours; everything of it here is ended", self.attempt.pk)
        finally:
            tree.kill_everything(str(self.attempt.pk))

    # ── running the action ───────────────────────────────────────────────────
    def _run_action(self) -> None:
        self.announcer.announce("changed")
        try:
            self.job = AttemptJob.load(self.attempt)
            self.redactor.add(*self.job.secrets())
            self._log_short_secrets()
        except Problem as problem:
            self.facts.problem = problem.as_facts()
            return
        self.child = child = self._fork(partial(action_process.run_action, self.job))
        while child.exit_code is None:
            # The lease comes first: whatever follows may take long, and a lease that runs out costs the
            # attempt. Then the messages, because “ready” and “stopped” are among them; only then the
            # start of the effect and the stop, which depend on both.
            self._renew_and_flush()
            if self.report.is_behind and not self.facts.stop:
                # Reading on would fill our memory. The pipe fills up instead, and the action waits. An
                # action that is asked to stop is always read: it could hang in a full pipe for ever.
                time.sleep(0.05)
            else:
                self.report.handle(child.read(0.1))
            self._start_effect_if_ready()
            self._enforce_stop()
        # Kill what the action left behind before the rest of its messages is read: a survivor could go on
        # writing into the pipe, and “nothing remains” must be true when the outcome is decided.
        self.facts.survivors = tree.kill_everything(str(self.attempt.pk))
        self.report.handle(child.read_rest())
        self.report.log.end_lines()
        self.facts.exit_code = child.exit_code
        child.close()
        self.child = None

    def _fork(self, work: Callable[[Channel], None]) -> ChildProcess:
        return ChildProcess(work, create_cgroup(str(self.attempt.pk)))

    def _log_short_secrets(self) -> None:
        if count := self.redactor.too_short:
            self.report.log.add(
                f"{count} secret(s) of this attempt are shorter than {SHORTEST} characters. Where a program "
                "prints one, it is not masked: that would hide half of every log. Use longer ones."
            )

    def _renew_and_flush(self) -> None:
        """Renews the lease, reads the stop request, writes what waits; each where it is due."""
        try:
            request = self.lease.renew_and_poll()
            if request and request.cancelled:
                self._request_stop(
                    StopReason.CANCELLED, f"Cancelled by {request.cancelled_by or 'the panel'}."
                )
            elif request and request.overdue:
                allowed = format_duration(self.attempt.deadline)
                self._request_stop(StopReason.DEADLINE, f"It did not finish within {allowed}.")
            self._log_stop()
            self.report.flush()
        except DB_UNAVAILABLE:
            connection.close()  # the next round opens a new one

    # ── beginning the effect ─────────────────────────────────────────────────
    def _start_effect_if_ready(self) -> None:
        """Lets a prepared action go on once, and only if, the beginning of its effect is committed."""
        if self.report.before is None or self.facts.stop or self.child is None:
            return
        if self.is_committed:
            if not self.facts.began or self.report.asks_to_start:
                self._permit_start(self.child)
            return
        if self.ready_since is None:
            self.ready_since = time.monotonic()
        try:
            refusal = self._begin_effect(self.child, self.report.before)
        except DB_UNAVAILABLE as error:
            self._abort_before_effect(error)
            return
        if refusal is None:
            self.is_committed = True
            self.announcer.announce("changed")
            self._permit_start(self.child)
        elif not refusal.temporary or time.monotonic() - self.ready_since > TIMES.reaper_fresh:
            self._request_stop(StopReason.REFUSED, refusal.reason)
        else:
            time.sleep(0.5)

    def _begin_effect(self, child: ChildProcess, before: dict[str, Any]) -> EffectRefusal | None:
        owner = {**self.attempt.owner, "action": identity(child.pid)}
        return begin_effect(self.attempt, before=before, owner=owner)

    def _permit_start(self, child: ChildProcess) -> None:
        """Lets the action, or the program that it asks for, start: not after a rollback was ordered."""
        self.grace = self.job.action.grace.total_seconds()
        try:
            permitted = permit_start(self.attempt, child, self.report)
        except DB_UNAVAILABLE:
            connection.close()  # if it still waits, the next round asks again
            return
        if not permitted:
            self.lease.poll_at_once()
            self._renew_and_flush()  # says who cancelled it
            self._request_stop(StopReason.CANCELLED, "A rollback was ordered before its next start.")
            child.refuse()

    def _abort_before_effect(self, error: Exception) -> None:
        """Nobody knows whether the beginning is committed, so nothing is done, and the outcome says that."""
        connection.close()
        self.facts.problem = {
            "what": "The panel's database broke off just when the effect was to begin "
            f"({type(error).__name__}).",
            "means": "Its effect did not begin; nothing was done.",
            "next": "Start it again when the database is well.",
        }
        self._request_stop(StopReason.REFUSED, "The database broke off.")

    # ── stopping ─────────────────────────────────────────────────────────────
    def _request_stop(self, reason: StopReason, sentence: str) -> None:
        """Notes that the action has to stop; the first reason counts.

        Signal handlers call this too, so it must not do more: they interrupt any line of this process.
        """
        if self.facts.stop is None:
            self.facts.stop = Stop(reason, sentence)

    def _log_stop(self) -> None:
        """Writes into the log why it stops, or readers would wonder why the lines end."""
        if self.facts.stop and not self.stop_is_logged:
            self.stop_is_logged = True
            self.report.log.add(f"── {self.facts.stop.sentence} The action is asked to stop.")

    def _enforce_stop(self) -> None:
        """Asks the action to stop, and kills everything when its grace is over."""
        if self.facts.stop is None or self.child is None:
            return
        if self.stop_sent_at is None:
            overdue = self.facts.stop.reason == StopReason.DEADLINE
            self.child.signal(signal.SIGUSR1 if overdue else signal.SIGTERM)
            self.stop_sent_at = time.monotonic()
        elif time.monotonic() - self.stop_sent_at > self.grace:
            tree.kill_descendants()

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        self._request_stop(StopReason.CANCELLED, "Cancelled because its worker was stopped.")

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        """Each second: stops the action before its lease runs out.

        It is a signal handler because the main loop may hang in a statement that gets no answer. The
        action must be dead before the reaper may call the attempt lost, or it could run twice.
        """
        if self.child is None or self.lease.age < TIMES.ask_to_stop:
            return
        self._request_stop(
            StopReason.LEASE_EXPIRING,
            f"The panel's database did not answer for {TIMES.ask_to_stop:g} s, so it was stopped.",
        )
        self._enforce_stop()
        if self.lease.age > TIMES.kill:
            tree.kill_descendants()

    # ── finishing ────────────────────────────────────────────────────────────
    def _finish(self) -> None:
        # A copy: a cancel that comes while we probe does not change how the attempt ended.
        facts = replace(self.facts)
        finding = self._run_probe() if needs_probe(facts, self.attempt.effect) else None
        outcome = decide_outcome(facts, self.attempt, finding)
        reason = outcome.unknown_reason or outcome.summary
        if reason and outcome.status in (AttemptStatus.UNKNOWN, AttemptStatus.ERRORED):
            self.report.log.add(f"── {reason}")
        report = self.report
        self._retry_until_written(lambda: report.log.flush(everything=True))
        if facts.began:
            self._retry_until_written(lambda: report.progress.flush(everything=True))
            self._retry_until_written(report.measurements.flush)
            self._retry_until_written(lambda: report.comparison.flush(everything=True))
        evidence = self.redactor.mask_value(self.facts.evidence)
        self._retry_until_written(
            lambda: finish_attempt(self.attempt, outcome, facts=evidence, finding=finding)
        )
        self.announcer.announce("changed")

    def _run_probe(self) -> dict[str, Any]:
        """The probe's finding. It runs in a child while we keep the lease, because a probe may hang, too."""
        self.report.log.add("── Probing what it did …")
        probe = partial(action_process.run_probe, self.job, self.report.before or {})
        child = self.child = self._fork(probe)
        answer: dict[str, Any] = {"seen": "", "saw": "The probe gave no answer.", "facts": {}}
        self.grace, self.stop_sent_at, until = 0.0, None, time.monotonic() + TIMES.probe
        messages: list[Message] = []
        while child.exit_code is None:
            self._renew_and_flush()
            messages += child.read(0.1)
            if time.monotonic() > until:
                child.signal(signal.SIGKILL)
        self.child = None
        answer.update(*[m["finding"] for m in [*messages, *child.read_rest()] if "finding" in m][-1:])
        child.close()
        dead = "" if self.facts.survivors else "Its own guard ended every process of it, and saw them gone."
        return {**self.redactor.mask_value(answer), "dead": dead, "at": self._database_time()}

    def _database_time(self) -> str:
        moment: list[str] = []
        self._retry_until_written(lambda: moment.append(database_now().isoformat()))
        return moment[-1]

    def _retry_until_written(self, write: Callable[[], object]) -> None:
        """Retries for as long as the attempt is ours. `Fenced` ends it.

        The action is over by now and its outcome known only here, so giving up would turn a known outcome
        into UNKNOWN. The lease is renewed between tries; once it is lost, the reaper has decided.
        """
        while True:
            try:
                self.lease.renew_and_poll()
                write()
                return
            except DB_UNAVAILABLE as error:
                log.warning("attempt %s: the database is away (%s)", self.attempt.pk, type(error).__name__)
                connection.close()
                time.sleep(min(1.0, TIMES.poll))
