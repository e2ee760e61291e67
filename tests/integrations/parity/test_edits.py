"""Random edits of random tables are reported exactly: no miss and no false alarm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from cutover.embedded import Postgres
from integrations.parity.compare import Options, compare_live
from integrations.parity.snapshot import Server

Row = tuple[Any, ...]
COLUMNS = "a text, b text, n bigint, m numeric, f float8, t boolean, j jsonb"

texts = st.one_of(
    st.none(), st.sampled_from(["", " ", "a", "A", "NULL", "é", "e\u0301"]), st.text("ab", max_size=3)
)
rows = st.tuples(
    texts,
    texts,
    st.one_of(st.none(), st.sampled_from([0, 1, -1, 2**32, 2**32 + 1, -(2**63)])),
    st.one_of(st.none(), st.sampled_from(["0", "5", "-5", "1.5", "NaN"])),
    st.one_of(st.none(), st.sampled_from([0.0, 1.0, -1.0, 0.1])),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.sampled_from(["{}", "[]", '{"a": 5}', '{"a": -5}', "[[1], 2]", "[[1, 2]]"])),
)


@dataclass
class Edited:
    """A table before and after, by key."""

    before: dict[int, Row]
    after: dict[int, Row]


@st.composite
def edits(draw: st.DrawFn) -> Edited:
    """A table, and what is left of it after values changed places, were lost, came back, moved…"""
    keys = draw(st.lists(st.integers(-3000, 3000), unique=True, min_size=1, max_size=12))
    before = {key: draw(rows) for key in keys}
    after = dict(before)
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(
            st.sampled_from(["cell", "swap rows", "swap columns", "cancel", "delete", "insert", "move"])
        )
        here = sorted(after)
        if kind == "insert" or not here:
            after[draw(st.integers(-5000, 5000))] = draw(rows)
            continue
        one, other = draw(st.sampled_from(here)), draw(st.sampled_from(here))
        column = draw(st.integers(0, 6))
        if kind == "cell":
            after[one] = _with(after[one], column, draw(rows)[column])
        elif kind == "swap rows":
            first, second = after[one][column], after[other][column]
            after[one], after[other] = _with(after[one], column, second), _with(after[other], column, first)
        elif kind == "swap columns":
            after[one] = (after[one][1], after[one][0], *after[one][2:])
        elif kind == "cancel":  # the same bit up in one row and down in another
            after[one], after[other] = _flip(after[one]), _flip(after[other])
        elif kind == "delete":
            del after[one]
        else:
            after[draw(st.integers(-5000, 5000))] = after.pop(one)
    return Edited(before, after)


def _with(row: Row, column: int, value: Any) -> Row:
    return (*row[:column], value, *row[column + 1 :])


def _flip(row: Row) -> Row:
    return _with(row, 5, not row[5])


@pytest.fixture(scope="module")
def sides(postgres_server: Postgres) -> Iterator[list[str]]:
    names = ["edits_source", "edits_target"]
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        for name in names:
            admin.execute(f"create database {name} template template0")  # type: ignore[call-overload]
        yield [postgres_server.url(name) for name in names]
        for name in names:
            admin.execute(f"drop database {name} with (force)")  # type: ignore[call-overload]


def _fill(url: str, key: str, table: dict[int, Row]) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("drop table if exists e; ")
        connection.execute(sql.SQL("create table e ({}, {})").format(sql.SQL(key), sql.SQL(COLUMNS)))  # type: ignore[arg-type]
        with connection.cursor() as cursor:
            made = "case when %s > 0 then 'p' else 'm' end || abs(%s)" if "text" in key else "%s"
            marks = f"insert into e values ({made}, %s, %s, %s, %s, %s, %s, %s)"
            times = 2 if "text" in key else 1
            cursor.executemany(marks, [(*[k] * times, *row) for k, row in table.items()])  # type: ignore[arg-type]


KEYS = ["id int primary key", "id text primary key", "id int"]


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(edited=edits())
def test_exactly_the_edits_are_reported(sides: list[str], key: str, edited: Edited) -> None:
    before, after = edited.before, edited.after
    _fill(sides[0], key, before)
    _fill(sides[1], key, after)
    result = compare_live(Server.at(sides[0]), Server.at(sides[1]), Options())
    (table,) = result.tables
    assert (table.source_rows, table.target_rows, table.unsound) == (len(before), len(after), [])
    missing, extra = before.keys() - after.keys(), after.keys() - before.keys()
    changed = {k for k in before.keys() & after.keys() if before[k] != after[k]}
    if "primary" not in key:  # without a key, a changed row is one row less and another one more
        missing, extra, changed = missing | changed, extra | changed, set()
    assert (table.changed, table.missing, table.extra) == (len(changed), len(missing), len(extra))
    columns = ("a", "b", "n", "m", "f", "t", "j")
    expected = {
        (name(key, k), tuple(c for c, x, y in zip(columns, before[k], after[k], strict=True) if x != y))
        for k in changed
    }
    shown = {(e.key["id"], tuple(e.columns)) for e in table.examples if e.kind == "changed"}
    assert shown == expected
    assert result.equal == (before == after)


def name(key: str, value: int) -> str:
    if "text" not in key:
        return str(value)
    return f"{'p' if value > 0 else 'm'}{abs(value)}"
