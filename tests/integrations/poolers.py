"""A real PgBouncer in front of a server of the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg

from integrations.clients import postgres
from tests.ports import free_port
from tests.servers import new_folder
from tests.waiting import wait_for

PROGRAM = "/usr/sbin/pgbouncer"
CONFIGURATION = """[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = {mode}
logfile = {folder}/log
"""


@contextmanager
def pgbouncer(url: str, *, mode: str, **options: object) -> Iterator[str]:
    """The address of the database of ``url`` through a PgBouncer.

    ``mode``: session, transaction or statement. ``options`` are further ones of its configuration.
    """
    settings, parts, port = postgres.connection_settings(url), urlsplit(url), free_port()
    folder = new_folder("bouncer")
    text = CONFIGURATION.format(
        host=settings["host"], port=settings["port"], listen=port, folder=folder, mode=mode
    )
    text += "".join(f"{name} = {value}\n" for name, value in options.items())
    (folder / "bouncer.ini").write_text(text)
    (folder / "users").write_text(f'"{settings["user"]}" "{settings["password"]}"\n')
    user = "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
    if user:
        for path in (folder, *folder.iterdir()):
            os.chown(path, pwd.getpwnam(user).pw_uid, -1)
    login = parts.netloc.rpartition("@")[0]
    process = subprocess.Popen(
        [PROGRAM, "--quiet", folder / "bouncer.ini"], user=user, stderr=subprocess.DEVNULL, cwd="/"
    )
    pooled = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}"))
    try:
        wait_for(lambda: _answers(pooled), message=lambda: (folder / "log").read_text())
        yield pooled
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
