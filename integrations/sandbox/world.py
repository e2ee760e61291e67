"""The sandbox as a whole: what it makes ready, what it runs, and by which variables it is reached."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from integrations.sandbox import env_files, provider_keys, services_archive, services_control, variables
from integrations.sandbox.cluster import Cluster
from integrations.sandbox.legacy import access, seed
from integrations.sandbox.names import PUBLIC_NAME, Names
from integrations.sandbox.services import Release
from integrations.sandbox.staging import Staging
from integrations.sandbox.state import State, write_private

DATABASE = "covenant"
MODULE = (sys.executable, "-m")


@dataclass(frozen=True)
class Process:
    """A program of the sandbox for a supervisor to start, watch and end with SIGTERM."""

    name: str
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)


class Sandbox:
    """An old estate and a new one on two PostgreSQL servers that are given.

    ``admin_url`` is a superuser's address of the server that the old database lives on,
    ``scratch_url`` one of an isolated server for restored backups. Everything that has to outlive a
    restart is in ``folder`` (0700). ``database`` is its name, for two sandboxes on one server.
    """

    def __init__(
        self,
        folder: Path,
        admin_url: str,
        scratch_url: str,
        *,
        rows: int = 200_000,
        seed: int = 20250922,
        database: str = DATABASE,
    ) -> None:
        self.folder, self.admin_url, self.scratch_url = folder.absolute(), admin_url, scratch_url
        self.rows, self.seed, self.database = rows, seed, database
        self.state = State.of(self.folder)
        self.names = Names(self.folder / "names", self.state)
        self.cluster = Cluster(self.folder / "cluster", self.state)
        self.staging = Staging(self.folder / "staging", self.state, scratch_url, f"{database}_staging")

    @property
    def project(self) -> Path:
        """The work copy of the Prisma project."""
        return self.folder / "backend"

    @property
    def queue_url(self) -> str:
        """The address of the new stack's Redis."""
        return f"redis://:{self.state.queue_password}@127.0.0.1:{self.state.ports['queue']}/0"

    def url(self, role: str) -> str:
        """The address of the old database by one of the logins of `access`."""
        parts = urlsplit(self.admin_url)
        place = f"{parts.hostname or '127.0.0.1'}:{parts.port or 5432}"
        netloc = f"{role}:{self.state.passwords[role]}@{place}"
        return urlunsplit(("postgresql", netloc, f"/{self.database}", "", ""))

    def prepare(self, say: Callable[[str], None]) -> None:
        """Makes what is not there yet: roles, the filled database, the Prisma project, the old ``.env``.

        The npm packages come with the first need (`node.install`). A database that is there is kept,
        however far its migration has come.
        """
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            access.make_roles(admin, self.state.passwords)
            if not self._is_there(admin):
                self._make_database(admin, say)
        from integrations.sandbox import node  # here, since `-m integrations.sandbox.node` runs it too

        node.lay_out(self.project)
        write_private(self.folder / "old.env", env_files.old(self.state, self.url(access.APPLICATION)))
        new = env_files.new(self.state, self.url(access.API), self.queue_url)
        write_private(self.folder / "new.env", new)
        self._lay_out_platform()
        self.staging.lay_out()
        self.cluster.lay_out()
        self._lay_out_folders()
        say(f"the old estate is in {self.folder}")

    def _is_there(self, admin: access.Connection) -> bool:
        found = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database])
        return found.fetchone() is not None

    def _make_database(self, admin: access.Connection, say: Callable[[str], None]) -> None:
        """Under another name until it is whole: a half-filled database is never taken for the old one."""
        began, partial = time.monotonic(), f"{self.database}_being_made"
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(partial)))
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(partial))
        )
        inside = urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{partial}"))
        with psycopg.connect(inside) as connection:
            connection.execute("SET synchronous_commit = off")
            connection.execute("SET maintenance_work_mem = '256MB'")
            access.grant(connection, partial)
            connection.execute(f"SET ROLE {access.APPLICATION}")
            canary = (variables.CANARY, self.state.canary_password)
            seed.fill(connection, rows=self.rows, seed=self.seed, canary=canary, say=say)
        with psycopg.connect(inside, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
        owner = sql.SQL("ALTER DATABASE {} OWNER TO {}")
        admin.execute(owner.format(sql.Identifier(partial), sql.Identifier(access.MIGRATOR)))
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        admin.execute(rename.format(sql.Identifier(partial), sql.Identifier(self.database)))
        say(f"{self.rows:,} rows in {time.monotonic() - began:.1f} s")

    def _lay_out_folders(self) -> None:
        """The files of the new stack's monitoring, and a second place for backups."""
        source = Path(__file__).parent / "monitoring"
        if not (self.folder / "monitoring").exists():
            ignored = shutil.ignore_patterns("__pycache__", "*.py")
            shutil.copytree(source, self.folder / "monitoring", ignore=ignored)
        (self.folder / "vault").mkdir(mode=0o700, exist_ok=True)

    def _lay_out_platform(self) -> None:
        """Releases of the three applications; only the old one runs until somebody starts the others."""
        folder = self.folder / "platform"
        services_control.lay_out(folder)
        services_archive.lay_out(folder)
        for name, release in self.releases().items():
            services_control.know(folder, name, release.keep(folder), running=name == "old-app")

    def releases(self) -> dict[str, Release]:
        """What the platform can run, by the name of the service."""
        return {app.name: Release(app.name, app.argv, app.env) for app in self.applications()}

    def listening(self, name: str) -> str:
        """The address of one of the programs, by its name in `state.LISTENERS`."""
        return f"http://127.0.0.1:{self.state.ports[name]}"

    def applications(self) -> list[Process]:
        """The old application, the new API and its worker: what the platform runs, stops and deploys."""
        new = {
            **self.state.keys,
            **provider_keys.addresses(self.listening("providers")),
            "DATABASE_URL": self.url(access.API),
            "REDIS_URL": self.queue_url,
            "QUEUE_DRIVER": "redis",
            "PUBLIC_URL": self.listening("public"),
            "OAUTH_REDIRECT_BASE": self.redirect_base,
            "MOOD_FILE": str(self.folder / "new-api.mood"),
        }
        old = {"DATABASE_URL": self.url(access.APPLICATION), "PORT": str(self.state.ports["old-app"])}
        return [
            Process("old-app", [*MODULE, "integrations.sandbox.legacy_app"], old),
            Process(
                "new-api",
                [*MODULE, "integrations.sandbox.new_api"],
                {**new, "PORT": str(self.state.ports["new-api"])},
            ),
            Process(
                "new-worker", [*MODULE, "integrations.sandbox.new_worker", str(self.folder / "worker")], new
            ),
        ]

    @property
    def redirect_base(self) -> str:
        """The new API itself: before the switch the public address still leads to the old application."""
        return f"{self.listening('new-api')}/auth/providers"

    def processes(self) -> list[Process]:
        """What a supervisor runs: the queue, the platform with the applications, what lies outside."""
        state, folder = self.state, self.folder
        queue = [*MODULE, "integrations.sandbox.new_queue", str(folder / "queue"), str(state.ports["queue"])]
        providers = {
            **state.keys,
            "PORT": str(state.ports["providers"]),
            "OAUTH_REDIRECT_BASE": self.redirect_base,
            "STRIPE_WEBHOOK_ENDPOINTS": f"{self.listening('public')}/donations/webhooks/stripe",
        }
        return [
            Process("new-queue", queue, {"QUEUE_PASSWORD": state.queue_password}),
            Process("providers", [*MODULE, "integrations.sandbox.providers"], providers),
            Process("platform", [*MODULE, "integrations.sandbox.services", str(folder / "platform")]),
            Process("staging", [*MODULE, "integrations.sandbox.services", str(folder / "staging")]),
            *self._doors(),
            *self._people(),
        ]

    def _doors(self) -> list[Process]:
        """What people go through: the public name, the front door, the cluster's ingress."""
        names, cluster = self.names, self.cluster
        front = {
            "PUBLIC_PORT": str(self.state.ports["public"]),
            "ADMIN_PORT": str(self.state.ports["front-door"]),
            "OLD_URL": self.listening("old-app"),
            "NEW_URL": self.listening("new-api"),
        }
        served = [*MODULE, "integrations.sandbox.name_server", str(names.folder)]
        caddy = [*MODULE, "integrations.sandbox.front_door", str(self.folder / "front-door")]
        kubernetes = [*MODULE, "integrations.sandbox.cluster_server", str(cluster.file)]
        return [
            Process("name-server", served, names.environment()),
            Process("front-door", caddy, front),
            Process("cluster", kubernetes, cluster.environment()),
        ]

    def _people(self) -> list[Process]:
        """Those who come by the public name, and partners' and people's phones, which know the other door."""
        by_name = {"PUBLIC_NAME": PUBLIC_NAME, "NAME_SERVER": self.names.server}
        argv = [*MODULE, "integrations.sandbox.visitors"]
        return [
            Process("visitors", argv, {"PUBLIC_URL": self.listening("public"), **by_name}),
            Process("phones", argv, {"PUBLIC_URL": self.cluster.url, "VISITS_PER_SECOND": "2"}),
        ]

    def variables(self) -> dict[str, str]:
        """What the runbook's ``systems:`` take their addresses and credentials from."""
        return variables.of(self)
