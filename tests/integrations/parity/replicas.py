"""A server whose changes are archived, and copies of it: standbys that follow it, and restores to a point."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from cutover.embedded import Postgres, postgres_programs
from tests.ports import free_port
from tests.servers import new_folder
from tests.waiting import wait_for

PASSWORD = "of-a-test"  # the same on all: it comes along with the files


class Family:
    """A primary and its copies, below one folder. Use `family`, which stops them all."""

    def __init__(self, folder: Path, programs: Path | None) -> None:
        self.folder, self.programs = folder, programs or postgres_programs()
        self.archive = folder / "archive"
        self.archive.mkdir()
        self.archive.chmod(0o777)  # as root, the servers run as somebody else
        self.members: list[Postgres] = []
        settings = {"archive_mode": "on", "archive_command": f"cp %p {self.archive}/%f"}
        self.primary = self._member("primary", free_port(), settings)

    def _member(self, name: str, port: int, settings: dict[str, str]) -> Postgres:
        self.members.append(
            Postgres(self.folder / name, port=port, password=PASSWORD, fsync=False, settings=settings,
                     programs=self.programs)
        )  # fmt: skip
        return self.members[-1]

    def standby(self, **settings: str) -> Postgres:
        """A hot standby that follows the primary, and has caught up with it."""
        follows = {"primary_conninfo": f"host={self.primary.sockets} port={self.primary.port} user=postgres"}
        copy = self._member("standby", free_port(), {**follows, **settings})
        self._back_up(copy, "standby.signal")
        copy.start()
        self.wait_for_replay(copy)
        return copy

    def to_be_restored(self, to: str) -> Postgres:
        """A base backup of now: once started, where the primary was, it is restored to that point."""
        fetches = {"restore_command": f"cp {self.archive}/%f %p", "recovery_target_action": "promote"}
        copy = self._member("restored", self.primary.port or 0, {**fetches, "recovery_target_name": to})
        self._back_up(copy, "recovery.signal")
        return copy

    def _back_up(self, copy: Postgres, signal: str) -> None:
        source = ["-d", self.primary.socket_url(), "--checkpoint=fast", "--no-sync"]
        program = self.programs / "pg_basebackup"
        subprocess.run([program, "-D", copy.data, *source], check=True, capture_output=True, cwd="/")
        (copy.data / signal).touch()
        owner = self.primary.data.stat()
        for path in (copy.folder, *copy.folder.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)

    def mark(self, name: str) -> None:
        """Names this moment, so that one can restore to it, and waits until it is archived."""
        segment = ask(self.primary, "select pg_walfile_name(pg_create_restore_point(%s))", name)
        ask(self.primary, "select pg_switch_wal()")
        wait_for(lambda: (self.archive / segment).exists())

    def wait_for_replay(self, standby: Postgres) -> None:
        """Until the standby has done all that the primary did so far."""
        there = ask(self.primary, "select pg_current_wal_lsn()::text")
        wait_for(lambda: ask(standby, "select pg_last_wal_replay_lsn() >= %s::pg_lsn", there))


@contextmanager
def family(programs: Path | None = None) -> Iterator[Family]:
    """A primary that runs; it and all copies are stopped and removed afterwards."""
    folder = new_folder("family")
    made = Family(folder, programs)
    try:
        made.primary.start()
        yield made
    finally:
        for member in reversed(made.members):
            member.stop()
        shutil.rmtree(folder)


def ask(server: Postgres, question: LiteralString, *values: Any) -> Any:
    """The one value of the answer."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute(question, values).fetchone()
    return row[0] if row else None
