"""`./panel run`: the panel alone, on DATABASE_URL and REDIS_URL where set, else on its own servers."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import psycopg
import redis

from cutover.commandline import loaded_settings
from cutover.embedded import WillNotStart
from cutover.processes import Panel, first_free_port, only_one
from cutover.servers import DATABASE, OwnServers
from cutover.supervisor import JobFailed, Stopped, Supervisor


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """What may stand behind `./panel run`."""
    parser = argparse.ArgumentParser("panel run", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; name it in ALLOWED_HOSTS too")
    return parser.parse_args(argv)


def say(line: str) -> None:
    """To the terminal, at once."""
    print(line, flush=True)  # noqa: T201


def check_servers(settings: ModuleType) -> None:
    """Raises `WillNotStart` when a server that the environment names does not answer."""
    if not settings.EMBEDDED_POSTGRES:
        try:
            psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5).close()
        except psycopg.Error as error:
            raise WillNotStart(f"The database of DATABASE_URL does not answer: {str(error).strip()}")
    if not settings.EMBEDDED_VALKEY:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5)
        try:
            client.ping()
        except redis.RedisError as error:
            raise WillNotStart(f"The server of REDIS_URL does not answer: {error}")
        finally:
            client.close()


def nobody_can_sign_in(servers: OwnServers) -> bool:
    """Is there no account yet?"""
    url = servers.postgres.socket_url(DATABASE) if servers.postgres else os.environ["DATABASE_URL"]
    with psycopg.connect(url, connect_timeout=5) as connection:
        return connection.execute("SELECT 1 FROM auth_user LIMIT 1").fetchone() is None


def serve(panel: Panel) -> None:
    """Starts everything and keeps it running until somebody stops it."""
    panel.start_servers()
    panel.prepare()
    panel.start_web()
    panel.start_parts()
    if nobody_can_sign_in(panel.servers):
        say("  Nobody can sign in yet. Make the first admin, in another terminal:")
        say("      ./panel manage createsuperuser")
    if panel.watch(panel.ready, timeout=60):
        say("✓ Worker, prober, dispatcher and reaper at work")
    else:
        say(f"✗ A part of the panel is not there yet; {panel.address}/health/ready says which.")
    say(f"\n  {panel.address}\n  Logs: {panel.supervisor.logs} · Ctrl-C stops everything.\n")
    panel.watch()


def main(argv: Sequence[str]) -> int:
    """The whole life of a panel; its exit code."""
    options = arguments(argv)
    settings = loaded_settings()
    folder = settings.CUTOVER_DATA
    supervisor = Supervisor(folder / "logs", say)
    servers = OwnServers(folder, postgres=settings.EMBEDDED_POSTGRES, valkey=settings.EMBEDDED_VALKEY)
    try:
        with only_one(folder, "another one"):
            check_servers(settings)
            port = first_free_port(options.host, options.port)
            panel = Panel(supervisor, folder, dict(os.environ), servers, options.host, port)
            try:
                supervisor.take_charge()
                serve(panel)
            finally:
                supervisor.stopping = True
                panel.stop()
    except Stopped:
        say("Stopped.")
    except (WillNotStart, JobFailed) as why:
        say(f"panel: {why}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
