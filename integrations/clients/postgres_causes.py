"""What an error of PostgreSQL or of libpq means, and what to do: one advice for each cause."""

from __future__ import annotations

import re

import psycopg

#: message of libpq (a pattern), what it means, and what to do; the first that fits applies
CONNECTION_CAUSES = (
    (
        r"password authentication failed|no password supplied",
        "The login is refused.",
        "Check user and password.",
    ),
    (
        r"no pg_hba.conf entry.*no encryption",
        "The server does not let this host or user in without encryption, or not at all.",
        "Add sslmode=require to the URL; if it is refused then, too, ask for an entry in pg_hba.conf.",
    ),
    (
        r"no pg_hba.conf entry|pg_hba.conf rejects",
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
        r"not currently accepting connections",
        "The database does not let anybody in (datallowconn).",
        "ALTER DATABASE … ALLOW_CONNECTIONS true, unless somebody closed it on purpose.",
    ),
    (
        r"Connection refused|No such file or directory",
        "Nothing listens at that host and port.",
        "Check the address, and that PostgreSQL runs.",
    ),
    (
        r"could not translate host name|Name or service not known|failed to resolve",
        "The host's name is unknown.",
        "Check the host's name and the DNS of the worker.",
    ),
    (
        r"too many (clients|connections)|remaining connection slots",
        "The server has no free connection.",
        "End idle sessions, or raise max_connections.",
    ),
    (
        r"starting up|shutting down|in recovery mode|not yet accepting connections",
        "The server is starting or stopping.",
        "Try again in a minute.",
    ),
    (
        r"server does not support SSL",
        "The server has no TLS, and the URL asks for it.",
        "Turn TLS on in the server; sslmode=disable only where nobody else can read the network.",
    ),
    (
        r"certificate has expired",
        "The server's certificate is too old.",
        "Renew it in the server.",
    ),
    (
        r"does not match host name",
        "The server's certificate is for another name.",
        "Write the certificate's name as the host in the URL (hostaddr= may hold the IP address).",
    ),
    (
        r"root certificate file",
        "The URL asks to verify the server, and the worker has no root certificate to do it with.",
        "Add sslrootcert=/path/ca.pem to the URL, or sslrootcert=system.",
    ),
    (
        r"self-signed certificate|unable to get (local )?issuer",
        "The server's certificate is not signed by an authority that the worker knows.",
        "Name the authority's certificate: sslrootcert=/path/ca.pem in the URL.",
    ),
    (
        r"certificate verify failed",  # libpq does not say why
        "The server's certificate has expired, or is not signed by an authority that the worker knows.",
        "Look at its dates (openssl s_client -starttls postgres -connect HOST:PORT); renew it, or name its "
        "authority's certificate: sslrootcert=/path/ca.pem in the URL.",
    ),
    (
        r"SSL|certificate",
        "Encryption could not be agreed on.",
        "Check sslmode and certificates in the URL.",
    ),
    (r"timeout|timed out", "The host does not answer in time.", "Check network, firewall and address."),
)
#: SQLSTATE or its begin → what to do, “{again}” included; the first that fits applies
REFUSALS = (
    ("42501", "Grant the login this right, or use a login that has it, then {again}."),
    ("25006", "Transactions are read-only: lift the freeze, or use the primary's address, then {again}."),
    (("42P01", "42703", "42883", "3F000"), "Check the name, its schema and the search_path of the login."),
    (
        ("40001", "40P01"),
        "Another session was in its way and this one was rolled back: {again}.",
    ),
    ("55P03", "Another session holds the lock: see pg_locks for whose it is, then {again}."),
    ("55006", "Somebody uses the object: end the sessions that do, then {again}."),
    (
        "57014",
        "It took longer than allowed, or somebody cancelled it: look what it waited for (pg_stat_activity), "
        "then {again}.",
    ),
    ("53100", "The server's disk is full: free some, then {again}."),
    ("53", "The server lacks a resource: see its log, then {again}."),
    ("22", "A value does not fit: correct the rows, or the query, then {again}."),
    ("23", "Rows break this constraint: correct the rows, then {again}."),
)
#: classes of errors with which the server or the network ends a session
LOST = ("08", "57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04")


def explain_connection(said: str) -> tuple[str, str]:
    """What the message of a connection that failed means, and what to do."""
    known = (cause[1:] for cause in CONNECTION_CAUSES if re.search(cause[0], said))
    return next(known, ("", "Remove that cause."))


def advise_on_refusal(state: str, *, again: str = "start the item again") -> str:
    """What to do about an error with this SQLSTATE; ``again`` is what follows once the cause is gone."""
    known = (advice for begin, advice in REFUSALS if state.startswith(begin))
    return next(known, "Remove the cause, then {again}.").format(again=again)


def is_lost_connection(error: psycopg.Error) -> bool:
    """Whether the session is over: errors of libpq have no SQLSTATE. A cancelled statement is none."""
    return error.sqlstate is None or error.sqlstate.startswith(LOST)
