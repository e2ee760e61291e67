"""Random tables in a source of another kind and in PostgreSQL, with random edits whose findings are known."""

# ruff: noqa: E501  # types and their values read best as a table

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Literals = tuple[str, str, str]  # of MariaDB, of SQLite, of PostgreSQL
Row = tuple[Literals, ...]
Rows = list[tuple[Row, Row]]
NULL: Literals = ("null", "null", "null")


class Kind(NamedTuple):
    """Types of MariaDB, SQLite and PostgreSQL, and values of which no two mean the same."""

    mariadb: str
    sqlite: str
    target: str
    values: tuple[Literals, ...]


def alike(*texts: str) -> tuple[Literals, ...]:
    return tuple((text, text, text) for text in texts)


def texts(*values: str) -> tuple[Literals, ...]:
    """Texts, quoted as each side does it."""
    quoted = (value.replace("'", "''") for value in values)
    return tuple((f"'{text.replace(chr(92), chr(92) * 2)}'", f"'{text}'", f"'{text}'") for text in quoted)


KINDS = (
    Kind("int", "integer", "integer", alike("0", "1", "-1", "2147483647")),
    Kind("bigint", "integer", "bigint", alike("0", "4294967297", "1", "4294967296", "-1")),
    Kind("tinyint(1)", "boolean", "boolean", (("0", "0", "false"), ("1", "1", "true"))),
    Kind("decimal(12,3)", "real", "numeric(12,3)", alike("0", "5", "-5", "0.001", "10.5", "100", "99999.999")),
    Kind(
        "double", "real", "double precision",
        alike("0", "1", "-1", "0.1", "0.10000000000000002", "1e-300", "5e-324", "1e300"),
    ),
    Kind(
        "varchar(60)", "text", "text",
        texts("", " ", "a", "A", "a ", "ab", "ba", "NULL", "~", "-", "1:a", "|", "a|b", "é", "e\u0301", "'", "\\", "🦆"),
    ),
    Kind("varchar(60)", "text", "text", texts("2:ab", "ab-", "-ab", "~|", "|~", "1:-", "0:", "x" * 60)),
    Kind(
        "datetime(6)", "text", "timestamp",
        texts("2024-01-01 00:00:00", "2024-01-01 00:00:00.000001", "1999-12-31 23:59:59.999999", "2024-02-29 10:00:00.5"),
    ),
    Kind("datetime(3)", "text", "timestamptz", (
        ("'2024-01-01 00:00:00'", "'2024-01-01T00:00:00Z'", "'2024-01-01 00:00:00+00'"),
        ("'2024-01-01 00:00:00.001'", "'2024-01-01 01:00:00.001+01:00'", "'2024-01-01 00:00:00.001+00'"),
    )),
    Kind("date", "text", "date", texts("2024-02-29", "2024-02-28", "1000-01-01")),
    Kind("time(6)", "text", "time", texts("00:00:00", "23:59:59.999999", "10:00:00")),
    Kind("varbinary(9)", "blob", "bytea", tuple(
        (f"x'{digits}'", f"x'{digits}'", f"'\\x{digits}'") for digits in ("", "00", "0000", "ff", "7c")
    )),
    Kind("char(36)", "text", "uuid", texts(f"{'0' * 8}-0000-4000-8000-{'0' * 12}", f"{'a' * 8}-0000-4000-8000-{'f' * 12}")),
    Kind("json", "text", "jsonb", texts("null", "{}", "[]", '{"a": 5}', '{"a": -5}', "[[1], 2]", "[[1, 2]]", '""', "0")),
    Kind("enum('x','y','')", "text", "text", texts("x", "y", "")),
)  # fmt: skip


def _number(n: int) -> Row:
    return ((str(n), str(n), str(n)),)


def _word(n: int) -> Row:
    return texts(f"{'Käse' if n % 2 else 'kase'} {n}")


