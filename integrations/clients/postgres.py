"""Talks to a PostgreSQL database: connections that carry the attempt's name, addresses without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import conninfo, errors, pq

from integrations.clients.lost_clients import CLIENT_SETTINGS, watch_client
from integrations.clients.postgres_causes import advise_on_refusal, explain_connection, is_lost_connection
from integrations.clients.postgres_errors import describe_details, describe_error, describe_message
from integrations.clients.postgres_pooling import Pooling, find_pooling, shared_sessions
from integrations.clients.postgres_url import (
    WITHOUT_EFFECT_ON_PROGRAMS,
    read_parameters,
    without_database,
)
from integrations.clients.watched_connection import (
    WATCHER,
    LockReport,
    LockWatch,
    WatchedConnection,
    lock_problem,
)
from integrations.errors import Problem, Unreachable
from integrations.redact import MASK
from integrations.systems import System
from integrations.torn_address import is_torn_url

CONNECT_TIMEOUT = 10  # seconds
LOCK_WAIT = 60.0  # seconds that a statement may wait for locks where somebody reads the log meanwhile
QUIET_LOCK_WAIT = 10.0  # the same where nobody does: a preview, a probe

Connection = psycopg.Connection[tuple[Any, ...]]


def libpq_url(url: str) -> str:
    """Translates a URL of SQLAlchemy or Prisma into one that libpq reads.

    SQLAlchemy's driver (``postgresql+psycopg2://``) is dropped. Prisma's ``schema`` becomes the search path
    where it is not ``public``; its other parameters that libpq does not know are dropped. A text without
    ``://`` is taken as libpq's own format. Raises `Problem` for another scheme.
    """
    if "://" not in url:
        return url
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise Problem(
            f"“{parts.scheme}://…” is no address of a PostgreSQL database.",
            next="It has to look like postgresql://user:password@host:5432/database.",
        )
    kept = read_parameters(parts.query)
    schema = kept.pop("schema", "public")
    if schema != "public":
        kept["options"] = f"{kept.get('options', '')} -c search_path={_escaped(schema)}".strip()
    query = urlencode(kept).replace("+", "%20")  # libpq takes a plus sign as it stands
    return urlunsplit(("postgresql", parts.netloc, parts.path, query, ""))


def _escaped(schema: str) -> str:
    quoted = '"' + schema.replace('"', '""') + '"'
    return re.sub(r"([\\ ])", r"\\\1", quoted)


def connection_settings(url: str) -> dict[str, str]:
    """The settings in a URL by libpq's names (host, port, user, password, dbname …). Raises `Problem`."""
    try:
        found = conninfo.conninfo_to_dict(libpq_url(url))
        if not re.fullmatch(r"[\d,]*", str(found.get("port", ""))) or is_torn_url(url):
            raise ValueError
    except (psycopg.Error, ValueError):
        # the message of libpq can hold the password: it is not repeated
        raise Problem(
            "The address of the database cannot be read.",
            means="It is no complete PostgreSQL URL; often a sign in the password is not percent-encoded.",
            next="Write it as postgresql://user:password@host:5432/database, with @ as %40, / as %2F, "
            "# as %23 and ? as %3F in the password.",
        ) from None
    return {name: str(value) for name, value in found.items() if value is not None}


def address(url: str) -> str:
    """``host:port/database``, without connecting and without secrets; also the name of the resource."""
    known = connection_settings(url)
    host = known.get("host") or known.get("hostaddr") or "localhost"
    if ":" in host and "," not in host and not host.startswith("/"):
        host = f"[{host}]"
    name = known.get("dbname") or known.get("user") or "postgres"
    return f"{host}:{known.get('port') or '5432'}/{name}"


def with_database(url: str, database: str) -> str:
    """The same address with another database. A URL stays a URL, because Prisma needs one."""
    if "://" in url:
        parts = urlsplit(url)
        path, query = "/" + quote(database, safe=""), without_database(parts.query)
        return urlunsplit(parts._replace(path=path, query=query))
    return conninfo.make_conninfo(**{**connection_settings(url), "dbname": database})


def libpq_environment(url: str) -> dict[str, str]:
    """The address as libpq's environment variables, so that nothing of it shows in the list of processes."""
    values = connection_settings(url)
    named = {d.keyword.decode(): d.envvar.decode() for d in pq.Conninfo.get_defaults() if d.envvar}
    values.setdefault("connect_timeout", str(CONNECT_TIMEOUT))
    missing = sorted(set(values) - set(named) - WITHOUT_EFFECT_ON_PROGRAMS)
    if missing:
        raise Problem(
            f"The address of {address(url)} has settings that its client programs cannot be given: "
            f"{', '.join(missing)}.",
            next="Take them out of the URL, or set them in the server or the role.",
        )
    return {named[name]: value for name, value in values.items() if name in named}


