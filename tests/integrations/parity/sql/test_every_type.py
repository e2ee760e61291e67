"""A change is found in every type that the catalog of PostgreSQL lists."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from cutover.embedded import Postgres
from integrations.parity.result import TableResult
from tests.integrations.parity.conftest import Database, Pair

#: type → two values that are not the same, which some hash or text of somebody confuses
VALUES = {
    "aclitem": ("=r/postgres", "=w/postgres"),
    "bit": ("1", "0"),
    "bool": ("t", "f"),
    "box": ("(1,1),(0,0)", "(1,2),(0,0)"),
    "bpchar": ("a", "A"),
    "bytea": ("\\x00", "\\x0000"),
    "char": ("a", "A"),
    "cid": ("1", "2"),
    "cidr": ("10.0.0.0/8", "10.0.0.0/9"),
    "circle": ("<(0,0),1>", "<(0,0),2>"),
    "date": ("infinity", "-infinity"),
    "datemultirange": ("{[2024-01-01,2024-01-03)}", "{[2024-01-01,2024-01-02),[2024-01-03,2024-01-04)}"),
    "daterange": ("[2024-01-01,)", "[2024-01-01,infinity)"),
    "float4": ("0.1", "0.10000001"),
    "float8": ("NaN", "Infinity"),
    "inet": ("10.0.0.1/8", "10.0.0.1"),
    "int2": ("1", "-1"),
    "int2vector": ("1 2", "2 1"),
    "int4": ("1", "-1"),
    "int4multirange": ("{}", "{[1,2)}"),
    "int4range": ("empty", "[1,2)"),
    "int8": ("1", "4294967296"),
    "int8multirange": ("{[1,5)}", "{[1,2),[3,5)}"),
    "int8range": ("[1,2)", "[1,4294967297)"),
    "interval": ("1 month", "30 days"),
    "json": ('{"a": 5}', '{"a": -5}'),
    "jsonb": ('{"a":{"b":1},"c":2}', '{"a":{"b":1,"c":2}}'),
    "jsonpath": ("$.a", "$.b"),
    "line": ("{1,2,3}", "{1,2,4}"),
    "lseg": ("[(0,0),(1,1)]", "[(1,1),(0,0)]"),
    "macaddr": ("08:00:2b:01:02:03", "08:00:2b:01:02:04"),
    "macaddr8": ("08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:06"),
    "money": ("1", "-1"),
    "name": ("a", "a "),
    "numeric": ("5", "-5"),
    "nummultirange": ("{[1,2]}", "{[1,2)}"),
    "numrange": ("[1,2]", "(1,2]"),
    "oid": ("1", "4294967295"),
    "oidvector": ("1 2", "2 1"),
    "path": ("[(0,0),(1,1)]", "((0,0),(1,1))"),
    "pg_lsn": ("16/B374D848", "17/B374D848"),
    "pg_snapshot": ("10:20:10,14", "10:20:10,15"),
    "point": ("(1,2)", "(2,1)"),
    "polygon": ("((0,0),(1,1),(2,0))", "((0,0),(1,1),(2,1))"),
    "refcursor": ("a", "b"),
    "regclass": ("pg_class", "pg_type"),
    "regcollation": ('"C"', '"POSIX"'),
    "regconfig": ("simple", "english"),
    "regdictionary": ("simple", "english_stem"),
    "regnamespace": ("public", "pg_catalog"),
    "regoper": ("pg_catalog.||/", "pg_catalog.|/"),
    "regoperator": ("+(integer,integer)", "+(bigint,bigint)"),
    "regproc": ("now", "version"),
    "regprocedure": ("abs(integer)", "abs(bigint)"),
    "regrole": ("postgres", "pg_monitor"),
    "regtype": ("integer", "bigint"),
    "text": ("é", "e\u0301"),
    "tid": ("(1,2)", "(2,1)"),
    "time": ("24:00", "00:00"),
    "timestamp": ("3000-01-01 00:00:00.000001", "3000-01-01"),
    "timestamptz": ("2024-01-01 00:00:00.000001Z", "2024-01-01Z"),
    "timetz": ("10:00+01", "09:00+00"),
    "tsmultirange": ("{}", "{[2024-01-01,2024-01-02)}"),
    "tsquery": ("a & b", "a | b"),
    "tsrange": ("[2024-01-01,2024-01-02)", "[2024-01-01,2024-01-02]"),
    "tstzmultirange": ("{}", "{[2024-01-01Z,2024-01-02Z)}"),
    "tstzrange": ("[2024-01-01Z,)", "[2024-01-01Z,infinity)"),
    "tsvector": ("a:1 b:2", "a:2 b:1"),
    "txid_snapshot": ("10:20:10,14", "10:20:10,15"),
    "uuid": ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001"),
    "varbit": ("01", "1"),
    "varchar": ("a", "a "),
    "xid": ("1", "2"),
    "xid8": ("1", "4294967297"),
}
#: no table of anybody has a value of these: PostgreSQL accepts none
WITHOUT_VALUES = {
    "gtsvector", "pg_brin_bloom_summary", "pg_brin_minmax_multi_summary", "pg_dependencies", "pg_mcv_list",
    "pg_ndistinct", "pg_node_tree",
}  # fmt: skip
#: built without libxml, the wheel's server knows no xml; test_row_versions.py compares it on Debian's
ELSEWHERE = {"xml"}

KNOWN = """
select t.typname from pg_type t where t.typnamespace = 'pg_catalog'::regnamespace
  and t.typtype in ('b', 'r', 'm', 'e', 'd') and t.typcategory <> 'A' or t.typname ~ '^(int2|oid)vector$'
