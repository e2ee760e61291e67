"""Django's connection to PostgreSQL, taken from the pool of this process and given back to it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import connections
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel

from cutover.database.pool import Connection, Pool, new_pool


class DatabaseWrapper(base.DatabaseWrapper):
    """Each request has one of these, as without a pool; what it opens and closes is a place in the pool."""

    of_process: ClassVar[Pool]

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """One that was kept, or a new one."""
        self.isolation_level = IsolationLevel.READ_COMMITTED  # as Django notes it of a new one
        return self.of_process.take(lambda: super(DatabaseWrapper, self).get_new_connection(conn_params))

    def _close(self) -> None:
        if self.connection is not None:
            with self.wrap_database_errors:
                self.of_process.give_back(self.connection)


def use_pool(size: int) -> None:
    """From now on, threads of this process take their connections from one pool; 0 leaves it as it was.

    Called where a web process begins and nowhere else: others fork, or keep a connection of their own.
    """
    if size:
        DatabaseWrapper.of_process = new_pool(size)
        connections.settings["default"]["ENGINE"] = "cutover.database.pooled"
