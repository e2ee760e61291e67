"""The sandbox as a whole: what it makes ready, what it runs, and by which variables it is reached."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from integrations.sandbox import (
    env_files,
    images,
    manual_work,
    program_list,
    provider_keys,
    services_archive,
    services_control,
)
from integrations.sandbox.cluster import Cluster
from integrations.sandbox.legacy import access, seed
from integrations.sandbox.names import PUBLIC_NAME, Names
from integrations.sandbox.private_files import write_private
from integrations.sandbox.providers import code_host
from integrations.sandbox.providers.accepted_keys import REVOKED
from integrations.sandbox.repairs import NEW_SETTINGS, AppliedRepairs, Profile, without_settings
from integrations.sandbox.services import Release
from integrations.sandbox.staging import Staging
from integrations.sandbox.state import CANARY, SandboxState

DATABASE = "covenant"
MODULE = (sys.executable, "-m")


@dataclass(frozen=True)
class SandboxProcess:
    """A program of the sandbox for a supervisor to start, watch and end with SIGTERM."""

    name: str
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)


class Sandbox:
    """An old environment and a new one on two PostgreSQL servers that are given.

    ``admin_url`` is a superuser's address of the server that the old database lives on,
    ``scratch_url`` one of an isolated server for restored backups. Everything that has to outlive a
    restart is in ``folder`` (0700). ``database`` is its name, for two sandboxes on one server.
    ``profile`` says which of the customer's defects are repaired when the folder is new.
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
        profile: Profile = Profile.REPAIRED,
    ) -> None:
        self.folder, self.admin_url, self.scratch_url = folder.absolute(), admin_url, scratch_url
        self.rows, self.seed, self.database = rows, seed, database
        self.state = SandboxState.of(self.folder)
        self.repairs = AppliedRepairs(self.folder / "repairs.json")
        self.repairs.begin(profile)
        self.names = Names(self.folder / "names", self.state)
        self.cluster = Cluster(self.folder / "cluster", self.state)
        self.staging = Staging(
            self.folder / "staging", self.state, scratch_url, f"{database}_staging", self._for_programs
        )

    @property
    def _for_programs(self) -> dict[str, str]:
        """What programs of the new stack need to be told because they belong to a sandbox."""
        return {
            "REPAIRS_FILE": str(self.repairs.path),
            "WORKER_FOLDER": str(self.folder / "worker"),
            "MAIL_FILE": str(self.folder / manual_work.MAIL),
            "API_TOKEN": self.state.frontend_token,
        }

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
            access.make_roles(admin, self.state.passwords, may_log_in=self._may_log_in())
            if not self._is_there(admin):
                self._make_database(admin, say)
        from integrations.sandbox import node  # here, since `-m integrations.sandbox.node` runs it too

        node.lay_out(self.project)
        write_private(self.folder / "old.env", env_files.old(self.state, self.url(access.APPLICATION)))
        new = env_files.new(self.state, self.url(access.API), self.queue_url, env_files.entered(self.folder))
        write_private(self.folder / NEW_SETTINGS, without_settings(new, self.repairs.unset()))
        self._lay_out_platform()
        self.staging.lay_out()
        self.cluster.lay_out()
        self._lay_out_folders()
        program_list.write(self.folder, self.project)
        say(f"the old environment is in {self.folder}")

    def _may_log_in(self) -> tuple[str, ...]:
        """The old application's login stays revoked when the sandbox starts again."""
        revoked = (self.folder / REVOKED).exists()
        return tuple(role for role in access.ROLES if not (revoked and role == access.APPLICATION))

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
            canary = (CANARY, self.state.canary_password)
            seed.fill(connection, rows=self.rows, seed=self.seed, canary=canary, say=say)
        with psycopg.connect(inside, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
        owner = sql.SQL("ALTER DATABASE {} OWNER TO {}")
        admin.execute(owner.format(sql.Identifier(partial), sql.Identifier(access.MIGRATOR)))
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        admin.execute(rename.format(sql.Identifier(partial), sql.Identifier(self.database)))
        say(f"{self.rows:,} rows in {time.monotonic() - began:.1f} s")

    def _lay_out_folders(self) -> None:
        """The files of the monitoring as they are before the switch, and a second place for backups."""
        manual_work.lay_out_monitoring(self.folder)
        (self.folder / "vault").mkdir(mode=0o700, exist_ok=True)

    def _lay_out_platform(self) -> None:
        """Releases of the applications; only the old one runs until somebody starts the others."""
        folder = self.folder / "platform"
        services_control.lay_out(folder)
        services_archive.lay_out(folder)
        services_control.write_command(
            folder, program_list.API_ON_COPY, ["integrations.sandbox.new_api"], self._for_programs
        )
        for name, release in self.releases().items():
            services_control.know(folder, name, release.keep(folder), running=name == "old-app")

    def releases(self) -> dict[str, Release]:
        """What the platform can run, by the name of the service."""
        starts = images.STARTS
        return {
            app.name: Release(app.name, app.argv, app.env, starts.get(app.name, []))
            for app in self.applications()
        }

    def listening(self, name: str) -> str:
        """The address of one of the programs, by its name in `state.LISTENERS`."""
        return f"http://127.0.0.1:{self.state.ports[name]}"

    def applications(self) -> list[SandboxProcess]:
        """The old application, the new API, its worker and front end: what the platform runs and deploys."""
        new = {
            "SETTINGS_FILE": str(self.folder / NEW_SETTINGS),  # with the secrets that people have entered
            **provider_keys.addresses(self.listening("providers")),
            "DATABASE_URL": self.url(access.API),
            "REDIS_URL": self.queue_url,
            "QUEUE_DRIVER": "redis",
            "PUBLIC_URL": self.listening("public"),
            "OAUTH_REDIRECT_BASE": self.redirect_base,
            "MOOD_FILE": str(self.folder / "new-api.mood"),
            **self._for_programs,
        }
        old = {
            "DATABASE_URL": self.url(access.APPLICATION),
            "PORT": str(self.state.ports["old-app"]),
            "SECRET_KEY": self.state.secrets["SECRET_KEY"],
            "FINCRA_SECRET_KEY": self.state.secrets["FINCRA_SECRET_KEY"],
            "CHECKOUT_URL": f"{self.listening('providers')}/checkout",
        }
        return [
            SandboxProcess("old-app", [*MODULE, "integrations.sandbox.legacy_app"], old),
            SandboxProcess(
                "new-api",
                [*MODULE, "integrations.sandbox.new_api"],
                {**new, "PORT": str(self.state.ports["new-api"])},
            ),
            SandboxProcess(
                "new-worker", [*MODULE, "integrations.sandbox.new_worker", str(self.folder / "worker")], new
            ),
            SandboxProcess(
                "new-frontend",
                [*MODULE, "integrations.sandbox.front_end"],
                {
                    **self._for_programs,
                    "NEXT_PUBLIC_API_BASE_URL": self.listening("new-api"),
                    "PORT": str(self.state.ports["new-frontend"]),
                },
            ),
        ]

    @property
    def redirect_base(self) -> str:
        """The new API itself: before the switch the public address still leads to the old application."""
        return f"{self.listening('new-api')}/auth/providers"

    def processes(self) -> list[SandboxProcess]:
        """What a supervisor runs: the queue, the platform with the applications, what lies outside."""
        state, folder = self.state, self.folder
        queue = [*MODULE, "integrations.sandbox.new_queue", str(folder / "queue"), str(state.ports["queue"])]
        providers = {
            **state.keys,
            "PORT": str(state.ports["providers"]),
            "OAUTH_REDIRECT_BASE": self.redirect_base,
            # Before the work: no endpoint is registered, and the old keys work until somebody revokes them.
            "STRIPE_ENDPOINTS_FILE": str(folder / "stripe-endpoints.json"),
            "OLD_KEYS_REVOKED": str(folder / REVOKED),
            "BRANCH_LOCKED": str(folder / code_host.LOCKED),
            "CODE_HOST_TOKEN": provider_keys.code_host_token(state.cluster_token),
            "REGISTRY_FOLDER": str(folder / "platform"),
            "REGISTRY_PASSWORD": provider_keys.registry_password(state.cluster_token),
            **{f"OLD_{name}": key for name, key in state.secrets.items() if name != "SECRET_KEY"},
            "MAIL_PORT": str(state.ports["mail"]),
        }
        return [
            SandboxProcess("new-queue", queue, {"QUEUE_PASSWORD": state.queue_password}),
            SandboxProcess("providers", [*MODULE, "integrations.sandbox.providers"], providers),
            SandboxProcess("platform", [*MODULE, "integrations.sandbox.services", str(folder / "platform")]),
            SandboxProcess("staging", [*MODULE, "integrations.sandbox.services", str(folder / "staging")]),
            *self._doors(),
            *self._people(),
        ]

    def _doors(self) -> list[SandboxProcess]:
        """What people go through: the public name, the front door, the cluster's ingress."""
        names, cluster = self.names, self.cluster
        front = {
            "PUBLIC_PORT": str(self.state.ports["public"]),
            "ADMIN_PORT": str(self.state.ports["front-door"]),
            "OLD_URL": self.listening("old-app"),
            "NEW_URL": self.listening("new-frontend"),  # the new stack's only public address
        }
        served = [*MODULE, "integrations.sandbox.name_server", str(names.folder)]
        caddy = [*MODULE, "integrations.sandbox.front_door", str(self.folder / "front-door")]
        kubernetes = [*MODULE, "integrations.sandbox.cluster_server", str(cluster.file)]
        return [
            SandboxProcess("name-server", served, names.environment()),
            SandboxProcess("front-door", caddy, front),
            SandboxProcess("cluster", kubernetes, cluster.environment()),
        ]

    def _people(self) -> list[SandboxProcess]:
        """Those who come by the public name, and partners' and people's phones, which know the other door."""
        by_name = {"PUBLIC_NAME": PUBLIC_NAME, "NAME_SERVER": self.names.server}
        argv = [*MODULE, "integrations.sandbox.visitors"]
        key = self.state.secrets["FINCRA_SECRET_KEY"]
        forms = {"FORMS_PER_SECOND": "3", "FINCRA_SECRET_KEY": key}
        return [
            SandboxProcess("visitors", argv, {"PUBLIC_URL": self.listening("public"), **by_name, **forms}),
            SandboxProcess("phones", argv, {"PUBLIC_URL": self.cluster.url, "VISITS_PER_SECOND": "2"}),
        ]