def connect(
    url: str,
    *,
    attempt: str = "",
    autocommit: bool = True,
    readonly: bool = False,
    report: LockReport | None = None,
    lock_wait: float | None = None,
) -> WatchedConnection:
    """A connection with ``application_name=cutover:<attempt>``. Raises `Unreachable`.

    ``readonly`` makes every transaction read-only. The server ends a running statement soon after this
    process or the way to it is gone (`lost_clients`, from PostgreSQL 14 on). No statement waits for a
    lock longer than ``lock_wait`` seconds (default: `LOCK_WAIT` with a report, else `QUIET_LOCK_WAIT`), and
    ``report`` is told who holds it. Behind a pooler that shares sessions nothing is set, and ``readonly``
    raises `Problem`. Statements that change something go through `lock_waits`, which sets it everywhere.
    """
    limit = lock_wait or (QUIET_LOCK_WAIT if report is None else LOCK_WAIT)
    name = f"cutover:{attempt}" if attempt else "cutover"
    connection = _open(url, name)
    try:
        # What is set in a shared session stays there: the application's next write would be refused.
        pooling = find_pooling(connection, lambda: _open(url, name))
        if pooling != Pooling.TRANSACTION:
            _prepare(connection, readonly, limit)
        elif readonly:
            raise shared_sessions(address(url))
        connection.read_only = readonly or None
        connection.autocommit = autocommit
    except BaseException as error:  # raised again as what caused it
        connection.close()
        raise (connection_error(url, error) if isinstance(error, psycopg.Error) else error) from None
    # Behind a pooler the server's session has another pid; its name is passed on.
    pid, application = (connection.info.backend_pid, "") if pooling == Pooling.NONE else (0, name)
    watcher = partial(_open_watcher, url)
    connection.watch = LockWatch(watcher, pid=pid, application=application, report=report, limit=limit)
    return connection


def connect_to(
    system: System, *, attempt: str, report: LockReport, readonly: bool = False, autocommit: bool = True
) -> WatchedConnection:
    """`connect` to a system of kind ``postgres``, whose ``lock_wait`` counts."""
    return connect(
        system["url"],
        attempt=attempt,
        report=report,
        readonly=readonly,
        autocommit=autocommit,
        lock_wait=system.seconds("lock_wait", LOCK_WAIT),
    )


def watch_application(url: str, application: str, report: LockReport, limit: float = LOCK_WAIT) -> LockWatch:
    """A watch over all sessions of one application name in the server of ``url``."""
    watch = LockWatch(partial(_open_watcher, url), application=application, report=report, limit=limit)
    watch.begin()
    return watch


def _open_watcher(url: str) -> WatchedConnection:
    connection = _open(url, WATCHER)
    connection.execute("set statement_timeout = '5s'")  # it reads the catalogs, and ends soon by itself
    return connection


def _open(url: str, application: str) -> WatchedConnection:
    known = {**CLIENT_SETTINGS, **connection_settings(url), "application_name": application}
    info = conninfo.make_conninfo(**known)
    try:
        return WatchedConnection.connect(info, autocommit=True, connect_timeout=CONNECT_TIMEOUT)
    except psycopg.Error as error:
        raise connection_error(url, error) from None


def find_pooling_of(url: str) -> Pooling:
    """What stands between us and the server of an address; sets nothing there. Raises `Problem`."""
    with explain_errors(url), _open(url, "cutover") as connection:
        return find_pooling(connection, lambda: _open(url, "cutover"))


def _prepare(connection: Connection, readonly: bool, lock_wait: float) -> None:
    # Set in the session, so that it wins over a setting of the role, the database or the address.
    connection.execute("select set_config('lock_timeout', %s, false)", [f"{int(lock_wait * 1000)}ms"])
    watch_client(connection)
    if readonly:
        connection.execute("set default_transaction_read_only = on")


def connection_error(url: str, error: Exception) -> Unreachable:
    """The error for a connection that failed: what libpq or the server said, without the URL's password, and
    the advice for its cause."""
    said = describe_error(error) if isinstance(error, psycopg.Error) else str(error) or type(error).__name__
    for secret in _passwords(url):
        said = said.replace(secret, MASK)
    means, remedy = explain_connection(said)
    return Unreachable(
        f"The database {address(url)} cannot be reached: {said}.",
        means=means,
        next=f"{remedy} Then try again.".strip(),
    )


def _passwords(url: str) -> list[str]:
    """The password as libpq reads it, and as it is written in the URL; the longest first."""
    known = connection_settings(url).get("password") or ""
    written = urlsplit(url).password or "" if "://" in url else ""
    return sorted({one for one in (known, written, quote(known, safe="")) if one}, key=len, reverse=True)


@contextmanager
def explain_errors(url: str) -> Iterator[None]:
    """Turns errors of psycopg inside the block into a `Problem`; a lost connection into `Unreachable`.

    What PostgreSQL said comes first: its message, then detail, hint and context, then the advice for its
    SQLSTATE.
    """
    try:
        yield
    except errors.LockNotAvailable as error:
        raise lock_problem(address(url), error) from error
    except psycopg.Error as error:
        message, details = describe_message(error), describe_details(error)
        if is_lost_connection(error):
            raise Unreachable(
                f"The connection to {address(url)} was lost: {message}.",
                means=details or "The server or the network ended it in the middle of the work.",
                next="See that the server runs, then look at what was done before you start again.",
            ) from error
        raise Problem(
            f"PostgreSQL refused at {address(url)}: {message}.",
            means=details,
            next=advise_on_refusal(error.sqlstate or ""),
        ) from error


def read_identity(connection: Connection) -> dict[str, Any]:
    """Which database a connection really leads to, as JSON values for evidence.

    Host, port, database, user, version, encoding, and the server's system identifier, which is None where
    it may not be read.
    """
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
