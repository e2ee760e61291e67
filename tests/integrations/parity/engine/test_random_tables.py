"""In tables of random types and keys exactly the random edits are reported, no fewer and no more."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest
from psycopg import sql

from cutover.embedded import Postgres
from integrations.parity.engine.comparison import compare_live
from integrations.parity.model.declared import parse_rules
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import TableResult
from integrations.parity.server.catalog import make_label
from integrations.parity.server.snapshot import PostgresServer
from tests.integrations.parity.conftest import when
from tests.integrations.parity.random_tables import KEYS, MADE, VALUES, Made, make
from tests.integrations.poolers import pgbouncer

PAIRS = 200  # of tables, in the suite
PAIRS_OF_A_ROUND = 2000  # in a long run (`./panel test long`)
SEED = "1"
AT_ONCE = 50  # tables that one comparison sees


@pytest.fixture(scope="module")
def sides(postgres_server: Postgres) -> Iterator[list[str]]:
    names = ["random_source", "random_target"]
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        for name in names:
            admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
            with psycopg.connect(postgres_server.url(name), autocommit=True) as connection:
                connection.execute(MADE)
        yield [postgres_server.url(name) for name in names]
        for name in names:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _fill(url: str, tables: list[Made], target: bool) -> None:
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        connection.execute("drop schema if exists random cascade; create schema random")
        for table in tables:
            place = sql.Identifier("random", table.other_name if target else table.name)
            connection.execute(_ddl(table, place, target))
            columns = sql.SQL(", ").join(map(sql.Identifier, _column_names(table, target)))
            with connection.cursor().copy(
                sql.SQL("COPY {} ({}) FROM STDIN").format(place, columns)
            ) as copy:  # fmt: skip
                for key, row in table.after if target else table.before:
                    copy.write_row((*key, *row))


def _key_names(table: Made) -> list[str]:
    return [f"k {number}" for number in range(len(KEYS[table.key][0]))]


def _column_names(table: Made, target: bool) -> list[str]:
    return [*_key_names(table), *(table.other_names if target else table.names)]


def _ddl(table: Made, place: sql.Identifier, target: bool) -> sql.Composed:
    types = [*KEYS[table.key][0], *(table.other_types if target else table.types)]
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
        for name, kind in zip(_column_names(table, target), types, strict=True)
    ]
    if target:
        columns.reverse()  # columns are paired by their names
    keys = sql.SQL(", ").join(map(sql.Identifier, _key_names(table)))
    if table.key != "none":
        columns.append(sql.SQL("PRIMARY KEY ({})").format(keys))
    split = target and table.kind == "partitioned" and table.key != "none"
    made = sql.SQL("CREATE {} TABLE {} ({}) {};").format(
        sql.SQL("UNLOGGED" if table.kind == "unlogged" else ""), place, sql.SQL(", ").join(columns),
        sql.SQL("PARTITION BY HASH ({})").format(keys) if split else sql.SQL(""),
    )  # fmt: skip
    part = sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES WITH (MODULUS 2, REMAINDER {});")
    parts = [
        part.format(sql.Identifier("random", f"part {n} {table.name}"), place, sql.Literal(n))
        for n in range(2 if split else 0)
    ]
    return sql.Composed([made, *parts])


@pytest.fixture(scope="module")
def pooled(sides: list[str]) -> Iterator[list[str]]:
    """The same databases behind poolers that hand out their sessions in turn."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(pgbouncer(url, mode="transaction", server_round_robin=1, default_pool_size=3))
            for url in sides
        ]


@pytest.mark.property
@pytest.mark.timeout(PAIRS_OF_A_ROUND)
def test_exactly_the_edits_of_random_tables_are_reported(
    sides: list[str], pooled: list[str], pytestconfig: pytest.Config
) -> None:
    chosen: str | None = pytestconfig.getoption("--property-round")
    seed, pairs = (chosen, PAIRS_OF_A_ROUND) if chosen else (SEED, PAIRS)
    for batch in range(pairs // AT_ONCE):
        chance = random.Random(f"{seed} {batch}")
        tables = [make(chance, number) for number in range(AT_ONCE)]
        for url, target in zip(sides, (False, True), strict=True):
            _fill(url, tables, target)
        disturbed, disturb = _disturbance(chance, tables, sides)
        rules = parse_rules([rule for table in tables for rule in table.rules])
        source, target_side = map(PostgresServer.from_url, chance.choice([sides, pooled]))
        result = compare_live(
            source,
            target_side,
            ComparisonOptions(rules, structure="off"),
            when(make_label("random", disturbed.name), "reading", disturb),
        )
        found = {table.table: table for table in result.tables}
        labelled = [(table, found[make_label("random", table.name)]) for table in tables]
        wrong = [
            said
            for table, result_of in labelled
            if (said := _wrong(table, result_of)) and not (table is disturbed and result_of.unsound)
        ]
        assert not wrong, f"seed {seed}, batch {batch}: {wrong}"
        assert result.equal == all(table.equal for table in result.tables)


def _disturbance(
    chance: random.Random, tables: list[Made], sides: list[str]
) -> tuple[Made, Callable[[], None]]:
    """A table, and what a migration does to it on one side as it is about to be read."""
    table, target = chance.choice(tables), chance.random() < 0.5
    shape = chance.choice(
        ["truncate {0}", "drop table {0}", "alter table {0} drop column {1}", "vacuum full {0}",
         "alter table {0} rename to other", "alter table {0} alter {1} type text using 'x'"]
    )  # fmt: skip
    statement = sql.SQL(shape).format(
        sql.Identifier("random", table.other_name if target else table.name),
        sql.Identifier((table.other_names if target else table.names)[0]),
    )

    def disturb() -> None:
        with psycopg.connect(sides[target], autocommit=True) as connection:
            connection.execute(statement)

    return table, disturb


def _wrong(made: Made, found: TableResult) -> str:
    """What is wrong, in words; empty when nothing is."""
    counts = found.changed, found.missing, found.extra
    if counts != made.expected or found.unsound:
        return f"{made}: {counts} and not {made.expected}; {found.unsound}"
    if (found.source_rows, found.target_rows) != (len(made.before), len(made.after)):
        return f"{made}: {found.source_rows} and {found.target_rows} rows"
    if made.key == "none":
        return ""
    shown = {
        tuple(row.key.values()): tuple(sorted(row.columns)) for row in found.examples if row.kind == "changed"
    }
    expected = {key: tuple(sorted(columns)) for key, columns in made.changed.items()}
    return "" if shown == expected else f"{made}: {shown} and not {expected}"


def test_every_kind_of_key_and_every_type_is_generated() -> None:
    """Otherwise the random tables would prove less than they seem to."""
    chance = random.Random(SEED)
    tables = [make(chance, number) for number in range(200)]
    assert {table.key for table in tables} == set(KEYS)
    assert {kind for table in tables for kind in table.types} == set(VALUES)
    keys = [table for table in tables if table.key == "integer"]
    assert {int(key[0] or 0) < 0 for table in keys for key, _ in table.before} == {True, False}
    without = [table for table in tables if table.key == "none"]
    assert any(len(set(table.before)) < len(table.before) and any(table.expected) for table in without)
    assert sum(table.expected != (0, 0, 0) for table in tables) > 100
    assert len({table.types[place] for table in tables for place in table.as_text}) > 15
    assert sum(table.renamed for table in tables) > 20
    assert sum(table.expected == (0, 0, 0) for table in tables) > 20
