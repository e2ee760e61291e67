"""The sandbox's staging: a new API, its queue and the front end, beside a database for them.

It has a platform of its own. Nothing runs until somebody sets it up by the platform's command, as Compose or
Helm would. Its database is on the server for restored backups, which is the PostgreSQL that staging has here.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from integrations.sandbox import provider_keys, services_control
from integrations.sandbox.services import Release
from integrations.sandbox.state import SandboxState

MODULE = (sys.executable, "-m")
#: services, and their names among the ports
QUEUE, API, FRONTEND = "staging-queue", "staging-api", "staging-frontend"


class Staging:
    """``folder`` is its platform's; ``server`` a superuser's address; ``database`` its name there;
    ``settings``: more variables of its programs."""

    def __init__(
        self, folder: Path, state: SandboxState, server: str, database: str, settings: Mapping[str, str]
    ) -> None:
        self.folder, self.state, self.server, self.database = folder, state, server, database
        self.settings = settings

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
            "STAGING_APPLY": f"{services} start {QUEUE} {API} {FRONTEND}",
            "STAGING_STATUS": f"{services} status",
            "STAGING_LOGS": f"{services} logs {{services}}",
            "STAGING_SERVICE": API,
            "STAGING_DATABASE_URL": self._database_url(),
            "STAGING_QUEUE_URL": self._queue_url(),
            "STAGING_API_URL": f"http://127.0.0.1:{self.state.ports[API]}",
            "STAGING_FRONTEND_URL": f"http://127.0.0.1:{self.state.ports[FRONTEND]}",
        }

    def _releases(self) -> list[Release]:
        password, ports = self.state.queue_password, self.state.ports
        api = {
            **provider_keys.as_received(self.state.keys),
            **self.settings,
            "DATABASE_URL": self._database_url(),
            "REDIS_URL": self._queue_url(),
            "QUEUE_DRIVER": "redis",
            "PORT": str(ports[API]),
        }
        front_end = {
            **self.settings,
            "NEXT_PUBLIC_API_BASE_URL": f"http://127.0.0.1:{ports[API]}",
            "PORT": str(ports[FRONTEND]),
        }
        queue = [*MODULE, "integrations.sandbox.new_queue", str(self.folder / "queue"), str(ports[QUEUE])]
        return [
            Release(QUEUE, queue, {"QUEUE_PASSWORD": password}),
            Release(API, [*MODULE, "integrations.sandbox.new_api"], api),
            Release(FRONTEND, [*MODULE, "integrations.sandbox.front_end"], front_end),
        ]

    def _database_url(self) -> str:
        return urlunsplit(urlsplit(self.server)._replace(path=f"/{self.database}"))

    def _queue_url(self) -> str:
        return f"redis://:{self.state.queue_password}@127.0.0.1:{self.state.ports[QUEUE]}/0"
