"""A statement ends on the server when the host of its client is gone without a word."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from cutover.embedded import Postgres, postgres_programs
from integrations.clients.lost_clients import LIMIT
from tests.hosts import Network
from tests.ports import free_port
from tests.servers import new_folder
from tests.waiting import wait_for

#: What an action does: a statement of its own, and a program with the environment that pg_dump gets.
CLIENT = """
import os, subprocess, sys
from integrations.clients import pgtools, postgres
url, psql, ours = sys.argv[1:]
connection = postgres.connect(url, attempt="ours")
if ours == "program":
    env = {**os.environ, **pgtools.program_environment(url, "program", connection)}
    os.execve(psql, [psql, "--no-psqlrc", "--command", "select pg_sleep(300)"], env)
connection.execute("select pg_sleep(300)")
"""


@dataclass(frozen=True)
class ServerHost:
    """A PostgreSQL on a host of its own, reached directly, so that its own kernel asks for its clients."""

    network: Network
    server: Postgres
    url: str


@pytest.fixture(scope="module")
def remote() -> Iterator[ServerHost]:
    folder = new_folder("lost")
    server = Postgres(
        folder / "pg",
        port=free_port(),
        password=secrets.token_hex(8),
        fsync=False,
        settings={"listen_addresses": "*", "shared_buffers": "16MB"},
    )
    try:
        server.start()  # makes its data
        server.stop()
        with Network() as network:
            with (server.data / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {network.net}.0/24 scram-sha-256\n")
            host = network.add("database")
            command = [str(postgres_programs() / "postgres"), *server._arguments()]
            # PostgreSQL refuses to run as root, which everybody is in a user namespace.
            other = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
            if not network.is_of_users:
                other = ["setpriv", f"--reuid={server.data.stat().st_uid}", "--clear-groups"]
            host.start([*other, *command], os.environ, folder / "log")
            wait_for(server.answers, message=(folder / "log").read_text)
            login = f"postgresql://postgres:{server.password}"
            yield ServerHost(network, server, f"{login}@{host.address}:{server.port}/postgres")
    finally:
        shutil.rmtree(folder)


def sleeping(server: Postgres, name: str) -> bool:
    with psycopg.connect(server.socket_url()) as admin:
        query = "select count(*) from pg_stat_activity where application_name = %s and state = 'active'"
        row = admin.execute(query, [f"cutover:{name}"]).fetchone()
    return bool(row and row[0])


def test_statements_of_a_host_that_disappeared_end(remote: ServerHost, tmp_path: Path) -> None:
    host, log, names = remote.network.add("worker"), tmp_path / "log", ("ours", "program")
    for who in names:
        argv = [sys.executable, "-c", CLIENT, remote.url, "/usr/bin/psql", who]
        host.start(argv, os.environ, log)
    for name in names:
        wait_for(lambda name=name: sleeping(remote.server, name), message=log.read_text)
    host.cut()  # no FIN, no RST: every packet is dropped
    cut = time.monotonic()
    for name in names:
        wait_for(lambda name=name: not sleeping(remote.server, name), timeout=LIMIT + 15, message=name)
    assert time.monotonic() - cut <= LIMIT
