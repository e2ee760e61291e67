"""Finds out whether something stands between a client and PostgreSQL, and whether it shares sessions.

PgBouncer, pgcat, Odyssey, Supavisor and RDS Proxy answer the login themselves. Each gives its client a key
for cancels of its own making (https://www.postgresql.org/docs/current/protocol-message-formats.html,
BackendKeyData; https://www.pgbouncer.org/features.html for what the modes of pooling break). The process
number in that key is then not the one that the server says of itself. A proxy of TCP passes the key on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from enum import StrEnum
from typing import Any

import psycopg

from integrations.errors import Problem

ROUNDS = 5  # of asking two sessions in turn

Connection = psycopg.Connection[tuple[Any, ...]]


class Pooling(StrEnum):
    """What stands between a client and the server."""

    NONE = "none"
    SESSION = "session"  # something does; sessions were not seen to be shared
    TRANSACTION = "transaction"  # the next statement may come to another session of the server


def is_behind_pooler(connection: Connection) -> bool:
    """Whether the login was answered by something else than the server. Asks the server one thing."""
    return connection.info.backend_pid != read_backend_pid(connection)


def read_backend_pid(connection: Connection) -> int:
    """The process number of the server's session that answers now."""
    row = connection.execute("select pg_backend_pid()", prepare=False).fetchone()
    assert row is not None
    return int(row[0])


def find_pooling(connection: Connection, open_another: Callable[[], Connection]) -> Pooling:
    """What stands between this autocommit connection and its server; leaves nothing behind.

    ``open_another`` makes a second autocommit connection to the same address. It is called only behind a
    pooler. That two clients meet in one session of the server proves that sessions are shared. That they do
    not meet proves nothing where the pool is busy: `SESSION` then means “not seen to be shared”.
    """
    if not is_behind_pooler(connection):
        return Pooling.NONE
    with closing(open_another()) as other:
        mine, theirs = set[int](), set[int]()
        for _ in range(ROUNDS):
            mine.add(read_backend_pid(connection))
            theirs.add(read_backend_pid(other))
    return Pooling.TRANSACTION if len(mine) > 1 or mine & theirs else Pooling.SESSION


def shared_sessions(address: str) -> Problem:
    """The problem of an address that leads to a pooler which shares sessions, where ours must be our own."""
    return Problem(
        f"{address} leads to a connection pooler that shares sessions between its clients.",
        means="What is set for one statement would be in force for others, and a session's locks and limits "
        "do not hold. Nothing was set there, and nothing was read.",
        next="Give this system the direct address of the PostgreSQL server.",
    )
