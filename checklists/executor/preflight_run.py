"""Carries out one run of the preflight: claims it, keeps its lease, stores its results."""

from __future__ import annotations

import logging
import signal
import time
from functools import partial
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from psycopg.types.json import Jsonb

from checklists.action_context import build_context
from checklists.announcements import announce, announce_on_commit
from checklists.executor.fence import held_in, status_in
from checklists.executor.locks import lock_cutover_for_share, retry_after_deadlock
from checklists.executor.process import tree
from checklists.executor.process.child import Channel, ChildProcess, Message
from checklists.executor.process.identity import identity
from checklists.executor.timings import TIMES
from checklists.executor.writers.preflight import store_results, summarize
from checklists.models import AuditEntry, PreflightRun
from checklists.models.audit import database_now
from checklists.redaction import list_secrets
from checklists.states import PreflightSource, PreflightStatus
from integrations.actions import Context
from integrations.actions.preflight_scope import preflight_scope
from integrations.preflight import registered_checks, run_checks

log = logging.getLogger(__name__)
DB_UNAVAILABLE = (OperationalError, InterfaceError)
# One executor wins. A run of the schedule that comes too late for its purpose is not begun: after the start
# of the window its load would disturb the cutover.
CLAIM = f"""
    UPDATE checklists_preflightrun run
    SET status = '{PreflightStatus.RUNNING}', fence = nextval('checklists_fence'), owner = %(owner)s,
        checks_total = %(total)s,
        started_at = clock_timestamp(), progress_at = clock_timestamp(),
        lease_expires_at = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM checklists_cutover c
    WHERE run.id = %(id)s AND run.{status_in([PreflightStatus.QUEUED])}
      AND c.id = run.cutover_id AND c.status = 'OPEN'
      AND NOT (run.source = 'SCHEDULE' AND coalesce(c.window_start <= clock_timestamp(), false))
    RETURNING run.fence
"""
DROP_LATE = f"""
    UPDATE checklists_preflightrun run
    SET status = '{PreflightStatus.FAILED}', ended_at = clock_timestamp(),
        note = 'It was not run: the cutover was closed, or its window had begun, before a worker took it.'
    FROM checklists_cutover c
    WHERE run.id = %(id)s AND run.{status_in([PreflightStatus.QUEUED])} AND c.id = run.cutover_id
      AND (c.status <> 'OPEN'
           OR (run.source = 'SCHEDULE' AND coalesce(c.window_start <= clock_timestamp(), false)))
"""
RENEW = f"""
    UPDATE checklists_preflightrun
    SET lease_expires_at = clock_timestamp() + make_interval(secs => %(lease)s), checks_done = %(done)s,
        progress_at = CASE WHEN checks_done = %(done)s THEN progress_at ELSE clock_timestamp() END
    WHERE {held_in([PreflightStatus.RUNNING])}
"""


class RunLost(Exception):
    """The run belongs to nobody any more: the reaper ended it. Nothing more is written."""


