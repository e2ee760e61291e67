"""Fills the old database with believable rows: the same for the same seed, whatever the machine."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import psycopg

from integrations.sandbox.legacy.rows import TABLES

HERE = Path(__file__).parent
FEWEST = 1_000
REVISION = "3b0272cce6b0"  # what Flask-Migrate has reached


def sizes(rows: int) -> dict[str, int]:
    """Rows of the 22 tables of the models, ``rows`` in all: small tables have a fixed size, attendance
    takes what is left. The table of Flask-Migrate has one row more.

    Raises ValueError below a thousand rows, where the small tables alone are more than asked for.
    """
    if rows < FEWEST:
        raise ValueError(f"the old database has at least {FEWEST} rows, not {rows}")
    free = rows - sum(table.least for table in TABLES if not table.share)
    found = {table.name: max(table.least, free * table.share // 1000) for table in TABLES}
    found["attendance_records"] += rows - sum(found.values())
    return found


def scrypt_hash(password: str, salt: str) -> str:
    """As werkzeug writes it by default: ``scrypt:32768:8:1$salt$hex``."""
    n, r, p = 32768, 8, 1
    made = hashlib.scrypt(password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=132 * n * r * p)
    return f"scrypt:{n}:{r}:{p}${salt}${made.hex()}"


def pbkdf2_hash(password: str, salt: str) -> str:
    """As older werkzeug wrote it: ``pbkdf2:sha256:600000$salt$hex``."""
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 600_000)
    return f"pbkdf2:sha256:600000${salt}${made.hex()}"


def _hashes(seed: int) -> list[str]:
    """A handful of real hashes of passwords that nobody knows, three of four by scrypt."""
    draw = random.Random(seed)
    makers = [scrypt_hash, scrypt_hash, scrypt_hash, pbkdf2_hash]
    return [make(f"{draw.getrandbits(96):x}", f"{draw.getrandbits(64):016x}") for make in makers]


def fill(
    connection: psycopg.Connection[tuple[object, ...]],
    *,
    rows: int,
    seed: int,
    canary: tuple[str, str],
    say: Callable[[str], None],
) -> None:
    """Makes tables, rows, keys and the canary's account (email, password: by scrypt, as found) in an
    empty database, all in the caller's transaction. The current role owns what is made."""
    connection.execute(_script("schema.sql"))
    _functions(connection, seed)
    counts = sizes(rows)
    counts["users"] -= 1  # the canary is one of them
    numbers = {**counts, "hashes": 4}
    hashes = _hashes(seed)
    for table in TABLES:
        columns = table.columns
        values = ", ".join(_filled(expression, numbers) for expression in columns.values())
        names = ", ".join(columns)
        say(f"{table.name}: {counts[table.name]:,} rows")
        connection.execute(
            f"INSERT INTO {table.name} (id, {names}) SELECT i, {values} "
            "FROM generate_series(1, %(rows)s::int) AS i",
            {"rows": counts[table.name], "hashes": hashes},
        )
        connection.execute(
            "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table.name, counts[table.name]]
        )
    connection.execute(
        "INSERT INTO users (username, email, password_hash, is_admin, notification_preferences)"
        " VALUES ('canary', %s, %s, false, 'null')",
        [canary[0], scrypt_hash(canary[1], f"{random.Random(seed + 1).getrandbits(64):016x}")],
    )
    connection.execute("INSERT INTO alembic_version VALUES (%s)", [REVISION])
    say("keys and indexes")
    connection.execute(_script("constraints.sql"))


def _script(name: str) -> bytes:
    return (HERE / name).read_bytes()


def _filled(expression: str, numbers: dict[str, int]) -> str:
    for name, number in numbers.items():
        expression = expression.replace("{" + name + "}", str(number))
    return expression if "%%" in expression or "%(" in expression else expression.replace("%", "%%")


def _functions(connection: psycopg.Connection[tuple[object, ...]], seed: int) -> None:
    """``pg_temp.h(row, column, n)``: a number below n, the same wherever and whenever it is asked."""
    connection.execute(
        "CREATE FUNCTION pg_temp.h(i int, salt bigint, n int) RETURNS int LANGUAGE sql IMMUTABLE AS "
        f"$$ SELECT (abs(hashint8extended(i, salt + {int(seed)} * 5000000000) % n))::int $$"
    )
