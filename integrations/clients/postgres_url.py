"""Reads the parameters in a URL of a PostgreSQL database as its other readers write them."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from psycopg import pq

#: Settings without an environment variable that only keep a connection alive or name it: a program does
#: without them.
WITHOUT_EFFECT_ON_PROGRAMS = frozenset(
    {
        "fallback_application_name",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
    }
)


def read_parameters(query: str) -> dict[str, str]:
    """The parameters in a URL's query that libpq knows, with other readers' words for them translated.

    Node's pg has ``sslmode=no-verify`` for TLS without verification, which is libpq's ``require``; its and
    JDBC's ``ssl=true`` asks for TLS as well. Sources: node-postgres.com/features/ssl,
    jdbc.postgresql.org/documentation/use. Parameters that nobody here knows are dropped: they tell pools and
    clients of other languages how to behave.
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    known = {default.keyword.decode() for default in pq.Conninfo.get_defaults()}
    kept = {name: value for name, value in given.items() if name in known}
    if kept.get("sslmode") == "no-verify":
        kept["sslmode"] = "require"
    if given.get("ssl") in ("true", "1"):
        kept.setdefault("sslmode", "require")
    return kept | ({"schema": given["schema"]} if "schema" in given else {})


def without_database(query: str) -> str:
    """The query of a URL without a ``dbname``, which would win over the database in the path."""
    return "&".join(pair for pair in query.split("&") if not re.fullmatch(r"dbname(=.*)?", pair))
