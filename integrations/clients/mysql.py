"""Reads from MySQL or MariaDB: one query, in a transaction that can only read, for a limited time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pymysql
from pymysql.constants import CR

from integrations.clients.mysql_address import MySqlAddress
from integrations.errors import Problem, Unreachable

CONNECT_TIMEOUT = 10  # seconds
GRACE = 5.0  # seconds after its limit, in which the server itself may end the query
READ_ONLY = frozenset({"tx_read_only", "transaction_read_only"})  # one of them, or both, by version
SESSION = "show session variables where variable_name in %s"
NO_ESCAPES = "set session sql_mode = replace(@@session.sql_mode, 'NO_BACKSLASH_ESCAPES', '')"

Connection = Any  # pymysql has no types

#: code and message (a pattern), what it means, and what to do
CAUSES = (
    (r"^1045|^1698", "The login is refused.", "Check user and password."),
    (r"^1044|^1142|^1143|^1227", "The login may not read this.", "Grant it SELECT on what the query reads."),
    (r"^1049", "The server answers, but has no such database.", "Check the database's name."),
    (r"^1130|^1129", "The server does not let this host in.", "Allow the worker's host in the login's name."),
    (r"^1040|^1203|^1226", "The server has no free connection.", "End idle sessions, or raise the limit."),
    (
        r"^3159|^2026|SSL|TLS|certificate|secure transport",
        "Encryption could not be agreed on.",
        "Check ssl-mode and ssl-ca of the address, and the server's certificate.",
    ),
    (
        r"^2003.*(Name or service|getaddrinfo|name resolution)",
        "The host's name is unknown.",
        "Check the host's name and the DNS of the worker.",
    ),
    (
        r"^2003.*timed out",
        "The host does not answer in time.",
        "Check network, firewall and address.",
    ),
    (
        r"^2003|^2002",
        "Nothing listens at that host and port.",
        "Check the address, and that the server runs.",
    ),
    (
        r"^1969|^3024|timed out",
        "The query took longer than it may, and was ended.",
        "Give it more time (timeout_seconds:), or ask for less.",
    ),
    (r"^1792|^1290", "The transaction can only read.", "Ask without changing anything."),
    (
        r"^1053|^2006|^2013|^1927|^1317",
        "The server or the network ended the connection.",
        "See that the server runs.",
    ),
)
LOST = frozenset({CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST, 1053, 1927})


def fetch_rows(
    url: str, query: str, *, timeout: float, most: int, attempt: str = ""
) -> tuple[list[str], list[Sequence[Any]]]:
    """Names of the columns, and at most ``most`` + 1 rows, of one query. Raises `Problem`."""
    address = MySqlAddress.parse(url)
    connection = _connect(address, attempt, timeout)
    try:
        _begin(connection, timeout, most)
        with connection.cursor() as cursor:
            cursor.execute(query)  # without arguments a % is only a sign; the protocol takes one statement
            return [column[0] for column in cursor.description or ()], list(cursor.fetchmany(most + 1))
    except pymysql.Error as error:
        raise _explain(address, error) from None
    finally:
        connection.close()


def _connect(address: MySqlAddress, attempt: str, timeout: float) -> Connection:
    context = address.tls_context()
    is_trusted = bool(address.socket) or address.tls.startswith("verify")
    try:
        return pymysql.connect(
            host=address.host,
            port=address.port,
            unix_socket=address.socket or None,
            user=address.user,
            password=address.password.encode(),
            database=address.database or None,
            charset="utf8mb4",
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=timeout + GRACE,
            write_timeout=CONNECT_TIMEOUT,
            program_name=f"cutover:{attempt}" if attempt else "cutover",
            ssl=context,
            ssl_disabled=address.tls == "disabled",
            auth_plugin_map={} if is_trusted else _NO_CLEAR_PASSWORD,
        )
    except (pymysql.Error, OSError) as error:
        text = _mask(_words(error), address)
        means, remedy = _cause(text)
        raise Unreachable(
            f"The database {address} cannot be reached: {text}.",
            means=means or "Nothing was asked.",
            next=f"{remedy or 'Check the address.'} Then try again.",
        ) from None


class _NoClearPassword:
    """Any server may ask for the password as it is, also one that only pretends to be ours."""

    def __init__(self, connection: Connection) -> None:
        pass

    def authenticate(self, packet: object) -> bytes:
        """Raises for every server."""
        raise pymysql.OperationalError(
            CR.CR_AUTH_PLUGIN_ERR, "The server asks for the password in clear text"
        )

    prompt = authenticate


_NO_CLEAR_PASSWORD = {b"mysql_clear_password": _NoClearPassword, b"dialog": _NoClearPassword}


def _begin(connection: Connection, timeout: float, most: int) -> None:
    """Begins a read-only transaction, with limits that the server keeps. Raises `Problem` without it."""
    with connection.cursor() as cursor:
        cursor.execute(SESSION, [("max_statement_time", "max_execution_time")])
        known = {name for name, _ in cursor.fetchall()}
        if "max_statement_time" in known:  # MariaDB
            cursor.execute("set session max_statement_time = %s", [timeout])
        elif known:  # MySQL from 5.7 on; an older server is bound by the connection's own limit
            cursor.execute("set session max_execution_time = %s", [max(1, round(timeout * 1000))])
        cursor.execute("set session sql_select_limit = %s", [most + 1])
        cursor.execute(NO_ESCAPES)  # the text was split into words by the usual rules
        cursor.execute("set session transaction read only")
        cursor.execute("start transaction read only")
        cursor.execute(SESSION, [tuple(READ_ONLY)])
        found = {value for _, value in cursor.fetchall()}
    if found != {"ON"}:
        raise Problem(
            "The transaction is not read-only, although it was asked for.",
            means="Nothing was run: a pooler may have given another session.",
            next="Give this system the direct address of the server.",
        )


def _explain(address: MySqlAddress, error: Exception) -> Problem:
    text = _mask(_words(error), address)
    means, remedy = _cause(text)
    if error.args and error.args[0] in LOST and "timed out" not in text:
        return Unreachable(
            f"The connection to {address} was lost: {text}.",
            means=means,
            next="See that the server runs, then start the item again.",
        )
    return Problem(
        f"The server refused at {address}: {text}.",
        means=means or "Nothing was changed.",
        next=f"{remedy or 'Correct the query.'} Then start the item again.",
    )


def _words(error: Exception) -> str:
    """The code and what the server said: ``1146 Table 'shop.x' doesn't exist``."""
    words = " ".join(str(part) for part in error.args) or type(error).__name__
    return words.strip().rstrip(".")


def _mask(text: str, address: MySqlAddress) -> str:
    return text.replace(address.password, "•••") if address.password else text


def _cause(text: str) -> tuple[str, str]:
    found = ((means, remedy) for pattern, means, remedy in CAUSES if re.search(pattern, text))
    return next(found, ("", ""))
