"""Probes unknown attempts where they ran: only there can be seen whether their old executor is dead.

Each worker for steps has such a process beside it. It reads the rows itself and needs no message, so that it
also works while every place of the worker is taken, and without Redis.
"""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from checklists.executor.artefact_places import ArtefactPlace
from checklists.executor.fence import status_in
from checklists.executor.heartbeats import record_heartbeat
from checklists.executor.launch import launch_probe
from checklists.executor.probe import IS_UNANSWERED
from checklists.executor.process.container_lock import has_container_ended
from checklists.executor.process.containment import containment_in_force
from checklists.executor.process.identity import identity, place_key
from checklists.executor.timings import TIMES
from checklists.executor.writers.spool import remove_stale_spools
from checklists.models import Attempt, ServiceBeat
from checklists.states import AttemptStatus

SERVICE = "local prober"
FIND_UNDER_THIS_KERNEL = f"""
    SELECT id FROM checklists_attempt
    WHERE owner->>'boot' = %s AND {status_in([AttemptStatus.UNKNOWN])}
      AND (woken_at > (finding->>'at')::timestamptz OR ({IS_UNANSWERED}))
"""


def is_probed_where_it_ran(attempt_id: str) -> bool:
    """Whether a local prober lives in the place where this attempt ran."""
    try:
        attempt = Attempt.objects.filter(pk=UUID(str(attempt_id))).only("owner").first()
    except ValueError:
        return False
    place = place_key(attempt.owner) if attempt else ""
    fresh = Now() - timedelta(seconds=TIMES.local_prober)
    beats = ServiceBeat.objects.filter(name=SERVICE, at__gt=fresh)
    return bool(place) and beats.filter(instance__contains=place).exists()


class LocalProber:
    """Starts a probe for each unknown attempt of its place, and of earlier containers that have ended."""

    def __init__(self) -> None:
        self.here = identity()
        self.place = place_key(self.here)
        self.probes: dict[str, int] = {}  # attempt → pid
        self.artefacts = ArtefactPlace()

    def run_once(self) -> None:
        """One look at the rows; records a heartbeat."""
        record_heartbeat(SERVICE, f"{socket.gethostname()}:{self.place}:{containment_in_force()}")
        self.artefacts.beat()
        remove_stale_spools()
        self.probes = {key: pid for key, pid in self.probes.items() if not os.waitpid(pid, os.WNOHANG)[0]}
        with connection.cursor() as cursor:
            cursor.execute(FIND_UNDER_THIS_KERNEL, [self.here["boot"], TIMES.look_again])
            found = [row[0] for row in cursor.fetchall()]
        for attempt in Attempt.objects.filter(pk__in=found).only("owner"):
            if str(attempt.pk) not in self.probes and self._can_prove_death(attempt.owner):
                self.probes[str(attempt.pk)] = launch_probe(str(attempt.pk))

    def _can_prove_death(self, owner: dict[str, Any]) -> bool:
        place = place_key(owner)
        return place == self.place or (bool(owner.get("container")) and has_container_ended(place))
