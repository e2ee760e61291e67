"""Reads an SQLite file: nothing else is opened, nothing is written, and no statement runs for ever."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from integrations.errors import Problem, Unreachable

STEPS = 1000  # instructions of SQLite's machine between two looks at the clock
_READING = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)


def fetch_rows(path: str, query: str, *, timeout: float, most: int) -> tuple[list[str], list[Sequence[Any]]]:
    """Names of the columns, and at most ``most`` + 1 rows, of one query. Raises `Problem`."""
    if not Path(path).is_file():
        raise Unreachable(
            f"The SQLite file {path} is not there.",
            means="Nothing was read.",
            next="Correct path: of the system; the worker has to be able to read the file.",
        )
    until = time.monotonic() + timeout
    connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=timeout)
    try:
        connection.execute("pragma query_only = on")
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description or ()]
        return names, cursor.fetchmany(most + 1)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _explained(path, error, timeout if time.monotonic() > until else 0) from None
    finally:
        connection.close()


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Only what reads the one file: no ATTACH, no PRAGMA, no extension."""
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in ("load_extension", "fts3_tokenizer"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _explained(path: str, error: Exception, timeout: float) -> Problem:
    if timeout:
        return Problem(
            f"The query did not end within {timeout:g} s.",
            means="It was ended; nothing was changed.",
            next="Give it more time (timeout_seconds:), or ask for less.",
        )
    return Problem(
        f"SQLite refused at {path}: {error}.",
        means="The query only may read, one statement from this one file.",
        next="Correct the query, then start the item again.",
    )
