"""Talks to a PostgreSQL database: connections that can be found and ended, addresses without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import conninfo, pq

from integrations.errors import Problem, Unreachable

CONNECT_TIMEOUT = 10  # seconds
CHECK_INTERVAL = 500  # milliseconds after which a server notices that its client is gone

Connection = psycopg.Connection[tuple[Any, ...]]


def normal(url: str) -> str:
    """A URL as libpq reads it, from one as SQLAlchemy or Prisma write it.

    SQLAlchemy's driver (``postgresql+psycopg2://``) goes; of Prisma's parameters ``schema`` becomes
    the search path where it is not ``public``, those that libpq does not know go. Raises `Problem`.
    """
    if "://" not in url:
        return url
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise Problem(
            f"“{parts.scheme}://…” is no address of a PostgreSQL database.",
            next="It has to look like postgresql://user:password@host:5432/database.",
        )
    known = {default.keyword.decode() for default in pq.Conninfo.get_defaults()}
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    kept = {name: value for name, value in asked.items() if name in known}
    schema = asked.get("schema", "public")
    if schema != "public":
        kept["options"] = f"{kept.get('options', '')} -c search_path={_escaped(schema)}".strip()
    query = urlencode(kept).replace("+", "%20")  # libpq takes a plus sign as it stands
    return urlunsplit(("postgresql", parts.netloc, parts.path, query, ""))


def _escaped(schema: str) -> str:
    quoted = '"' + schema.replace('"', '""') + '"'
    return re.sub(r"([\\ ])", r"\\\1", quoted)


def settings(url: str) -> dict[str, str]:
    """What the URL says, by libpq's names (host, port, user, password, dbname …)."""
    try:
        found = conninfo.conninfo_to_dict(normal(url))
        if not re.fullmatch(r"[\d,]*", str(found.get("port", ""))) or _is_torn(url):
            raise ValueError
    except (psycopg.Error, ValueError):
        # the message of libpq can hold the password: it is not repeated
        raise Problem(
            "The address of the database cannot be read.",
            means="It is no complete PostgreSQL URL; often a sign in the password is not percent-encoded.",
            next="Write it as postgresql://user:password@host:5432/database, with @ as %40 and / as %2F.",
        ) from None
    return {name: str(value) for name, value in found.items() if value is not None}


def _is_torn(url: str) -> bool:
    """Whether a bare / in the password made its rest part of the database's name."""
    return "://" in url and "@" in urlsplit(url).path


def address(url: str) -> str:
    """``host:port/database`` without connecting and without secrets; the name of a database's resource."""
    known = settings(url)
    host = known.get("host") or known.get("hostaddr") or "localhost"
    if ":" in host and "," not in host and not host.startswith("/"):
        host = f"[{host}]"
    name = known.get("dbname") or known.get("user") or "postgres"
    return f"{host}:{known.get('port') or '5432'}/{name}"


def with_database(url: str, database: str) -> str:
    """The same server, login and parameters, another database; a URL stays a URL (Prisma needs one)."""
    if "://" in url:
        return urlunsplit(urlsplit(url)._replace(path="/" + quote(database, safe="")))
    return conninfo.make_conninfo(**{**settings(url), "dbname": database})


def program_environment(url: str) -> dict[str, str]:
    """The address as libpq's environment variables: nothing of it then shows in a list of processes."""
    values = settings(url)
    named = {d.keyword.decode(): d.envvar.decode() for d in pq.Conninfo.get_defaults() if d.envvar}
    values.setdefault("connect_timeout", str(CONNECT_TIMEOUT))
    missing = sorted(set(values) - set(named))
    if missing:
        raise Problem(
            f"The address of {address(url)} has settings that its client programs cannot be given: "
            f"{', '.join(missing)}.",
            next="Take them out of the URL, or set them in the server or the role.",
        )
    return {named[name]: value for name, value in values.items()}


