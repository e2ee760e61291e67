"""The sandbox's staging: a new API and its queue on a platform of their own, beside a database for them.

Nothing of it runs until somebody sets it up by the platform's command, as Compose or Helm would. Its
database is on the server for restored backups, which is the PostgreSQL that staging has here.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from integrations.sandbox import services_control
from integrations.sandbox.services import Release
from integrations.sandbox.state import State

MODULE = (sys.executable, "-m")
QUEUE, API = "staging-queue", "staging-api"  # services, and their names among the ports


class Staging:
    """``folder`` is its platform's; ``server`` a superuser's address; ``database`` its name there."""

    def __init__(self, folder: Path, state: State, server: str, database: str) -> None:
        self.folder, self.state, self.server, self.database = folder, state, server, database

    def lay_out(self) -> None:
        """Makes its database and makes its services known to its platform; none of them runs."""
        with psycopg.connect(self.server, autocommit=True) as admin:
            known = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database]).fetchone()
            if known is None:
                admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))
        services_control.lay_out(self.folder)
        for release in self._releases():
            services_control.know(self.folder, release.service, release.keep(self.folder), running=False)

    def variables(self) -> dict[str, str]:
        """By which the runbook's systems for staging are reached."""
        services = shlex.quote(str(self.folder / "bin" / "services"))
        return {
            "STAGING_DRIVER": "command",
            "STAGING_APPLY": f"{services} start {QUEUE} {API}",
            "STAGING_STATUS": f"{services} status",
            "STAGING_DATABASE_URL": self._database_url(),
            "STAGING_QUEUE_URL": self._queue_url(),
            "STAGING_API_URL": f"http://127.0.0.1:{self.state.ports[API]}",
        }

    def _releases(self) -> list[Release]:
        password, ports = self.state.queue_password, self.state.ports
        api = {
            **self.state.keys,
            "DATABASE_URL": self._database_url(),
            "REDIS_URL": self._queue_url(),
            "QUEUE_DRIVER": "redis",
            "PORT": str(ports[API]),
        }
        queue = [*MODULE, "integrations.sandbox.new_queue", str(self.folder / "queue"), str(ports[QUEUE])]
        return [
            Release(QUEUE, queue, {"QUEUE_PASSWORD": password}),
            Release(API, [*MODULE, "integrations.sandbox.new_api"], api),
        ]

    def _database_url(self) -> str:
        return urlunsplit(urlsplit(self.server)._replace(path=f"/{self.database}"))

    def _queue_url(self) -> str:
        return f"redis://:{self.state.queue_password}@127.0.0.1:{self.state.ports[QUEUE]}/0"
