"""The accounts of the application: the hash schemes of their passwords, and the canary's password."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import argon2

from integrations.clients import lock_waits, postgres
from integrations.errors import Problem

NAME = re.compile(r"[A-Za-z_]\w*")
HASHES = ("argon2id",)  # those that `set_password` can make
SETTINGS = ("table", "id", "email", "password", "insert", "sessions", "verifiable", "lookup")
#: How the application finds an address that is typed: in small letters, whatever the capitals, as typed.
LOOKUPS = ("lowercase", "insensitive", "exact")
EXAMPLE = "{table: accounts, id: id, email: email, password: password_hash}"

#: passlib, werkzeug and argon2 all begin with the scheme. The server extracts it: no hash leaves the server.
SCHEME = """
CASE WHEN coalesce({0}, '') = '' THEN 'none'
     WHEN {0} LIKE '$%%' THEN split_part({0}, '$', 2)
     WHEN {0} LIKE 'pbkdf2:%%' THEN substring({0} FROM '^pbkdf2:[a-z0-9]+')
     WHEN {0} ~ '^[a-z0-9]+[:$]' THEN substring({0} FROM '^[a-z0-9]+')
     ELSE 'unknown' END
"""


@dataclass(frozen=True)
class AccountTables:
    """Where the accounts are: the table and its columns, and the table of their sessions.

    ``insert``: column → value of a new account, beside address and password; ``{email}`` stands for its
    address. ``sessions`` and ``session_account``: the table of sessions and its column with the account's id;
    "" where there is none. ``verifiable``: hash schemes that the application can verify. ``lookup``: one of
    `LOOKUPS`, "" where the runbook does not say.
    """

    table: str
    key: str
    email: str
    password: str
    insert: Mapping[str, str] = field(default_factory=dict)
    sessions: str = ""
    session_account: str = ""
    verifiable: Collection[str] = HASHES
    lookup: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> AccountTables:
        """Reads the parameter. Raises ValueError with a sentence."""
        if unknown := sorted(map(str, set(given) - set(SETTINGS))):
            raise ValueError(f"has no setting {', '.join(unknown)}; it has: {', '.join(SETTINGS)}.")
        insert, sessions = given.get("insert") or {}, given.get("sessions") or {}
        if not isinstance(insert, Mapping) or not isinstance(sessions, Mapping):
            raise ValueError("insert and sessions are mappings: {column: value}, {table: …, account: …}.")
        lookup = str(given.get("lookup") or "")
        if lookup and lookup not in LOOKUPS:
            raise ValueError(f"has lookup “{lookup}”; it is one of: {', '.join(LOOKUPS)}.")
        return cls(
            _table(given, "table"),
            _column(given, "id"),
            _column(given, "email"),
            _column(given, "password"),
            {_quoted(str(name)): str(value) for name, value in insert.items()},
            _table(sessions, "table") if sessions else "",
            _column(sessions, "account") if sessions else "",
            tuple(map(str, given.get("verifiable") or HASHES)),
            lookup,
        )

    @property
    def scheme(self) -> str:
        """The SQL expression for an account's hash scheme."""
        return SCHEME.format(self.password)


def count_schemes(connection: postgres.Connection, tables: AccountTables) -> dict[str, int]:
    """Returns hash scheme → number of accounts, most frequent first; “none” is an account without a hash."""
    query = f"SELECT {tables.scheme}, count(*) FROM {tables.table} GROUP BY 1 ORDER BY 2 DESC, 1"  # noqa: S608  # names are checked
    return {str(scheme): int(count) for scheme, count in connection.execute(query, [])}


def list_schemes(counts: Mapping[str, int]) -> str:
    """Returns the counts of `count_schemes` as text."""
    return ", ".join(f"{scheme} {count:,}" for scheme, count in counts.items()) or "no accounts"


def count_unverifiable(counts: Mapping[str, int], tables: AccountTables) -> int:
    """Returns how many accounts (`count_schemes`) have a hash that the application cannot verify."""
    return sum(count for scheme, count in counts.items() if scheme not in (*tables.verifiable, "none"))


def count_with_capitals(connection: postgres.Connection, tables: AccountTables) -> int:
    """Returns how many accounts have capitals in their address."""
    query = f"SELECT count(*) FROM {tables.table} WHERE {tables.email} <> lower({tables.email})"  # noqa: S608  # names are checked
    row = connection.execute(query, []).fetchone()
    return int(row[0]) if row else 0