def connect(url: str, *, attempt: str = "", autocommit: bool = True, readonly: bool = False) -> Connection:
    """A connection that the server gives up soon after we are gone, named ``cutover:<attempt>``.

    ``readonly`` makes every transaction of it read-only. Raises `Unreachable` in words.
    """
    name = f"cutover:{attempt}" if attempt else "cutover"
    info = conninfo.make_conninfo(**{**settings(url), "application_name": name})
    try:
        connection: Connection = psycopg.connect(info, autocommit=True, connect_timeout=CONNECT_TIMEOUT)
        try:
            _prepare(connection, readonly)
            connection.read_only = readonly or None
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
    except psycopg.Error as error:
        raise unreachable(url, error) from None
    return connection


def _prepare(connection: Connection, readonly: bool) -> None:
    if connection.info.server_version >= 140000:
        connection.execute(
            "select set_config('client_connection_check_interval', %s, false)", [str(CHECK_INTERVAL)]
        )
    if readonly:
        connection.execute("set default_transaction_read_only = on")


#: what libpq says → what it means, and what to do
CAUSES = (
    (
        r"password authentication failed|no password supplied",
        "The login is refused.",
        "Check user and password.",
    ),
    (
        r"no pg_hba.conf entry",
        "The server does not let this host or user in.",
        "Ask for an entry in pg_hba.conf.",
    ),
    (
        r'database ".*" does not exist',
        "The server answers, but has no such database.",
        "Check the database's name.",
    ),
    (r'role ".*" does not exist', "The server answers, but has no such role.", "Check the user's name."),
    (
        r"is not permitted to log in",
        "The role may not log in.",
        "Use another role, or ALTER ROLE … LOGIN.",
    ),
    (
        r"Connection refused",
        "Nothing listens at that host and port.",
        "Check the address, and that PostgreSQL runs.",
    ),
    (
        r"could not translate host name|Name or service not known|failed to resolve",
        "The host's name is unknown.",
        "Check the host's name and the DNS of the worker.",
    ),
    (r"timeout|timed out", "The host does not answer in time.", "Check network, firewall and address."),
    (
        r"too many (clients|connections)|remaining connection slots",
        "The server has no free connection.",
        "End idle sessions, or raise max_connections.",
    ),
    (
        r"starting up|shutting down|in recovery mode",
        "The server is starting or stopping.",
        "Try again in a minute.",
    ),
    (
        r"SSL|certificate",
        "Encryption could not be agreed on.",
        "Check sslmode and certificates in the URL.",
    ),
)


def unreachable(url: str, error: Exception) -> Unreachable:
    """What a failed connection means in words; the password of the URL is never part of it."""
    text = str(error).replace(settings(url).get("password") or "\0", "•••")
    unknown = ((text.strip() or type(error).__name__).splitlines()[0], "")
    means, remedy = next((c[1:] for c in CAUSES if re.search(c[0], text)), unknown)
    return Unreachable(
        f"The database {address(url)} cannot be reached.",
        means=means,
        next=f"{remedy} Then try again.".strip(),
    )


@contextmanager
def in_words(url: str) -> Iterator[None]:
    """Turns what psycopg raises inside the block into a `Problem`, a lost connection into `Unreachable`."""
    try:
        yield
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error).strip() or type(error).__name__
        if error.sqlstate is None or error.sqlstate[:2] in ("08", "57"):
            raise Unreachable(
                f"The connection to {address(url)} was lost: {said}.",
                means="The server or the network ended it in the middle of the work.",
                next="See that the server runs, then look at what was done before you start again.",
            ) from error
        raise Problem(
            f"PostgreSQL refused at {address(url)}: {said} ({error.sqlstate}).",
            means=" ".join(filter(None, (error.diag.message_detail, error.diag.message_hint))),
            next="Remove the cause, then start the item again.",
        ) from error


def identity(connection: Connection) -> dict[str, Any]:
    """Which database this truly is: host, port, database, user, version, encoding, and the server's
    system identifier where it may be read (else None). JSON values."""
    info = connection.info
    row = connection.execute(
        "select current_database(), current_user, current_setting('server_version'),"
        " current_setting('server_encoding'), has_function_privilege('pg_control_system()', 'execute')"
    ).fetchone()
    assert row is not None
    system = None
    if row[4]:
        found = connection.execute("select system_identifier::text from pg_control_system()").fetchone()
        system = found[0] if found else None
    return {
        "host": info.host,
        "port": info.port,
        "database": row[0],
        "user": row[1],
        "version": row[2],
        "encoding": row[3],
        "system_identifier": system,
    }
