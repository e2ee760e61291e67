"""The worker for emergencies: takes attempts straight from PostgreSQL, without Redis and Celery."""

from __future__ import annotations

import os
import signal

from checklists.executor.heartbeats import record_heartbeat
from checklists.executor.launch import launch_guard, launch_preflight, launch_preview, launch_probe
from checklists.executor.local_prober import is_probed_where_it_ran
from checklists.executor.process.identity import identity, is_alive
from checklists.models import Attempt, ItemPreview, PreflightRun
from checklists.states import AttemptStatus, PreflightStatus, PreviewStatus


class PollingWorker:
    """Starts guards for queued attempts, never more than ``concurrency`` at once."""

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.guards: dict[int, dict[str, object]] = {}  # pid → identity
        self.probes: set[int] = set()  # pids

    def run_once(self) -> None:
        """Starts guards for the oldest queued attempts, as many as there is room for."""
        self._forget_ended()
        record_heartbeat("worker")
        free = self.concurrency - len(self.guards)
        queued = Attempt.objects.filter(status=AttemptStatus.QUEUED).order_by("queued_at")
        for key in list(queued.values_list("pk", flat=True)[:free]):
            if (pid := launch_guard(str(key), worker="poll")) is not None:
                self.guards[pid] = identity(pid)
        self._start_preflights()
        self._start_previews()

    def _start_previews(self) -> None:
        queued = ItemPreview.objects.filter(status=PreviewStatus.QUEUED).order_by("requested_at").first()
        if queued is not None:
            self.probes.add(launch_preview(str(queued.pk)))

    def _start_preflights(self) -> None:
        """One at a time: attempts come first."""
        if len(self.guards) >= self.concurrency:
            return
        queued = PreflightRun.objects.filter(status=PreflightStatus.QUEUED).order_by("requested_at").first()
        if queued is not None and (pid := launch_preflight(str(queued.pk), worker="poll")) is not None:
            self.guards[pid] = identity(pid)

    def _forget_ended(self) -> None:
        for pid in list(self.guards):
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self.guards[pid]
        self.probes = {pid for pid in self.probes if not os.waitpid(pid, os.WNOHANG)[0]}

    def probe(self, attempt_id: str) -> None:
        """Probes an unknown attempt in a process of its own, so that a probe that hangs blocks nothing."""
        if is_probed_where_it_ran(attempt_id):
            return
        self.probes.add(launch_probe(attempt_id))

    def wait(self) -> None:
        """Waits until all attempts and probes have ended."""
        for pid in [*self.guards, *self.probes]:
            os.waitpid(pid, 0)

    def stop_attempts(self) -> None:
        """Asks every guard to stop its attempt."""
        for pid, who in self.guards.items():
            if is_alive(who):
                os.kill(pid, signal.SIGTERM)
