"""What an administrator of the database server can do: change rows past every right and trigger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def by_hand() -> Iterator[None]:
    """Statements in the block, of Django too, are the superuser's, and no trigger fires.

    What waits for the end of the transaction is checked before: as if what was done had been committed.
    """
    with connection.cursor() as cursor:
        if connection.in_atomic_block:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("SET ROLE NONE")
        cursor.execute("SET session_replication_role = replica")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("SET session_replication_role = origin")
                cursor.execute("RESET ROLE")


@contextmanager
def past_rights() -> Iterator[None]:
    """Statements in the block are the superuser's, and triggers fire: to try a trigger behind a right."""
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE NONE")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("RESET ROLE")
