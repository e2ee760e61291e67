"""Random tables in two databases, and random edits of one side whose findings are known."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from integrations.parity.server.catalog import make_label

Value = str | None
Row = tuple[Value, ...]
RowKey = Row
Rows = list[tuple[RowKey, Row]]

#: type → values as PostgreSQL reads them, of which no two mean the same; those that weak hashes
#: confuse are neighbours
VALUES: dict[str, list[str]] = {
    "text": ["", " ", "a", "A", "a ", "b", "ab", "ba", "NULL", "é", "e\u0301", "\\N", "a\tb", "x" * 3000],
    "varchar(9)": ["", " ", "a", "A", "null", "ß"],
    "char(4)": ["", "a", "A", "a b", "ab"],
    "citext": ["", "a", "A", "é"],
    "name": ["", "a", "A"],
    '"char"': ["a", "A", "0"],
    "smallint": ["0", "1", "-1", "32767", "-32768"],
    "integer": ["0", "1", "-1", "2147483647", "-2147483648"],
    "bigint": ["0", "4294967297", "1", "4294967296", "-1", "4294967295", "-9223372036854775808"],
    "numeric": ["0", "5", "-5", "1.5", "1.25", "NaN", "Infinity", "-Infinity", "1e30"],
    "numeric(10,2)": ["0", "5", "-5", "0.01", "99999999.99"],
    "price": ["0", "5", "-5", "0.01"],
    "real": ["0", "1", "-1", "0.1", "0.10000001", "NaN", "Infinity"],
    "float8": ["0", "1", "-1", "0.1", "0.10000000000000002", "NaN", "-Infinity", "5e-324"],
    "boolean": ["t", "f"],
    "date": ["2024-02-29", "2000-01-01", "0044-03-15 BC", "infinity", "-infinity"],
    "time": ["00:00", "24:00", "12:00:00.000001", "12:00"],
    "timetz": ["10:00+01", "09:00+00", "10:00+02"],
    "timestamp": ["2000-01-01", "2024-01-01 00:00:00.000001", "2024-01-01", "3000-01-01", "infinity"],
    "timestamp(3)": ["2000-01-01", "2024-01-01 00:00:00.001", "2024-01-01"],
    "timestamptz": ["2000-01-01", "2024-01-01 00:00:00.000001", "2024-01-01", "1600-01-01", "-infinity"],
    "interval": ["1 month", "30 days", "720 hours", "-1 day", "00:00:00.000001", "0"],
    "uuid": ["0" * 32, "0" * 31 + "1", "1" + "0" * 31, "f" * 32],
    "jsonb": ["null", "{}", "[]", '{"a": 5}', '{"a": -5}', "[[1], 2]", "[[1, 2]]", '""', "0", "false"],
    "json": ["null", "{}", "[]", '{"a":5}', '{"a": "5"}', '{"a":{"b":1},"c":2}', '{"a":{"b":1,"c":2}}'],
    "bytea": ["\\x", "\\x00", "\\x0000", "\\x01", "\\xff"],
    "integer[]": ["{}", "{1,2}", "{2,1}", "{{1,2}}", "[0:1]={1,2}", "{NULL}", "{-1}"],
    "text[]": ["{}", "{NULL}", '{"NULL"}', '{"a,b"}', "{a,b}", '{""}'],
    "numeric[]": ["{5}", "{-5}", "{NaN}"],
    "int4range": ["empty", "[1,3)", "[1,4)", "(,3)", "[1,)"],
    "numrange": ["empty", "[1,2]", "[1,2)", "(1,2)"],
    "int8multirange": ["{}", "{[1,3),[5,7)}", "{[1,3),[5,8)}"],
    "inet": ["10.0.0.1/8", "10.0.0.1/16", "::1", "10.0.0.1"],
    "cidr": ["10.0.0.0/8", "10.0.0.0/9"],
    "macaddr": ["08:00:2b:01:02:03", "08:00:2b:01:02:04"],
    "bit(3)": ["101", "100", "000"],
    "varbit": ["", "0", "00", "1", "10"],
    "money": ["1", "2", "-1"],
    "point": ["(1,2)", "(2,1)"],
    "tsvector": ["a:1 b:2", "a:2 b:1", ""],
    "pg_lsn": ["16/B374D848", "16/B374D849"],
    "oid": ["0", "1", "4294967295"],
    "hstore": ["", "a=>1", "a=>NULL", "b=>1"],
    "shade": ["light", "dark"],
    "pair": ["(1,a)", "(1,)", '(1,"")', "(,a)", '(1,"a,")'],
}
MADE = """
create extension if not exists citext; create extension if not exists hstore;
create type shade as enum ('light', 'dark'); create domain price as numeric(10,2);
create type pair as (a int, b text)
"""
#: type → what its values may stand in on the other side, meaning the same
ALIKE = {
    "varchar(9)": "text", "text": "citext", "char(4)": "text", "integer": "bigint", "smallint": "numeric",
    "numeric(10,2)": "numeric", "price": "numeric(10,2)", "real": "float8", "timestamp": "timestamptz",
    "timestamptz": "timestamp", "timestamp(3)": "timestamp", "date": "timestamp", "json": "jsonb",
    "shade": "text", "uuid": "text", "interval": "text",
}  # fmt: skip
#: values that would not be written so, or not mean the same, in that other type
NOT_ALIKE = {"real": {"0.1", "0.10000001"}, "uuid": set(VALUES["uuid"]), "interval": set(VALUES["interval"])}

#: kind of key → its columns' types, and how the values of a number are written
KEYS: dict[str, tuple[tuple[str, ...], Callable[[int], Row]]] = {
    "none": ((), lambda n: ()),
    "integer": (("integer",), lambda n: (str(n),)),
    "bigint": (("bigint",), lambda n: (str(n << 33),)),
    "text": (("text",), lambda n: (f"{'Käse' if n % 2 else 'kase'} {n}",)),
    "char": (("char(9)",), lambda n: (f"k{n}",)),
    "uuid": (("uuid",), lambda n: (f"{n + 2**20:08x}-0000-4000-8000-{n * n:012x}",)),
    "numeric": (("numeric",), lambda n: (f"{n}.5",)),
    "time": (("timestamp",), lambda n: (f"2024-01-01 {n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}",)),
    "bytes": (("bytea",), lambda n: (f"\\x{n + 2**20:08x}",)),
    "two": (("integer", "text"), lambda n: (str(n // 7), f"p{n % 7}")),
    "three": (
        ("boolean", "date", "bigint"), lambda n: ("tf"[n % 2], f"2024-01-{n % 28 + 1:02}", str(n)),
    ),
}  # fmt: skip
BOOLEAN = {"t": "true", "f": "false"}  # as a key is told


@dataclass
class Made:
    """One pair of tables: names and types of columns, and the rows of both sides by key."""

    name: str
    key: str
    types: tuple[str, ...]
    other_types: tuple[str, ...]
    kind: str
    before: Rows
    after: Rows
    renamed: bool = False  # the target has the table, and its first column, under another name
    as_text: frozenset[int] = frozenset()  # columns that the target holds as text, and that SQL reads

    @property
    def other_name(self) -> str:
        """The table's name on the target."""
        return f"renamed {self.name}" if self.renamed else self.name

    @property
    def other_names(self) -> tuple[str, ...]:
        """The names of the columns on the target."""
        return ("renamed", *self.names[1:]) if self.renamed else self.names

    @property
    def rules(self) -> list[dict[str, str]]:
        """What has to be declared of the table."""
        label = make_label("random", self.name)
        rules = [
            {"kind": "as", "table": label, "column": self.names[number],
             "target": f"{self.other_names[number]}::{self.types[number]}"}
            for number in sorted(self.as_text)
        ]  # fmt: skip
        if self.renamed:
            other = make_label("random", self.other_name)
            rules += [
                {"kind": "renamed_table", "table": label, "to": other},
                {"kind": "renamed_column", "table": label, "column": self.names[0], "to": "renamed"},
            ]
        return rules

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"c{number}" for number in range(len(self.types)))

    @property
    def expected(self) -> tuple[int, int, int]:
        """Changed, missing and extra rows; without a key a changed row is one less and another more."""
        if self.key == "none":
            one, other = (Counter(row for _, row in side) for side in (self.before, self.after))
            return 0, (one - other).total(), (other - one).total()
        before, after = dict(self.before).keys(), dict(self.after).keys()
        return len(self.changed), len(before - after), len(after - before)

    @property
    def changed(self) -> dict[RowKey, tuple[str, ...]]:
        """Key → names of the columns that changed."""
        after = dict(self.after)
        pairs = ((key, row, after[key]) for key, row in self.before if key in after)
        return {
            _told(key): tuple(
                name for name, x, y in zip(self.names, one, other, strict=True) if x != y
            )
            for key, one, other in pairs
            if one != other
        }  # fmt: skip