"""


@pytest.fixture(scope="module")
def sides(postgres_server: Postgres) -> Iterator[Pair]:
    names = ("every_source", "every_target")
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        for name in names:
            admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
        yield Pair(*(Database(postgres_server.url(name)) for name in names))
        for name in names:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def results(sides: Pair) -> dict[str, TableResult]:
    _fill(sides.source, 0)
    _fill(sides.target, 1)
    return {table.table: table for table in sides.compare(structure="off").tables}


def _fill(side: Database, changed: int) -> None:
    """Row 1 has another value, row 2 another element in an array; row 3 is the same on both sides."""
    with psycopg.connect(side.url) as connection:
        for name, values in VALUES.items():
            table, kind = sql.Identifier(name), sql.Identifier("pg_catalog", name)
            connection.execute(
                sql.SQL("create table {} (id int primary key, v {}, a {}[])").format(table, kind, kind)
            )
            rows = ((1, values[changed], values[0]), (2, values[0], values[changed]), (3, *values))
            for key, value, element in rows:
                put = sql.SQL("insert into {0} values ({1}, {2}::{4}, array[{3}::{4}, null])")
                parts = (sql.Literal(part) for part in (key, value, element))
                connection.execute(put.format(table, *parts, kind))


def test_every_type_of_the_catalog_is_tried(postgres_server: Postgres) -> None:
    with psycopg.connect(postgres_server.url()) as connection:
        known = {name for (name,) in connection.execute(KNOWN)}
    assert known == VALUES.keys() | WITHOUT_VALUES | ELSEWHERE


@pytest.mark.parametrize("name", VALUES)
def test_a_change_in_a_value_and_in_an_array_is_found_and_nothing_else(
    results: dict[str, TableResult], name: str
) -> None:
    table = results[name]
    shown = [(row.key["id"], list(row.columns)) for row in table.examples]
    assert (shown, table.unsound, table.differing) == ([("1", ["v"]), ("2", ["a"])], [], 2)


def test_every_value_is_shown_so_that_it_can_be_written_back(
    sides: Pair, results: dict[str, TableResult]
) -> None:
    sides.target.run(*(statement for table in results.values() for statement in table.repair))
    assert sides.compare(structure="off").equal
