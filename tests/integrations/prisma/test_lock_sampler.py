"""Locks of a program on the copy are measured by looking, and the result says how exact that is."""

from __future__ import annotations

import time

import psycopg

from integrations.prisma.lock_sampler import LockSampler
from tests.integrations.conftest import AppDatabase


def test_what_was_held_is_measured_between_two_looks(app_database: AppDatabase) -> None:
    sampler = LockSampler(app_database.admin_url, "cutover:a")
    with psycopg.connect(app_database.app_url, application_name="cutover:a") as cli:
        sampler.poll()
        cli.execute("lock table donations")
        cli.execute("select 1 from members")  # blocks nobody who writes
        began = time.monotonic()
        while time.monotonic() < began + 0.3:
            sampler.poll()
        cli.rollback()
        sampler.poll()
    sampler.close()
    (lock,) = sampler.list_locks()
    assert (lock["table"], lock["mode"]) == ("donations", "AccessExclusiveLock")
    assert 0 < lock["ms"] <= 300 + lock["resolution_ms"]