def _told(key: RowKey) -> RowKey:
    return tuple(BOOLEAN.get(part or "", part) for part in key)


def make(chance: random.Random, number: int) -> Made:
    """A random table and what random edits left of it."""
    key = chance.choice(sorted(KEYS))
    types = tuple(chance.choice(sorted(VALUES)) for _ in range(chance.randint(1, 8)))
    if chance.random() < 0.5:  # so that columns can change places
        types = (*types, types[0])
    alike = chance.random() < 0.4
    other = tuple(ALIKE.get(one, one) if alike and one not in NOT_ALIKE else one for one in types)
    numbers = chance.sample(range(-(most := chance.choice([20, 3000])), most), chance.randint(0, 30))
    before = [(KEYS[key][1](n), tuple(_value(chance, kind) for kind in types)) for n in numbers]
    if key == "none" and before:  # the same row some times over, of which one may go
        before += chance.choices(before, k=chance.randint(0, 3))
    after = list(before)
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        _edit(chance, key, types, after)
    chance.shuffle(after)
    kind = chance.choice(["plain", "plain", "unlogged", "partitioned"])
    name = chance.choice(["t{}", "Größe {}", 'odd "{}', "select {}", "%s{{{}}}"]).format(number)
    as_text: frozenset[int] = frozenset()
    if not alike and chance.random() < 0.2:
        as_text = frozenset(place for place in range(len(types)) if chance.random() < 0.5)
    other = tuple("text" if place in as_text else one for place, one in enumerate(other))
    return Made(name, key, types, other, kind, before, after, chance.random() < 0.2, as_text)


