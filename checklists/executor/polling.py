"""Breaks the glass: works straight from PostgreSQL, without Redis, Celery or a dispatcher."""

from __future__ import annotations

import os
import signal

from checklists.executor.beats import beat
from checklists.executor.carrying import launch, launch_look
from checklists.executor.identity import identity, is_alive
from checklists.models import Attempt
from checklists.states import AttemptStatus


class Polling:
    """Makes guards for what is queued, never more than ``places`` at once."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.guards: dict[int, dict[str, object]] = {}
        self.looks: set[int] = set()

    def round(self) -> None:
        """Fills free places with the oldest queued attempts."""
        self._let_go()
        beat("worker")
        free = self.places - len(self.guards)
        queued = Attempt.objects.filter(status=AttemptStatus.QUEUED).order_by("queued_at")
        for key in list(queued.values_list("pk", flat=True)[:free]):
            if (pid := launch(str(key), worker="poll")) is not None:
                self.guards[pid] = identity(pid)

    def _let_go(self) -> None:
        for pid in list(self.guards):
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self.guards[pid]
        self.looks = {pid for pid in self.looks if not os.waitpid(pid, os.WNOHANG)[0]}

    def look(self, attempt_id: str) -> None:
        """Has an unknown attempt looked at; a probe that hangs holds up nobody."""
        self.looks.add(launch_look(attempt_id))

    def wait(self) -> None:
        """Until the attempts under way have come to their end."""
        for pid in [*self.guards, *self.looks]:
            os.waitpid(pid, 0)

    def stop_attempts(self) -> None:
        """Asks every guard to stop its attempt."""
        for pid, who in self.guards.items():
            if is_alive(who):
                os.kill(pid, signal.SIGTERM)