def read_scheme(connection: postgres.Connection, tables: AccountTables, email: str) -> str | None:
    """Returns the account's hash scheme, None when there is no such account."""
    query = f"SELECT {tables.scheme} FROM {tables.table} WHERE {tables.email} = %s"  # noqa: S608  # names are checked
    row = connection.execute(query, [email]).fetchone()
    return str(row[0]) if row else None


def verifies_password(
    connection: postgres.Connection, tables: AccountTables, email: str, password: str
) -> bool:
    """Whether the account exists and its argon2 hash is of this password."""
    query = f"SELECT {tables.password} FROM {tables.table} WHERE {tables.email} = %s"  # noqa: S608  # names are checked
    row = connection.execute(query, [email]).fetchone()
    if row is None or not row[0]:
        return False
    try:
        return argon2.PasswordHasher().verify(row[0], password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def set_password(connection: postgres.Connection, tables: AccountTables, email: str, password: str) -> str:
    """Gives the account this password under argon2; creates the account when it does not exist.

    Changes this one row in one transaction and returns “kept”, “changed” or “made”. Raises `Problem` when
    several accounts have the address.
    """
    if verifies_password(connection, tables, email, password):
        return "kept"
    hashed = argon2.PasswordHasher().hash(password)
    update = f"UPDATE {tables.table} SET {tables.password} = %s WHERE {tables.email} = %s"  # noqa: S608  # names are checked

    def set_in_one_row() -> str:
        done = connection.execute(update, [hashed, email])
        if done.rowcount > 1:
            raise Problem(
                f"{done.rowcount} accounts have the address {email}.",
                means="Which of them is the canary cannot be said. Nothing was changed.",
                next="Give the canary an address of its own.",
            )
        if done.rowcount == 1:
            return "changed"
        _insert(connection, tables, email, hashed)
        return "made"

    return lock_waits.change(connection, set_in_one_row)


def _insert(connection: postgres.Connection, tables: AccountTables, email: str, hashed: str) -> None:
    row = {name: value.replace("{email}", email) for name, value in tables.insert.items()}
    row |= {tables.email: email, tables.password: hashed}
    marks = ", ".join(["%s"] * len(row))
    query = f"INSERT INTO {tables.table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608  # names are checked
    connection.execute(query, list(row.values()))


def find_unverifiable(connection: postgres.Connection, tables: AccountTables, other_than: str) -> str:
    """Returns the address of an account whose hash the application cannot verify; "" when there is none."""
    query = (
        f"SELECT {tables.email} FROM {tables.table} WHERE {tables.scheme} <> ALL(%s)"  # noqa: S608  # names are checked
        f" AND {tables.email} <> %s ORDER BY {tables.key} LIMIT 1"
    )
    row = connection.execute(query, [[*tables.verifiable, "none"], other_than]).fetchone()
    return str(row[0]) if row else ""


def delete_account(connection: postgres.Connection, tables: AccountTables, email: str) -> int:
    """Deletes the account of this address with its sessions; returns how many accounts that were."""

    def delete() -> int:
        if tables.sessions:
            connection.execute(
                f"DELETE FROM {tables.sessions} WHERE {tables.session_account} IN"  # noqa: S608  # names are checked
                f" (SELECT {tables.key} FROM {tables.table} WHERE {tables.email} = %s)",
                [email],
            )
        query = f"DELETE FROM {tables.table} WHERE {tables.email} = %s"  # noqa: S608  # names are checked
        return connection.execute(query, [email]).rowcount

    return lock_waits.change(connection, delete)


def count_sessions(connection: postgres.Connection, tables: AccountTables, email: str) -> int | None:
    """Returns how many sessions the account has; None without a table of sessions."""
    if not tables.sessions:
        return None
    exists = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [tables.sessions]).fetchone()
    if exists is None or not exists[0]:
        return None
    row = connection.execute(
        f"SELECT count(*) FROM {tables.sessions} s JOIN {tables.table} a ON a.{tables.key} ="  # noqa: S608  # names are checked
        f" s.{tables.session_account} WHERE a.{tables.email} = %s",
        [email],
    ).fetchone()
    return int(row[0]) if row else 0


def _quoted(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"“{name}” is no name of a column.")
    return f'"{name}"'


def _column(given: Mapping[str, Any], name: str) -> str:
    if not isinstance(given.get(name), str):
        raise ValueError(f"lacks {name}; it must look like {EXAMPLE}.")
    return _quoted(given[name])


def _table(given: Mapping[str, Any], name: str) -> str:
    """A table's name, with its schema where it is given."""
    if not isinstance(given.get(name), str):
        raise ValueError(f"lacks {name}; it must look like {EXAMPLE}.")
    return ".".join(_quoted(part) for part in given[name].split("."))