def perform_preflight(run_id: UUID, *, worker: str) -> None:
    """Claims the run and carries it out in this process and a child; does nothing when it is not queued."""
    values: dict[str, Any] = {
        "id": run_id,
        "owner": Jsonb({**identity(), "worker": worker}),
        "total": len(registered_checks()),
        "lease": TIMES.lease,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        row = cursor.fetchone()
        if row is None:
            cursor.execute(DROP_LATE, values)
            return
    run = PreflightRun.objects.select_related("cutover", "cutover__runbook").get(pk=run_id)
    announce(run.cutover_id)
    PreflightKeeper(run).keep()


class PreflightKeeper:
    """Keeps a claimed run: its child asks, the keeper renews the lease, enforces the deadline, and stores."""

    def __init__(self, run: PreflightRun) -> None:
        self.run = run
        self.results: list[dict[str, Any]] = []
        self.done = 0
        self.complete = False
        self.renewed_at = time.monotonic()
        self._written = (0.0, 0)  # when, and how many checks were done then

    def keep(self) -> None:
        """Until the child has ended and its results are stored, or the run is no longer ours."""
        context = build_context(self.run.cutover)
        child = ChildProcess(partial(ask_all, context, list(list_secrets(context))))
        until = time.monotonic() + TIMES.preflight
        note = ""
        try:
            while child.exit_code is None and not note:
                self._take(child.read(0.2))
                note = self._why_stop(until)
            if note:
                child.signal(signal.SIGKILL)
                child.read(5)
            tree.kill_descendants()
            self._take(child.read_rest())
            self._finish(note or _how_it_ended(child.exit_code))
        except RunLost:
            child.signal(signal.SIGKILL)
            tree.kill_descendants()
        finally:
            child.close()

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            self.complete = self.complete or bool(message.get("complete"))
            if "results" in message:
                self.results += message["results"]
                self.done += 1

    def _why_stop(self, until: float) -> str:
        """Renews the lease where it is due; gives why the child has to be stopped, or an empty text."""
        now = time.monotonic()
        at, done = self._written
        if now - at >= TIMES.heartbeat or (self.done != done and now - at >= TIMES.progress):
            try:
                self._renew()
            except DB_UNAVAILABLE as error:
                log.warning("preflight %s: the database is away (%s)", self.run.pk, type(error).__name__)
                connection.close()
        if now - self.renewed_at > TIMES.kill:
            raise RunLost  # nobody may ask the systems for a run that is about to be called lost
        if now > until:
            return (
                f"It was ended after {TIMES.preflight:g} s: a check did not stop when its time was over. "
                "Run it again; the log of the worker names the check."
            )
        return ""

    def _renew(self) -> None:
        now = time.monotonic()
        values: dict[str, Any] = {"id": self.run.pk, "fence": self.run.fence, "done": self.done}
        values["lease"] = TIMES.lease
        self._written = (now, self.done)
        with connection.cursor() as cursor:
            cursor.execute(RENEW, values)
            if cursor.rowcount != 1:
                raise RunLost
        self.renewed_at = now
        announce(self.run.cutover_id)

    def _finish(self, why_incomplete: str) -> None:
        """Stores results and status in one transaction, again and again while the database is away."""
        while True:
            try:
                self._why_stop(float("inf"))
                return end_run(self.run, self.results, "" if self.complete else why_incomplete)
            except DB_UNAVAILABLE:
                connection.close()
                time.sleep(min(1.0, TIMES.poll))


@retry_after_deadlock
@transaction.atomic
def end_run(run: PreflightRun, results: list[dict[str, Any]], note: str) -> None:
    """Commits how a run ended. Without ``note`` it is DONE and has the results, otherwise FAILED.

    Raises `RunLost` when it is not ours any more.
    """
    lock_cutover_for_share(run.cutover_id)
    earlier = PreflightRun.objects.filter(cutover=run.cutover_id).done().first()
    ours = PreflightRun.objects.filter(pk=run.pk, fence=run.fence, status=PreflightStatus.RUNNING)
    status = PreflightStatus.FAILED if note else PreflightStatus.DONE
    digest = "" if note else store_results(run, results)
    done = F("checks_done") if note else F("checks_total")
    if not ours.update(status=status, ended_at=database_now(), note=note, digest=digest, checks_done=done):
        raise RunLost
    announce_on_commit(run.cutover_id)
    asked = run.source in (PreflightSource.PERSON, PreflightSource.COMMAND)
    # The schedule repeats itself every few minutes: the record has a run of it only when it saw news.
    if asked or note or earlier is None or earlier.digest != digest:
        summary = note or summarize(results)
        AuditEntry.objects.append(run.cutover, "preflight.ended", by=None, run=run.pk, summary=summary)


def _how_it_ended(code: int | None) -> str:
    how = f"by signal {-code}" if code and code < 0 else f"with exit code {code}"
    return (
        f"Its process ended {how} before all was asked: somebody killed it, or the host ran out of memory. "
        "Read the log of the worker, then run it again."
    )


def ask_all(context: Context, secrets: list[str], channel: Channel) -> None:
    """The child: runs every check and sends the results of each, then says that it is complete."""
    scope = preflight_scope(context)
    for ended in run_checks(scope, registered_checks().values(), secrets=secrets):
        channel.send(check=ended.check.key, results=ended.results, seconds=round(ended.seconds, 3))
    channel.send(complete=True)
