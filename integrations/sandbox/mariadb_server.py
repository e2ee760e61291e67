"""A MariaDB server of the sandbox, on loopback, with its data in one folder."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymysql

from integrations.errors import Problem
from integrations.sandbox.mariadb_programs import require_mariadb

ADMIN = "admin"
READY = 60.0  # seconds to begin to answer
#: the parts of the SQL that makes the system tables, in this order, as mariadb-install-db does it
SYSTEM_TABLES = ("system_tables", "performance_tables", "system_tables_data")
FIRST = "create database if not exists mysql;\nuse mysql;\nset @auth_root_socket = null;\n"
LAST = """
delete from global_priv where user in ('', 'root');
flush privileges;
create user 'admin'@'127.0.0.1' identified by '{password}';
grant all privileges on *.* to 'admin'@'127.0.0.1' with grant option;
"""


class MariaDbServer:
    """One server. The login `ADMIN` may do everything; ``password`` holds letters and digits only."""

    def __init__(self, folder: Path, *, port: int, password: str, options: Sequence[str] = ()) -> None:
        self.folder, self.port, self.password, self.options = folder.absolute(), port, password, options
        self.process: subprocess.Popen[bytes] | None = None
        self._user = "nobody" if os.geteuid() == 0 else ""  # it refuses to run as root

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "server.log"

    @property
    def data(self) -> Path:
        """The folder of its databases."""
        return self.folder / "data"

    @property
    def temporary(self) -> Path:
        """Its own folder for temporary tables: a server that starts deletes all that it finds there."""
        return self.folder / "tmp"

    def url(self, user: str = ADMIN, password: str = "", database: str = "") -> str:
        """The address for a login; without one that of the administrator."""
        return f"mysql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "") -> Any:
        """A connection of the administrator; every statement counts at once."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user=ADMIN,
            password=self.password,
            database=database or None,
            charset="utf8mb4",
            autocommit=True,
        )

    def execute(self, *statements: str, database: str = "") -> list[tuple[Any, ...]]:
        """Runs statements as the administrator; gives the rows of the last one."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
            return list(rows)

    def start(self) -> MariaDbServer:
        """Starts it, the first time with new system tables; returns when it answers. Raises `Problem`."""
        self._ensure_folder(self.folder)
        self._ensure_folder(self.temporary)
        if not self.data.exists():
            self._make_system_tables()
        argv = self._argv(self.data)
        argv += [f"--port={self.port}", "--bind-address=127.0.0.1", "--socket=s", "--pid-file=pid"]
        with self.log.open("ab") as log:
            self.process = self._launch([*argv, *self.options], stdin=subprocess.DEVNULL, output=log)
        self._wait()
        return self

    def ended(self) -> bool:
        """Whether a server that this process started has ended."""
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        """Stops it and waits for its end. The data stays."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _ensure_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._user:
            owner = pwd.getpwnam(self._user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)

    def _make_system_tables(self) -> None:
        """Under another name until they are whole: a half-made data folder is never used."""
        partial = self.folder / "data.new"
        shutil.rmtree(partial, ignore_errors=True)
        self._ensure_folder(partial)
        found = require_mariadb()
        text = FIRST + "".join(map(found.system_sql, SYSTEM_TABLES))
        with self.log.open("ab") as log:
            made = self._launch(
                [*self._argv(partial), "--bootstrap"], stdin=subprocess.PIPE, output=log, until_end=True
            )
            made.communicate((text + LAST.format(password=self.password)).encode())
        if made.returncode:
            raise self._not_started()
        partial.rename(self.data)

    def _argv(self, data: Path) -> list[str]:
        found = require_mariadb()
        plugins = sorted(found.usr.glob("lib/*/plugin"))
        return [
            str(found.path("mariadbd")),
            "--no-defaults",
            *([f"--user={self._user}"] if self._user else []),
            f"--basedir={found.usr}",
            f"--lc-messages-dir={found.share}",
            f"--character-sets-dir={found.share / 'charsets'}",
            *(f"--plugin-dir={folder}" for folder in plugins[:1]),
            f"--datadir={data}",
            f"--tmpdir={self.temporary}",
            "--character-set-server=utf8mb4",
            "--skip-name-resolve",
            "--performance-schema=off",
            "--innodb-log-file-size=16M",
            "--innodb-buffer-pool-size=32M",
            "--innodb-flush-log-at-trx-commit=2",
        ]

    def _launch(
        self, argv: list[str], *, stdin: int, output: Any, until_end: bool = False
    ) -> subprocess.Popen[bytes]:
        def die_with_parent() -> None:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL if until_end else signal.SIGTERM)

        return subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=output,
            stderr=output,
            cwd="/",
            env={"PATH": os.defpath, **require_mariadb().environment},
            start_new_session=True,  # Ctrl-C goes to the supervisor, which stops servers in order
            preexec_fn=die_with_parent,
        )

    def _wait(self) -> None:
        until = time.monotonic() + READY
        while not self._is_ours():
            if self.ended() or time.monotonic() > until:
                self.stop()
                raise self._not_started()
            time.sleep(0.05)

    def _is_ours(self) -> bool:
        try:
            with self.connect() as connection, connection.cursor() as cursor:
                cursor.execute("select @@datadir")
                return bool(Path(cursor.fetchone()[0]) == self.data)
        except pymysql.Error:
            return False

    def _not_started(self) -> Problem:
        tail = self.log.read_text(errors="replace").strip().splitlines()[-4:]
        return Problem(
            f"MariaDB did not start in {self.folder}: {' · '.join(tail)}",
            means=f"Its log is {self.log}.",
            next="Remove the cause, then start again.",
        )
