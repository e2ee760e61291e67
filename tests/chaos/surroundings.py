"""What chaos takes place in: servers, databases, a zone, a Prisma project and a folder, all of its own."""

from __future__ import annotations

import base64
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from cryptography.fernet import Fernet

from cutover.embedded import Postgres, Valkey
from integrations.clients import pgtools
from integrations.programs import build_environment
from tests.chaos.network import PANEL, HostNetwork
from tests.chaos.proxy import Proxy
from tests.keeper import Keeper
from tests.ports import free_port

PROJECT = Path(__file__).parents[2]
ROLE = "cutover"
ROWS = 20_000  # in the database that is backed up
#: A lease is lost within seconds. `kill` leaves a second for the guard's alarm, which comes once a second,
#: and another one for a busy machine, before `lease`.
TIMES = (
    "heartbeat=1,lease=6,ask_to_stop=3,kill=4,poll=0.3,reaper=0.5,reaper_fresh=4,after_outage=6,"
    "look_again=1.5,wake_again=1.5,dispatcher=0.5,local_prober=4,probe=25"
)
SHOP = f"""
CREATE TABLE orders (
    id bigint PRIMARY KEY, customer text NOT NULL, cents bigint NOT NULL, at timestamptz NOT NULL);
INSERT INTO orders
SELECT n, md5(n::text), n * 7 % 100000, timestamptz '2026-01-01' + n * interval '1 minute'
FROM generate_series(1, {ROWS}) n;
"""


