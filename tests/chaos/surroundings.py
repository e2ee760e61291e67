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
from tests.chaos.proxy import Proxy
from tests.keeper import Keeper

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


def free_port() -> int:
    """A TCP port on loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
    folder: Path = field(init=False)
    environment: dict[str, str] = field(init=False)
    hosts: dict[str, Host] = field(default_factory=dict)
    keeper: Keeper = field(init=False)
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
        self.postgres = Postgres(self.folder / "pg", port=free_port(), password=self.password, fsync=False)
        self.valkey = Valkey(self.folder / "valkey")
        self.journal, self.dns_journal = self.folder / "journal", self.folder / "dns-journal"
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
        self.start_name_server()
        for name in ("own", "worker-1", "worker-2"):
            self.hosts[name] = Host(
                name,
                Proxy(("127.0.0.1", self.postgres.port or 0)),
                Proxy(str(self.valkey.folder / "valkey.sock")),
            )
        self.environment = {**self._inherited(), **self._panel_environment(), **self._runbook_environment()}

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
            "DATABASE_URL": self.panel_url(self.postgres.port or 0),
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
            "CHAOS_SHOP": self.postgres.url("shop"),
            "CHAOS_SERVER": self.postgres.url().removesuffix("/postgres"),
            "CHAOS_SCRATCH": self.postgres.url("postgres"),
            "CHAOS_DNS_KEY": self.dns_key,
            "CHAOS_SECRET": self.canary,
            "PRISMA_PROJECT": str(self.folder / "prisma"),
            "PRISMA_COMMAND": str(self.folder / "prisma" / "bin" / "prisma"),
        }

    def panel_url(self, port: int) -> str:
        """The address of the panel's database for the application role, through that port."""
        return f"postgresql://{ROLE}:own-{self.password}@127.0.0.1:{port}/cutover"

    def environment_of(self, host: str) -> dict[str, str]:
        """That of the panel's processes on a host: they reach the servers through its proxies only."""
        through = self.hosts[host]
        redis = f"redis://default:not-asked-for-here@127.0.0.1:{through.redis.port}/0"
        own = {"DATABASE_URL": self.panel_url(through.database.port), "REDIS_URL": redis}
        without_owner = {k: v for k, v in self.environment.items() if k != "DATABASE_OWNER_URL"}
        return {**without_owner, **own}

    def start_name_server(self) -> None:
        """Starts the name server, the first time with its zone."""
        zone = {"ZONE": "chaos.test", "TSIG_NAME": "cutover", "TSIG_SECRET": self.dns_key}
        with (self.logs / "name-server.log").open("ab") as log:
            self.name_server = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.name_server", str(self.folder), str(self.dns_port)],
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
        self.postgres.stop()
        self.valkey.stop()
        self.keeper.finish(keep=keep)
