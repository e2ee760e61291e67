"""The guard of one attempt: it holds the lease, watches the action's process, and says how it ended.

The action runs in a process of its own below the guard, so that nothing it does can stall a heartbeat.
The guard needs neither Celery nor Redis to come to the true ending.
"""

from __future__ import annotations

import logging
import signal
import time
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from checklists.executor import acting, tree
from checklists.executor.announcer import Announcer
from checklists.executor.beginning import Refusal, begin_effect
from checklists.executor.child import Child, Message
from checklists.executor.comparing import Comparing
from checklists.executor.concluding import conclude
from checklists.executor.ending import Known, Stop, Why, ending_of, needs_a_look
from checklists.executor.identity import identity
from checklists.executor.job import Job
from checklists.executor.lease import Fenced, Lease
from checklists.executor.log import Log, Progress
from checklists.executor.measuring import Measuring
from checklists.executor.times import TIMES
from checklists.gates.words import duration
from checklists.models import Attempt
from checklists.models.audit import database_now
from integrations.errors import Problem
from integrations.redact import Redactor

log = logging.getLogger(__name__)
AWAY = (OperationalError, InterfaceError)  # the database, for now


class Guard:
    """Carries one claimed attempt to its end. Use it once, in a process made for it."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.lease = Lease(attempt.pk, attempt.fence)
        self.known = Known()
        self.redactor = Redactor()
        self.announcer = Announcer(attempt.cutover_id)
        self.log = Log(attempt.pk, attempt.fence, attempt.log_next, self.redactor, self.announcer)
        self.progress = Progress(attempt.pk, attempt.fence, self.redactor, self.announcer)
        self.measuring = Measuring(attempt.pk, attempt.fence, self.redactor, self.announcer)
        self.comparing = Comparing(attempt.pk, attempt.fence, self.redactor, self.announcer)
        self.grace = 2.0
        self.child: Child | None = None
        self.told_at: float | None = None
        self.stop_is_logged = False
        self.before: dict[str, Any] | None = None  # known once the action waits for permission
        self.waits_since: float | None = None

    def carry_out(self) -> None:
        """From the claim to the ending. Once the lease is lost, all below us dies and nothing is written."""
        signal.signal(signal.SIGTERM, self._told_to_stop)
        signal.signal(signal.SIGALRM, self._watch_lease)
        signal.setitimer(signal.ITIMER_REAL, 1, 1)
        try:
            self._act()
            self._end()
        except Fenced:
            log.warning("attempt %s is not ours any more; everything of it here is ended", self.attempt.pk)
        finally:
            tree.end_below(str(self.attempt.pk))

    # ── acting ───────────────────────────────────────────────────────────────
    def _act(self) -> None:
        self.announcer.say("changed")
        try:
            self.job = Job.of(self.attempt)
            self.redactor.add(*self.job.secrets())
        except Problem as problem:
            self.known.problem = problem.as_facts()
            return
        self.child = child = Child(partial(acting.act, self.job))
        while child.code is None:
            self._pulse()
            if not (self.log.is_behind or self.comparing.is_behind) or self.known.stop:
                self._hear(child.read(0.1))
            else:
                time.sleep(0.05)  # the pipe fills up, and the action waits with us
            self._permit()
            self._press()
        self.known.alive = tree.end_below(str(self.attempt.pk))
        self._hear(child.rest())
        self.known.code = child.code
        child.close()
        self.child = None

    def _pulse(self) -> None:
        """Lease, cancel, deadline, log and progress: whatever of them is due."""
        try:
            wishes = self.lease.tend()
            if wishes and wishes.cancelled:
                self._stop(Why.CANCEL, f"Cancelled by {wishes.cancelled_by or 'the panel'}.")
            elif wishes and wishes.overdue:
                self._stop(Why.DEADLINE, f"It did not finish within {duration(self.attempt.deadline)}.")
            self._log_stop()
            self.log.ship()
            if self.known.began:
                self.progress.ship()
                self.measuring.ship()
                self.comparing.ship()
        except AWAY:
            connection.close()  # the next try opens a new one

    def _hear(self, messages: list[Message]) -> None:
        for message in messages:
            for kind, value in message.items():
                getattr(self, f"_hear_{kind}")(value)

    def _hear_log(self, line: str) -> None:
        self.log.add(line)

    def _hear_progress(self, state: list[Any]) -> None:
        self.progress.set(float(state[0]), float(state[1]), str(state[2]))

    def _hear_measure(self, values: dict[str, float]) -> None:
        self.measuring.add(values)

    def _hear_part(self, part: dict[str, Any]) -> None:
        self.comparing.set(part)

    def _hear_difference(self, row: dict[str, Any]) -> None:
        self.comparing.add(row)

    def _hear_evidence(self, facts: dict[str, Any]) -> None:
        self.known.evidence.update(facts)

    def _hear_secret(self, values: list[str]) -> None:
        self.redactor.add(*values)

    def _hear_before(self, facts: dict[str, Any]) -> None:
        self.before = self.redactor.value(facts)

    def _hear_outcome(self, outcome: dict[str, Any]) -> None:
        self.known.outcome = {**outcome, "summary": self.redactor.text(outcome["summary"])}

    def _hear_problem(self, problem: dict[str, str]) -> None:
        self.known.problem = self.redactor.value(problem)

    def _hear_stopped(self, _: bool) -> None:
        if self.known.stop is None:
            self.known.problem = {
                "what": "Its process was told to stop by somebody outside the panel.",
                "means": "It stopped in the middle; part of its effect may be there.",
                "next": "Find out who sent the signal, then start it again.",
            }

    # ── beginning ────────────────────────────────────────────────────────────
    def _permit(self) -> None:
        """Lets a prepared action go, when and only when the beginning of its effect is committed."""
        if self.before is None or self.known.began or self.known.stop or self.child is None:
            return
        if self.waits_since is None:
            self.waits_since = time.monotonic()
        try:
            refusal = self._begin(self.child, self.before)
        except AWAY as error:
            self._do_not_act(error)
            return
        if refusal is None:
            self.known.began = True
            self.grace = self.job.action.grace.total_seconds()
            self.announcer.say("changed")
            self.child.permit()
        elif not refusal.for_now or time.monotonic() - self.waits_since > TIMES.reaper_fresh:
            self._stop(Why.REFUSED, refusal.why)
        else:
            time.sleep(0.5)

    def _begin(self, child: Child, before: dict[str, Any]) -> Refusal | None:
        owner = {**self.attempt.owner, "action": identity(child.pid)}
        return begin_effect(self.attempt, before=before, owner=owner)

    def _do_not_act(self, error: Exception) -> None:
        """Nobody knows whether the beginning is committed: so nothing is done, and that is said."""
        connection.close()
        self.known.problem = {
            "what": "The panel's database broke off just when the effect was to begin "
            f"({type(error).__name__}).",
            "means": "Its effect did not begin; nothing was done.",
            "next": "Start it again when the database is well.",
        }
        self._stop(Why.REFUSED, "The database broke off.")

    # ── stopping ─────────────────────────────────────────────────────────────
    def _stop(self, why: Why, words: str) -> None:
        """The first reason counts. Signal handlers come here, too: no more than this is safe in them."""
        if self.known.stop is None:
            self.known.stop = Stop(why, words)

    def _log_stop(self) -> None:
        """Says in the log why it stops, so that nobody wonders where the lines end."""
        if self.known.stop and not self.stop_is_logged:
            self.stop_is_logged = True
            self.log.add(f"── {self.known.stop.words} The action is asked to stop.")

    def _press(self) -> None:
        """Asks the action to stop, and kills everything when its grace is over."""
        if self.known.stop is None or self.child is None:
            return
        if self.told_at is None:
            overdue = self.known.stop.why == Why.DEADLINE
            self.child.signal(signal.SIGUSR1 if overdue else signal.SIGTERM)
            self.told_at = time.monotonic()
        elif time.monotonic() - self.told_at > self.grace:
            tree.kill_below()

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop(Why.CANCEL, "The panel was stopped by whoever runs it.")

    def _watch_lease(self, number: int, frame: FrameType | None) -> None:
        """Rings each second, also while a statement hangs: no renewal, no action."""
        if self.child is None or self.lease.age < TIMES.ask_to_stop:
            return
        self._stop(
            Why.CUT_OFF,
            f"The panel's database did not answer for {TIMES.ask_to_stop:g} s, so it was stopped.",
        )
        self._press()
        if self.lease.age > TIMES.kill:
            tree.kill_below()

    # ── ending ───────────────────────────────────────────────────────────────
    def _end(self) -> None:
        known = replace(self.known)  # what comes while we look does not change how it came to its end
        finding = self._look() if needs_a_look(known, self.attempt.effect) else None
        ending = ending_of(known, self.attempt, finding)
        if ending.status in ("UNKNOWN", "ERRORED") and (reason := ending.unknown_reason or ending.summary):
            self.log.add(f"── {reason}")
        self._insist(lambda: self.log.ship(everything=True))
        if self.known.began:
            self._insist(lambda: self.progress.ship(everything=True))
            self._insist(self.measuring.ship)
            self._insist(lambda: self.comparing.ship(everything=True))
        facts = self.redactor.value(self.known.evidence)
        self._insist(lambda: conclude(self.attempt, ending, facts=facts, finding=finding))
        self.announcer.say("changed")

    def _look(self) -> dict[str, Any]:
        """The probe's answer, asked in a child while the lease is kept: a probe may hang, too."""
        self.log.add("── Looking at what it did …")
        child = self.child = Child(partial(acting.look, self.job, self.before or {}))
        answer: dict[str, Any] = {"seen": "", "saw": "The probe gave no answer.", "facts": {}}
        self.grace, self.told_at, until = 0.0, None, time.monotonic() + TIMES.probe
        messages: list[Message] = []
        while child.code is None:
            self._pulse()
            messages += child.read(0.1)
            if time.monotonic() > until:
                child.signal(signal.SIGKILL)
        self.child = None
        answer.update(*[m["finding"] for m in [*messages, *child.rest()] if "finding" in m][-1:])
        child.close()
        dead = "" if self.known.alive else "Its own guard ended every process of it, and saw them gone."
        return {**self.redactor.value(answer), "dead": dead, "at": self._now()}

    def _now(self) -> str:
        moment: list[str] = []
        self._insist(lambda: moment.append(database_now().isoformat()))
        return moment[-1]

    def _insist(self, write: Any) -> None:
        """Writes until it is written, for as long as the attempt is ours; `Fenced` ends it."""
        while True:
            try:
                self.lease.tend()
                write()
                return
            except AWAY as error:
                log.warning("attempt %s: the database is away (%s)", self.attempt.pk, type(error).__name__)
                connection.close()
                time.sleep(min(1.0, TIMES.poll))