def end_with_parent() -> None:
    """In a process about to start: the kernel kills it when we end, however that happens."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


@dataclass
class Host:
    """What one worker reaches the servers through."""

    name: str
    database: Proxy
    redis: Proxy


@dataclass
class Surroundings:
    """Everything outside of the panel's processes. Start it from the main thread; `stop` removes it all."""

    with_prisma: bool
    with_network: bool = True
    folder: Path = field(init=False)
    environment: dict[str, str] = field(init=False)
    hosts: dict[str, Host] = field(default_factory=dict)
    keeper: Keeper = field(init=False)
    targets: Proxy = field(init=False)
    network: HostNetwork | None = None
    why_no_network: str = ""
    has_small_disk: bool = False
    name_server: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cutover-chaos-", dir="/var/tmp"))  # short: for sockets
        self.folder.chmod(0o711)
        self.keeper = Keeper(self.folder)
        self.logs, self.data = self.folder / "logs", self.folder / "panel"
        for folder in (self.logs, self.data):
            folder.mkdir()
        self.password = secrets.token_hex(8)
        self.postgres = Postgres(  # without patience: whoever waits here could heal nothing meanwhile
            self.folder / "pg", port=free_port(), password=self.password, fsync=False, patience=0.0
        )
        self.valkey = Valkey(self.folder / "valkey")
        self.journal, self.dns_journal = self.folder / "journal", self.folder / "dns-journal"
        #: The web process listens there. It stays open when that is killed: people wait, and give up.
        self.web = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.dns_port, self.dns_key = free_port(), base64.b64encode(secrets.token_bytes(32)).decode()
        #: Never written anywhere by us but into the environment; each encoding of it differs from it.
        self.canary = f"kept/{secrets.token_hex(12)}+{secrets.token_hex(6)}="
        self.program = self.folder / "program.py"

    # ── starting ─────────────────────────────────────────────────────────────
    def start(self) -> None:
        """Starts the servers, and makes databases and files."""
        self._mount_small_disk()
        self.postgres.start()
        self.valkey.start()
        for name in ("cutover", "shop"):
            self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        self.execute(SHOP, "shop")
        text = (PROJECT / "tests" / "chaos" / "program.py").read_text()
        self.program.write_text(f"#!{sys.executable} -IS\n{text}")
        self.program.chmod(0o755)
        self.journal.touch(0o600)
        self._join_hosts()
        self.start_name_server()
        self.environment = {**self._inherited(), **self._panel_environment(), **self._runbook_environment()}

    def _join_hosts(self) -> None:
        """Hosts with networks of their own; where the kernel allows none, one network with proxies."""
        try:
            if not self.with_network:
                raise OSError("--no-network asks for it.")
            self.network = HostNetwork()
        except (OSError, subprocess.SubprocessError) as why:
            self.why_no_network = str(why)
        database, valkey = ("127.0.0.1", self.postgres.port or 0), str(self.valkey.folder / "valkey.sock")
        self.targets = self._proxy(database, "targets")
        for name in PANEL:
            self.hosts[name] = Host(name, self._proxy(database, "database"), self._proxy(valkey, "redis"))

    def _proxy(self, target: tuple[str, int] | str, host: str) -> Proxy:
        if self.network is None:
            return Proxy(target)
        return Proxy(target, self.network.listen(host), self.network.address(host))

    def inside(self, host: str) -> list[str]:
        """The words before a command that is to run on a host; none where hosts have no networks."""
        return [] if self.network is None else self.network.inside(host)

    @property
    def name_server_place(self) -> str:
        """Address and port of the name server, as the panel's hosts reach it."""
        address = "127.0.0.1" if self.network is None else self.network.address("targets")
        return f"{address}:{self.dns_port}"

    def _inherited(self) -> dict[str, str]:
        kept = ("PATH", "LANG", "HOME", "TZ", "VIRTUAL_ENV")
        return {name: os.environ[name] for name in kept if name in os.environ}

    def _panel_environment(self) -> dict[str, str]:
        allowed = self.folder / "allowed-programs"
        lines = [str(self.program)]
        if self.with_prisma:
            lines.append(str(self.folder / "prisma" / "bin" / "prisma"))
        allowed.write_text("".join(f"{line}\n" for line in lines))
        return {
            "DATABASE_URL": self.panel_url(self.loopback),
            "DATABASE_OWNER_URL": self.postgres.url("cutover"),
            "REDIS_URL": self.valkey.url,
            "CUTOVER_DATA": str(self.data),
            "SECRET_KEY": secrets.token_urlsafe(48),
            "CUTOVER_SECRET_KEYS": Fernet.generate_key().decode(),
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "CUTOVER_HTTPS": "0",
            "CUTOVER_REQUIRE_SECOND_FACTOR": "0",
            "CUTOVER_PREFLIGHT_MINUTES": "0",
            "CUTOVER_PROGRAMS": str(allowed),
            "CUTOVER_TIMES": TIMES,
            "DJANGO_SETTINGS_MODULE": "cutover.settings",
            "PYTHONUNBUFFERED": "1",
        }

    def _runbook_environment(self) -> dict[str, str]:
        return {
            "CHAOS_SHOP": self._target("shop"),
            "CHAOS_SERVER": self._target("postgres").removesuffix("/postgres"),
            "CHAOS_SCRATCH": self._target("postgres"),
            "CHAOS_DNS_KEY": self.dns_key,
            "CHAOS_SECRET": self.canary,
            "PRISMA_PROJECT": str(self.folder / "prisma"),
            "PRISMA_COMMAND": str(self.folder / "prisma" / "bin" / "prisma"),
        }

    def _target(self, database: str) -> str:
        """A database that the runbooks work on, as the panel's hosts reach it."""
        return self.postgres.url(database).replace(self.loopback, self.targets.place)

    @property
    def loopback(self) -> str:
        """Address and port of PostgreSQL itself, past every host."""
        return f"127.0.0.1:{self.postgres.port}"

    @property
    def web_port(self) -> int:
        """The port of loopback at which the web process listens."""
        return int(self.web.getsockname()[1])

    def panel_url(self, place: str) -> str:
        """The address of the panel's database for the application role, through that address and port."""
        return f"postgresql://{ROLE}:own-{self.password}@{place}/cutover"

    def environment_of(self, host: str) -> dict[str, str]:
        """That of the panel's processes on a host: they reach the servers through its proxies only."""
        through = self.hosts[host]
        redis = f"redis://default:not-asked-for-here@{through.redis.place}/0"
        own = {"DATABASE_URL": self.panel_url(through.database.place), "REDIS_URL": redis}
        without_owner = {k: v for k, v in self.environment.items() if k != "DATABASE_OWNER_URL"}
        return {**without_owner, **own}

    def start_name_server(self) -> None:
        """Starts the name server, the first time with its zone."""
        zone = {"ZONE": "chaos.test", "TSIG_NAME": "cutover", "TSIG_SECRET": self.dns_key}
        words = [sys.executable, "-m", "tests.chaos.name_server", str(self.folder), self.name_server_place]
        with (self.logs / "name-server.log").open("ab") as log:
            self.name_server = subprocess.Popen(
                [*self.inside("targets"), *words],
                cwd=PROJECT, env={**self._inherited(), **zone}, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=end_with_parent,
            )  # fmt: skip

    # ── the disk ─────────────────────────────────────────────────────────────
    def _mount_small_disk(self) -> None:
        """As root the panel's data folder is a disk of 48 MB, so that filling it hurts nobody else."""
        words = ["mount", "-t", "tmpfs", "-o", "size=48m,mode=0711", "chaos", str(self.data)]
        if os.geteuid() == 0:
            self.has_small_disk = not subprocess.run(words, capture_output=True, check=False).returncode

    # ── asking the servers, past the panel ───────────────────────────────────
    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Runs SQL as the superuser; gives the rows, if there are any."""
        url = self.postgres.socket_url(database)
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def load_tables(self, file: str) -> None:
        """Restores the panel's empty tables; `migrate` then has little left to do."""
        self.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'own-{self.password}'")
        words = [str(pgtools.choose(18).restore), "--exit-on-error", "--dbname"]
        url = self.postgres.socket_url("cutover")
        subprocess.run([*words, url, file], env=build_environment(), check=True)

    def stop(self, *, keep: bool) -> None:
        """Stops the servers; the keeper ends what is left, and removes the folder unless we ask for it."""
        if self.name_server is not None:
            self.name_server.kill()
            self.name_server.wait()
        if self.network is not None:
            self.network.close()
        self.postgres.stop()
        self.valkey.stop()
        self.keeper.finish(keep=keep)
