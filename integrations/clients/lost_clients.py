"""Lets a server end a statement soon after its client, or the way to it, is gone.

A client that is killed closes its connection, and the server notices when it looks. A host that is switched
off, or a network that drops every packet, closes nothing: only unanswered probes of TCP tell it. Without them
PostgreSQL finishes the statement, and Linux waits two hours before it asks.
"""

from __future__ import annotations

from psycopg import sql

from integrations.clients.postgres_pooling import Connection, is_behind_pooler

CHECK_INTERVAL = 500  # milliseconds between two looks of a server at its client while a statement runs
IDLE, INTERVAL, COUNT = 5, 2, 3  # seconds of silence, seconds between probes, how many may be unanswered
UNANSWERED = 10_000  # milliseconds that data which was sent may stay unacknowledged
#: Seconds after a silent cut within which a statement has ended, with some room for a busy server. It is less
#: than the 20 s after which an attempt may be declared lost.
LIMIT = IDLE + INTERVAL * COUNT + 4

#: What libpq does at our end, by the names of its settings. An address that names one of these wins.
CLIENT_SETTINGS = {
    "keepalives_idle": str(IDLE),
    "keepalives_interval": str(INTERVAL),
    "keepalives_count": str(COUNT),
    "tcp_user_timeout": str(UNANSWERED),
}


def server_settings(version: int) -> dict[str, str]:
    """What a server of this version (as in ``server_version_num``) does at its end. Every login may set it.

    Over a Unix socket the settings of TCP have no effect, and need none.
    """
    known = {
        "tcp_keepalives_idle": str(IDLE),
        "tcp_keepalives_interval": str(INTERVAL),
        "tcp_keepalives_count": str(COUNT),
    }
    if version >= 120000:
        known["tcp_user_timeout"] = str(UNANSWERED)
    if version >= 140000:
        known["client_connection_check_interval"] = str(CHECK_INTERVAL)
    return known


def watch_client(connection: Connection) -> None:
    """Sets it in this session, so that it wins over a setting of the role, the database or the address."""
    calls = [
        sql.SQL("set_config({}, {}, false)").format(sql.Literal(name), sql.Literal(value))
        for name, value in server_settings(connection.info.server_version).items()
    ]
    connection.execute(sql.SQL("select {}").format(sql.SQL(", ").join(calls)))


def as_options(version: int) -> str:
    """The settings as the parameter ``options`` of a connection, for programs that make their own."""
    return " ".join(f"-c {name}={value}" for name, value in server_settings(version).items())


def options_for_programs(connection: Connection) -> str:
    """`as_options` for the server of this connection; empty behind a pooler, which may refuse ``options``."""
    return "" if is_behind_pooler(connection) else as_options(connection.info.server_version)