KEYS: dict[str, tuple[tuple[tuple[str, str, str], ...], Callable[[int], Row]]] = {
    "none": ((), lambda n: ()),
    "int": ((("int", "integer", "integer"),), _number),
    "bigint": ((("bigint", "integer", "bigint"),), lambda n: _number(n << 40)),
    "text": ((("varchar(40) collate utf8mb4_bin", "text", "text"),), _word),
    "two": ((("int", "integer", "integer"), ("varchar(9)", "text", "text")), lambda n: (*_number(n // 7), *texts(f"p{n % 7}"))),
    "bytes": ((("binary(4)", "blob", "bytea"),), lambda n: ((f"x'{n + 2**20:08x}'", f"x'{n + 2**20:08x}'", f"'\\x{n + 2**20:08x}'"),)),
}  # fmt: skip


@dataclass
class MadeTable:
    """One pair of tables with the rows of both sides, each with its key."""

    name: str
    key: str
    kinds: tuple[Kind, ...]
    before: Rows
    after: Rows

    def statements(self, side: int, quote: str) -> list[str]:
        """SQL for the source (``side`` 0: MariaDB, 1: SQLite) or the target (2)."""
        keys = [f"k{n} {types[side]} not null" for n, types in enumerate(KEYS[self.key][0])]
        columns = [f"c{n} {kind[side]}" for n, kind in enumerate(self.kinds)]
        if keys:
            columns.append(f"primary key ({', '.join(f'k{n}' for n in range(len(keys)))})")
        name = f"{quote}{self.name.replace(quote, quote * 2)}{quote}"
        made = [f"create table {name} ({', '.join([*keys, *columns])})"]
        rows = self.after if side == 2 else self.before
        values = [f"({', '.join(one[side] for one in (*key, *row))})" for key, row in rows]
        return [*made, *([f"insert into {name} values {', '.join(values)}"] if values else [])]

    @property
    def expected(self) -> tuple[int, int, int]:
        """Changed, missing and extra rows."""
        if self.key == "none":
            one, other = (Counter(row for _, row in side) for side in (self.before, self.after))
            return 0, (one - other).total(), (other - one).total()
        before, after = dict(self.before), dict(self.after)
        changed = sum(before[key] != after[key] for key in before.keys() & after.keys())
        return changed, len(before.keys() - after.keys()), len(after.keys() - before.keys())


def make_table(chance: random.Random, number: int) -> MadeTable:
    """A random table and what random edits left of it."""
    key = chance.choice(sorted(KEYS))
    kinds = tuple(chance.choice(KINDS) for _ in range(chance.randint(1, 6)))
    kinds = (*kinds, kinds[0]) if chance.random() < 0.5 else kinds
    numbers = chance.sample(range(-2000, 2000), chance.randint(0, 25))
    before = [(KEYS[key][1](n), _row(chance, kinds)) for n in numbers]
    if key == "none" and before:
        before += chance.choices(before, k=3)
    after = list(before)
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        _edit(chance, key, kinds, after)
    chance.shuffle(after)
    name = chance.choice(["t{}", "größe {}", 'odd "{}', "odd ` {}", "select {}", "%s{{{}}}"]).format(number)
    return MadeTable(name, key, kinds, before, after)


def _row(chance: random.Random, kinds: Sequence[Kind]) -> Row:
    return tuple(NULL if chance.random() < 0.2 else chance.choice(kind.values) for kind in kinds)


def _edit(chance: random.Random, key: str, kinds: Sequence[Kind], rows: Rows) -> None:
    edit = chance.choice(["cell", "cells", "columns", "rows", "delete", "insert", "double"])
    if edit == "insert" or not rows:
        new = KEYS[key][1](chance.randint(3000, 4000))
        rows += [(new, _row(chance, kinds))] if key == "none" or new not in dict(rows) else []
        return
    one, other, column = (chance.randrange(size) for size in (len(rows), len(rows), len(kinds)))
    values = rows[one][1]
    if edit == "delete":
        del rows[one]
    elif edit == "double" and key == "none":
        rows.append(rows[one])
    elif edit == "columns" and kinds[0] == kinds[-1]:
        rows[one] = rows[one][0], (values[-1], *values[1:-1], values[0])[: len(values)]
    elif edit == "rows":
        rows[one], rows[other] = (rows[one][0], rows[other][1]), (rows[other][0], rows[one][1])
    else:
        changed = [*values]
        changed[column] = _row(chance, [kinds[column]])[0]
        rows[one] = rows[one][0], tuple(changed)
