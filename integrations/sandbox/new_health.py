"""The new API's health, in the shape of Terminus: `customer/answers/*--health-*.json`."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import redis

from integrations.sandbox.new_database import ApiDatabase
from integrations.sandbox.repairs import AppliedRepairs
from integrations.sandbox.serving import Answer, Asked

#: a migration that was rolled back counts, too: only its end is asked for
UNFINISHED = "SELECT count(*) AS n FROM _prisma_migrations WHERE finished_at IS NULL"
NOT_INSPECTED = "Failed to inspect Prisma migration metadata"
QUERY_FAILED = "\nInvalid `prisma.$queryRaw()` invocation:\n\n\nRaw query failed. Code: `{}`. Message: `{}`"
HEADERS = {"Cache-Control": "no-cache, no-store, must-revalidate"}


class Health:
    """``GET /health/live`` and ``GET /health/ready``."""

    def __init__(self, database: ApiDatabase, queue_url: str, repairs: AppliedRepairs) -> None:
        self.database, self.queue_url, self.repairs = database, queue_url, repairs

    def answer(self, asked: Asked) -> Answer | None:
        """None for another path."""
        if asked.method != "GET" or asked.path not in ("/health/live", "/health/ready"):
            return None
        if asked.path == "/health/live":
            return _healthy({"api": {"status": "up"}})
        return self._ready({"database": self._database_state(), "queue": self._queue_state()})

    def _ready(self, details: dict[str, dict[str, Any]]) -> Answer:
        """Recorded: 200 and “ok” in every failure, because no indicator raises; the repair makes them."""
        down = {name: state for name, state in details.items() if state["status"] != "up"}
        if not down or not self.repairs.has("readiness-503"):
            return _healthy(details)
        well = {name: state for name, state in details.items() if name not in down}
        return Answer(503, {"status": "error", "info": well, "error": down, "details": details}, HEADERS)

    def _database_state(self) -> dict[str, Any]:
        try:
            pending = self.database.read(UNFINISHED)[0]["n"]
        except psycopg.errors.UndefinedTable as error:
            detail = QUERY_FAILED.format(error.sqlstate, error.diag.message_primary)
            return {"status": "down", "message": NOT_INSPECTED, "detail": detail}
        except psycopg.Error:
            place = psycopg.conninfo.conninfo_to_dict(self.database.url)
            reason = f"Can't reach database server at {place.get('host')}:{place.get('port', 5432)}"
            return {"status": "down", "message": QUERY_FAILED.format("N/A", reason)}
        return {"status": "down" if pending else "up", "pendingMigrations": pending}

    def _queue_state(self) -> dict[str, Any]:
        began = time.monotonic()
        try:
            client = redis.Redis.from_url(self.queue_url, socket_timeout=2, socket_connect_timeout=2)
            try:
                client.ping()
            finally:
                client.close()
        except (redis.RedisError, ValueError):
            return {"status": "down", "driver": "redis", "message": "Connection is closed."}
        return {"status": "up", "driver": "redis", "latencyMs": round((time.monotonic() - began) * 1000)}


def _healthy(details: dict[str, Any]) -> Answer:
    return Answer(200, {"status": "ok", "info": details, "error": {}, "details": details}, HEADERS)
