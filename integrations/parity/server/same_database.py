"""Refuses to compare a database with itself: all would be equal, and nothing would be proven."""

from __future__ import annotations

import secrets

import psycopg
from psycopg import sql

from integrations.parity.errors import ParityError
from integrations.parity.server.snapshot import Snapshot

#: To the microsecond, and the number of the database: no two servers have both in common.
PLACE = sql.SQL(
    "SELECT pg_postmaster_start_time()::text,"
    " (SELECT oid::text FROM pg_database WHERE datname = current_database())"
)


def is_same_database(source: Snapshot, target: Snapshot) -> bool:
    """Whether both snapshots are of the same database of the same running server.

    Two addresses may lead there: by another name, port or socket, or through a pooler. An advisory lock that
    one side holds and the other side cannot get proves it, whatever the roles may see. The system identifier
    would prove nothing: a copy of the files has the same.
    """
    return _locks_collide(source, target) or source.fetch_rows(PLACE) == target.fetch_rows(PLACE)


def refuse_same_database(source: Snapshot, target: Snapshot) -> None:
    """Raises `ParityError` when both sides are the same database."""
    if is_same_database(source, target):
        raise ParityError(
            f"Both sides are the same database ({source.server.address} and {target.server.address}).",
            means="Every row would be equal to itself, and nothing would be known about a copy.",
            next="Check both addresses, and where a name, a proxy or a pooler between leads to.",
        )


def _locks_collide(source: Snapshot, target: Snapshot) -> bool:
    """Whether a lock that the source holds for a moment is taken for the target; False where locks may not
    be used."""
    # Advisory locks belong to one database of one server. The lock ends with the savepoint.
    query = sql.SQL("SELECT pg_try_advisory_xact_lock({})").format(sql.Literal(secrets.randbits(62)))
    try:
        with source.savepoint(), target.savepoint():
            return bool(source.fetch_value(query)) and not target.fetch_value(query)
    except psycopg.Error:
        return False
