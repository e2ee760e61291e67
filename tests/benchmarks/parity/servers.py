"""A PostgreSQL for the benchmark: the panel's own, or another release whose programs are on the machine."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from cutover.embedded import Postgres
from tests.ports import free_port
from tests.servers import new_folder

SETTINGS = {
    "shared_buffers": "2GB", "max_wal_size": "16GB", "maintenance_work_mem": "512MB", "autovacuum": "off",
    "max_parallel_workers": "8", "wal_level": "minimal", "max_wal_senders": "0",
}  # fmt: skip
DEBIAN = Path("/usr/lib/postgresql/15/bin")


class Bench:
    """A server on which databases are created and dropped."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres

    def url(self, database: str = "postgres") -> str:
        """The address of a database, over TCP as in life."""
        return self.postgres.url(database)

    def run(self, database: str, *statements: str) -> None:
        """Statements outside of a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def value(self, question: str, database: str = "postgres") -> int:
        """One number."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            row = connection.execute(question).fetchone()
            return int(row[0])

    def create(self, database: str, template: str = "template1") -> None:
        """A database, made anew."""
        self.drop(database)
        made = sql.SQL("create database {} template {}")
        names = sql.Identifier(database), sql.Identifier(template)
        self.run("postgres", made.format(*names).as_string())

    def drop(self, database: str) -> None:
        """Gone, with its sessions."""
        gone = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database))
        self.run("postgres", gone.as_string())

    @property
    def release(self) -> str:
        """Such as “15.18”."""
        number = self.value("select current_setting('server_version_num')::int")
        return f"{number // 10000}.{number % 10000}"

    @property
    def _pid(self) -> int:
        return int((self.postgres.data / "postmaster.pid").read_text().splitlines()[0])

    def has_sessions(self) -> bool:
        """Whether a session in a database of a benchmark is there, or has ended and was not waited for."""
        for child in psutil.Process(self._pid).children():
            with suppress(psutil.NoSuchProcess):
                words = " ".join(child.cmdline())
                # A process that ends has no words left, and then is a zombie until it is waited for.
                if not words or " bench_" in words or "parallel worker" in words:
                    return True
        return False

    def cpu_seconds(self) -> float:
        """Of all sessions that have ended: what the first process has waited for, by the kernel's count."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def pages_read(self, *databases: str) -> int:
        """8 kB pages that were asked for in these databases, from the cache or from disk."""
        names = ", ".join(f"'{name}'" for name in databases)
        question = f"select sum(blks_hit + blks_read) from pg_stat_database where datname in ({names})"
        return self.value(question)


@contextmanager
def bench(programs: Path | None) -> Iterator[Bench]:
    """A server of its own in a folder that is removed afterwards."""
    folder = new_folder("bench")
    postgres = Postgres(
        folder / "pg", port=free_port(), password=secrets.token_hex(8), fsync=False, settings=SETTINGS,
        programs=programs,
    )  # fmt: skip
    try:
        postgres.start()
        yield Bench(postgres)
    finally:
        postgres.stop()
        shutil.rmtree(folder)
