"""SQL of one value: by the row's number, a name and the seed alone."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from integrations.sandbox.legacy import words

FIRST_DAY = "2019-01-06 07:30:00"
SECONDS = 216_000_000  # from the first day to the autumn of 2025


def any_of(name: str, n: int | str) -> str:
    """A number from 0 to n-1, by row and name; ``pg_temp.h`` has the seed in it (see seed.py)."""
    return f"pg_temp.h(i, {zlib.crc32(name.encode())}, {n})"


def pick(name: str, choices: Sequence[str], cast: str = "") -> str:
    """One of the texts."""
    listed = ", ".join("'" + choice.replace("'", "''") + "'" for choice in choices)
    picked = f"(ARRAY[{listed}])[1 + {any_of(name, len(choices))}]"
    return f"{picked}::{cast}" if cast else picked


def some(name: str, percent: int, value: str) -> str:
    """The value in that many of a hundred rows, NULL in the others."""
    return f"CASE WHEN {any_of(name + '?', 100)} < {percent} THEN {value} END"


def moment(name: str) -> str:
    """A moment with microseconds, which the new schema rounds to milliseconds."""
    return (
        f"(timestamp '{FIRST_DAY}' + {any_of(name, SECONDS)} * interval '1 second'"
        f" + {any_of(name + 'µ', 1_000_000)} * interval '1 microsecond')"
    )


def when(name: str) -> str:
    """A moment, or NULL in three rows of a hundred: the default is Python's, so other writers leave NULL."""
    return some(name, 97, moment(name))


def yes(name: str, percent: int = 50) -> str:
    """True, false, or NULL in eight rows of a hundred."""
    return some(name, 92, f"{any_of(name, 100)} < {percent}")


def loose(name: str, choices: Sequence[str]) -> str:
    """One of the json texts exactly as written; JSON's null, which the old models write for None; or NULL
    in a few rows, which something else inserted."""
    kind, value = any_of(name + "?", 100), pick(name, choices, "json")
    return f"CASE WHEN {kind} < 85 THEN {value} WHEN {kind} < 96 THEN 'null'::json END"


def ref(name: str, table: str) -> str:
    """The id of a row of another table; ``{users}`` is filled with that table's number of rows."""
    return f"1 + {any_of(name, '{' + table + '}')}"


def one_to_one(name: str, percent: int, table: str) -> str:
    """The id of a row of another table in that many of a hundred rows, none of them twice."""
    return f"CASE WHEN i <= {{{table}}} AND {any_of(name, 100)} < {percent} THEN i END"


def day(name: str) -> str:
    """A date."""
    return f"{moment(name)}::date"


def person(name: str) -> str:
    """First and last name."""
    return f"{pick(name, words.FIRST_NAMES)} || ' ' || {pick(name + 'l', words.LAST_NAMES)}"


def phone(name: str) -> str:
    """A number that nobody has."""
    return some(name, 70, f"'+234 555 ' || lpad({any_of(name, 10_000_000)}::text, 7, '0')")