def _value(chance: random.Random, kind: str) -> Value:
    return None if chance.random() < 0.2 else chance.choice(VALUES[kind])


ANYWHERE = (-5000, 5000)  # between the keys that are there, and beyond them
EDITS = ("cell", "neighbour", "rows", "columns", "cancel", "delete", "insert", "move", "double")


def _edit(chance: random.Random, key: str, types: Sequence[str], rows: Rows) -> None:
    edit = chance.choice(EDITS)
    if edit == "insert" or not rows:
        _insert(key, rows, chance.randint(*ANYWHERE), tuple(_value(chance, kind) for kind in types))
        return
    one, other, column = (
        chance.randrange(len(rows)),
        chance.randrange(len(rows)),
        chance.randrange(len(types)),
    )
    values = rows[one][1]
    if edit == "cell":
        _set(rows, one, column, _value(chance, types[column]))
    elif edit == "neighbour":
        _set(rows, one, column, _next(types[column], values[column], 1))
    elif edit == "columns" and types[0] == types[-1]:
        rows[one] = rows[one][0], (values[-1], *values[1:-1], values[0])[: len(values)]
    elif edit == "delete":
        del rows[one]
    elif edit == "move":
        _insert(key, rows, chance.randint(*ANYWHERE), rows.pop(one)[1])
    elif edit == "double" and key == "none":
        rows.append(rows[one])
    else:
        _two_rows(edit, types[column], column, rows, one, other)


def _insert(key: str, rows: Rows, number: int, row: Row) -> None:
    """Unless the key exists already."""
    new = KEYS[key][1](number)
    if key == "none" or new not in dict(rows):
        rows.append((new, row))


def _two_rows(edit: str, kind: str, column: int, rows: Rows, one: int, other: int) -> None:
    """Values change places between two rows, or go one step up in one and one step down in the other."""
    first, second = rows[one][1][column], rows[other][1][column]
    if edit == "rows":
        _set(rows, one, column, second)
        _set(rows, other, column, first)
    elif one != other:
        _set(rows, one, column, _next(kind, first, 1))
        _set(rows, other, column, _next(kind, second, -1))


def _set(rows: Rows, place: int, column: int, value: Value) -> None:
    key, row = rows[place]
    rows[place] = key, (*row[:column], value, *row[column + 1 :])


def _next(kind: str, value: Value, step: int) -> Value:
    values = VALUES[kind]
    return value if value is None else values[(values.index(value) + step) % len(values)]
