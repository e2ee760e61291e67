"""The accounts of the estate: which hash schemes their passwords have, and one account's password."""

from __future__ import annotations

import argon2

from integrations.clients import postgres
from integrations.errors import Problem

NEW = ("argon2id", "argon2i", "argon2d")  # what the new API verifies

#: passlib, werkzeug and argon2 all begin with the scheme; the salt never comes near us
SCHEME = """
CASE WHEN coalesce(password_hash, '') = '' THEN 'none'
     WHEN password_hash LIKE '$%%' THEN split_part(password_hash, '$', 2)
     WHEN password_hash LIKE 'pbkdf2:%%' THEN substring(password_hash FROM '^pbkdf2:[a-z0-9]+')
     WHEN password_hash ~ '^[a-z0-9]+[:$]' THEN substring(password_hash FROM '^[a-z0-9]+')
     ELSE 'unknown' END
"""


def census(connection: postgres.Connection) -> dict[str, int]:
    """Number of accounts by hash scheme, the most frequent first; “none” is an account without one."""
    rows = connection.execute(f"SELECT {SCHEME}, count(*) FROM users GROUP BY 1 ORDER BY 2 DESC, 1", [])  # noqa: S608
    return {str(scheme): int(count) for scheme, count in rows}


def old(counted: dict[str, int]) -> int:
    """How many accounts have a hash that the new API cannot verify."""
    return sum(count for scheme, count in counted.items() if scheme not in (*NEW, "none"))


def scheme_of(connection: postgres.Connection, email: str) -> str | None:
    """The account's hash scheme, None when there is no such account."""
    row = connection.execute(f"SELECT {SCHEME} FROM users WHERE email = %s", [email]).fetchone()  # noqa: S608
    return str(row[0]) if row else None


def opens(connection: postgres.Connection, email: str, password: str) -> bool:
    """Whether the account is there and its hash is argon2's of this password."""
    row = connection.execute("SELECT password_hash FROM users WHERE email = %s", [email]).fetchone()
    if row is None or not row[0]:
        return False
    try:
        return argon2.PasswordHasher().verify(row[0], password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def set_password(connection: postgres.Connection, email: str, password: str) -> str:
    """Gives the account this password under argon2, making the account when it is not there.

    Changes this one row in one transaction; “kept”, “changed” or “made” says what was done. Raises
    `Problem` when several accounts have the address.
    """
    if opens(connection, email, password):
        return "kept"
    hashed = argon2.PasswordHasher().hash(password)
    with connection.transaction():
        done = connection.execute("UPDATE users SET password_hash = %s WHERE email = %s", [hashed, email])
        if done.rowcount > 1:
            raise Problem(
                f"{done.rowcount} accounts have the address {email}.",
                means="Which of them is the canary cannot be said. Nothing was changed.",
                next="Give the canary an address of its own.",
            )
        if done.rowcount == 1:
            return "changed"
        connection.execute(
            "INSERT INTO users (email, name, password_hash) VALUES (%s, 'Canary (cutover)', %s)",
            [email, hashed],
        )
    return "made"


def sessions_of(connection: postgres.Connection, email: str) -> int | None:
    """How many sessions the account has in the new API's table; None before that table is there."""
    there = connection.execute("SELECT to_regclass('sessions') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return None
    row = connection.execute(
        "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = %s", [email]
    ).fetchone()
    return int(row[0]) if row else 0
