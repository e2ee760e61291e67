"""`./panel run`: the panel alone, on DATABASE_URL and REDIS_URL if they are set, else on embedded servers."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import psycopg
import redis

from cutover.commandline import load_settings
from cutover.database.connection import NO_OWNER
from cutover.embedded import StartupError
from cutover.processes import Panel, first_free_port, lock_data_folder
from cutover.servers import DATABASE, OwnServers
from cutover.supervisor import JobFailed, Stopped, Supervisor
from cutover.terminal import say
from integrations.artefacts import check_storage
from integrations.errors import Problem
from integrations.redact.process_output import mask_standard_streams


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parses the options of `./panel run`."""
    parser = argparse.ArgumentParser("panel run", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; name it in ALLOWED_HOSTS too")
    return parser.parse_args(argv)


def check_servers(settings: ModuleType) -> None:
    """Raises `StartupError` when a server that the environment names does not answer."""
    if not settings.EMBEDDED_POSTGRES:
        # The owner first: it migrates, and makes the role of DATABASE_URL when that is missing.
        if not settings.DATABASE_OWNER_URL:
            raise StartupError(NO_OWNER)
        try:
            psycopg.connect(settings.DATABASE_OWNER_URL, connect_timeout=5).close()
        except psycopg.Error as error:
            raise StartupError(f"The database of DATABASE_OWNER_URL does not answer: {str(error).strip()}")
    try:
        check_storage(say)
    except Problem as problem:
        raise StartupError(str(problem))
    if not settings.EMBEDDED_VALKEY:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5)
        try:
            client.ping()
        except redis.RedisError as error:
            raise StartupError(f"The server of REDIS_URL does not answer: {error}")
        finally:
            client.close()


def has_no_accounts(servers: OwnServers) -> bool:
    """Whether the panel has no account yet. Raises `StartupError` when nobody can connect."""
    url = servers.postgres.socket_url(DATABASE) if servers.postgres else os.environ["DATABASE_URL"]
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.execute("SELECT 1 FROM auth_user LIMIT 1").fetchone() is None
    except psycopg.Error as error:
        raise StartupError(f"The database of DATABASE_URL does not answer: {str(error).strip()}")


def serve(panel: Panel) -> None:
    """Starts the panel and keeps it running until it is stopped."""
    panel.start_servers()
    panel.prepare()
    panel.start_web()
    panel.start_services()
    if has_no_accounts(panel.servers):
        say("  Nobody can sign in yet. Create the first admin in another terminal:")
        say("      ./panel manage createsuperuser")
    if panel.watch(panel.ready, timeout=60):
        say("✓ Worker, prober, dispatcher and reaper are running")
    else:
        say(f"✗ A service of the panel does not run yet; {panel.address}/health/ready says which.")
    say(f"\n  {panel.address}\n  Logs: {panel.supervisor.logs} · Ctrl-C stops everything.\n")
    panel.watch()


def main(argv: Sequence[str]) -> int:
    """Runs the panel until it is stopped; returns the exit code."""
    options = arguments(argv)
    settings = load_settings()
    folder = settings.CUTOVER_DATA
    supervisor = Supervisor(folder / "logs", say)
    servers = OwnServers(folder, postgres=settings.EMBEDDED_POSTGRES, valkey=settings.EMBEDDED_VALKEY)
    try:
        with lock_data_folder(folder, "another one"):
            check_servers(settings)
            port = first_free_port(options.host, options.port)
            panel = Panel(supervisor, folder, dict(os.environ), servers, options.host, port)
            try:
                supervisor.adopt_orphans()
                supervisor.catch_stop_signals()
                serve(panel)
            finally:
                panel.stop()
    except Stopped:
        say("Stopped.")
    except (StartupError, JobFailed) as why:
        say(f"panel: {why}")
        return 1
    return 0


if __name__ == "__main__":
    mask_standard_streams()
    sys.exit(main(sys.argv[1:]))
