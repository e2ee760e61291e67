"""Heartbeats of the panel's own long-running processes: dispatcher, reaper, workers."""

from __future__ import annotations

import os
import socket

from django.db import connection

RECORD = """
    INSERT INTO checklists_servicebeat (name, instance, at) VALUES (%s, %s, clock_timestamp())
    ON CONFLICT (name, instance) DO UPDATE SET at = excluded.at
"""
DELETE_OLD = "DELETE FROM checklists_servicebeat WHERE at < clock_timestamp() - interval '1 hour'"


def record_heartbeat(name: str, instance: str = "") -> None:
    """Records that this process of the service ``name`` is alive now; by default named by host and pid."""
    with connection.cursor() as cursor:
        cursor.execute(RECORD, [name, instance or f"{socket.gethostname()}:{os.getpid()}"])


def delete_old_heartbeats() -> None:
    """Deletes the rows of processes that were last alive an hour ago."""
    with connection.cursor() as cursor:
        cursor.execute(DELETE_OLD)
