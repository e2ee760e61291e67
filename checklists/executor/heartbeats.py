"""Signs of life of the panel's own long-running processes."""

from __future__ import annotations

import os
import socket

from django.db import connection

BEAT = """
    INSERT INTO checklists_servicebeat (name, instance, at) VALUES (%s, %s, clock_timestamp())
    ON CONFLICT (name, instance) DO UPDATE SET at = excluded.at
"""


def instance() -> str:
    """The name of this process among those of its kind: its host and pid."""
    return f"{socket.gethostname()}:{os.getpid()}"


def beat(name: str) -> None:
    """Says that this dispatcher, reaper or worker is at work now."""
    with connection.cursor() as cursor:
        cursor.execute(BEAT, [name, instance()])


def forget_old_beats() -> None:
    """Processes that were last seen an hour ago are no news any more."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM checklists_servicebeat WHERE at < clock_timestamp() - interval '1 hour'")
