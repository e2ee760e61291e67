"""Every kind of change that some fast hash cannot see is seen, and what means the same is the same."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from cutover.embedded import Postgres
from integrations.parity.compare import Options, compare_live
from integrations.parity.result import TableResult
from tests.integrations.parity.conftest import Database

TYPES = """
create extension if not exists citext;
create extension if not exists hstore;
create domain price as numeric(10,2);
create type pair as (a int, b text);
"""

#: name of the change → (type on both sides or on each, value before, value after); all must be found
DIFFERENT = {
    "the sign of a numeric": ("numeric", "5", "-5"),
    "a numeric without scale by a quarter": ("numeric", "1", "1.25"),
    "numeric not a number and infinity": ("numeric", "'NaN'", "'Infinity'"),
    "the sign of a number in jsonb": ("jsonb", """'{"x": 5}'""", """'{"x": -5}'"""),
    "nesting in jsonb objects": ("jsonb", """'{"a":{"b":1},"c":2}'""", """'{"a":{"b":1,"c":2}}'"""),
    "nesting in jsonb arrays": ("jsonb", "'[[1],2]'", "'[[1,2]]'"),
    "a bigint by 2 to the 32nd": ("bigint", "1", "4294967297"),
    "a bigint's halves exchanged": ("bigint", "-1", "4294967295"),
    "timestamps 71 minutes 35 seconds apart": (
        "timestamp",
        "'2024-01-01'",
        "timestamp '2024-01-01' + interval '4294.967296 s'",
    ),
    "one microsecond": ("timestamptz", "'2024-01-01 00:00:00.000001Z'", "'2024-01-01Z'"),
    "one microsecond in the year 3000": ("timestamp", "'3000-01-01 00:00:00.000001'", "'3000-01-01'"),
    "infinite times": ("timestamp", "'infinity'", "'-infinity'"),
    "interval of a month and of 30 days": ("interval", "'1 month'", "'30 days'"),
    "NULL and the empty text": ("text", "NULL", "''"),
    "NULL and the word NULL": ("text", "NULL", "'NULL'"),
    "NULL and a placeholder of a tool": ("text", "NULL", "'<null>'"),
    "NULL and zero": ("integer", "NULL", "0"),
    "NULL and false": ("boolean", "NULL", "false"),
    "a boolean": ("boolean", "true", "false"),
    "NULL and the stand-in time": ("timestamp", "NULL", "'2000-01-01'"),
    "NULL and the nil uuid": ("uuid", "NULL", "'00000000-0000-0000-0000-000000000000'"),
    "a trailing space": ("text", "'a'", "'a '"),
    "upper and lower case": ("text", "'a'", "'A'"),
    "case in citext": ("citext", "'a'", "'A'"),
    "composed and decomposed letters": ("text", "U&'\\00E9'", "U&'e\\0301'"),
    "a float by one step": ("float8", "0.1", "0.1 + 1.4e-17"),
    "a float 0 and NULL": ("float8", "0", "NULL"),
    "one bit of bytes": ("bytea", "'\\x00ff'", "'\\x00fe'"),
    "the order in an array": ("int[]", "'{1,2}'", "'{2,1}'"),
    "NULL in an array and its word": ("text[]", "'{NULL}'", "'{\"NULL\"}'"),
    "an element cut otherwise": ("text[]", "array['a,b']", "array['a','b']"),
    "a range's bounds": ("int4range", "'[1,3)'", "'[1,4)'"),
    "a bit more": ("bit varying", "B'1'", "B'10'"),
    "addresses": ("inet", "'10.0.0.1/8'", "'10.0.0.1/16'"),
    "hstore": ("hstore", "'a=>1'", "'a=>NULL'"),
    "a composite value": ("pair", "row(1,'a')", "row(1,'b')"),
    "a domain": ("price", "1.00", "1.01"),
    "a search vector": ("tsvector", "'a:1 b:2'", "'a:2 b:1'"),
    "json that jsonb cannot hold": ("json", '\'{"a":"\\u0000"}\'', '\'{"a":"\\u0000b"}\''),
    "a point": ("point", "'(1,2)'", "'(2,1)'"),
    "date": ("date", "'2024-02-29'", "'2024-03-01'"),
    "time with a zone": ("timetz", "'10:00+01'", "'09:00+00'"),
    "money": ("money", "1", "2"),
    "text to text that only looks the same": (("varchar(9)", "text"), "'1.0'", "'1.00'"),
}

#: what means the same in two types, or twice in one
SAME = {
    "varchar and text": (("varchar(20)", "text"), "'ü'", "'ü'"),
    "char and text": (("char(5)", "text"), "'a'", "'a'"),
    "json and jsonb": (("json", "jsonb"), """'{"b":1, "a":[1,2]}'""", """'{"a":[1,2],"b":1}'"""),
    "escaped backslash before u0000 in json": (
        ("json", "jsonb"),
        """'{"b":1,"a":"\\\\u0000"}'""",
        """'{"a": "\\\\u0000", "b": 1}'""",
    ),
    "the scale of a numeric": (("numeric", "numeric(10,2)"), "1.5", "1.50"),
    "integer and bigint": (("integer", "bigint"), "-7", "-7"),
    "integer and numeric": (("integer", "numeric(10,2)"), "7", "7.00"),
    "numeric and text": (("numeric(10,2)", "text"), "1.50", "'1.50'"),
    "real and double": (("real", "double precision"), "0.5", "0.5"),
    "zero and minus zero": ("float8", "0", "'-0'"),
    "timestamps of two precisions": (
        ("timestamp(6)", "timestamp(3)"),
        "'2024-01-01 00:00:00.123'",
        "'2024-01-01 00:00:00.123'",
    ),
    "with a zone and without, in UTC": (
        ("timestamptz", "timestamp"),
        "'2024-01-01 02:00+02'",
        "'2024-01-01'",
    ),
    "date and timestamp": (("date", "timestamp"), "'2024-01-01'", "'2024-01-01'"),
    "arrays of varchar and text": (("varchar[]", "text[]"), "'{a,NULL}'", "'{a,NULL}'"),
    "uuid and text": (
        ("uuid", "text"),
        "'a0000000-0000-0000-0000-000000000001'",
        "'a0000000-0000-0000-0000-000000000001'",
    ),
    "NULL and NULL": ("jsonb", "NULL", "NULL"),
}


def _tables(cases: dict[str, tuple[str | tuple[str, str], str, str]], prefix: str, side: int) -> str:
    """A table a case: row 1 has the two values, row 2 is meant to be the same on both sides."""
    statements = []
    for number, (kinds, *values) in enumerate(cases.values()):
        kind = kinds if isinstance(kinds, str) else kinds[side]
        second = values[side] if prefix == "same" else values[0]
        statements.append(f"create table {prefix}_{number} (id int primary key, v {kind})")
        statements.append(f"insert into {prefix}_{number} values (1, {values[side]}), (2, {second})")
    return ";".join(statements)


@pytest.fixture(scope="module")
def results(postgres_server: Postgres) -> Iterator[dict[str, TableResult]]:
    sides = []
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        for side, name in enumerate(("sound_source", "sound_target")):
            admin.execute(f"create database {name} template template0")  # type: ignore[call-overload]
            sides.append(Database(postgres_server.url(name)))
            sides[side].run(TYPES, _tables(DIFFERENT, "differ", side), _tables(SAME, "same", side))
        sides[1].run("create type other as enum ('x')")  # so that the numbers of the enums differ
        for side, last in zip(sides, "bc", strict=True):
            side.run(
                "create type mood as enum ('a', 'b', 'c')",
                "create table enums (id int primary key, v mood)",
                f"insert into enums values (1, 'a'), (2, '{last}')",
            )
        result = compare_live(sides[0].server, sides[1].server, Options())
        yield {table.table: table for table in result.tables}
        for name in ("sound_source", "sound_target"):
            admin.execute(f"drop database {name} with (force)")  # type: ignore[call-overload]


@pytest.mark.parametrize("change", DIFFERENT)
def test_a_change_is_found_and_named(results: dict[str, TableResult], change: str) -> None:
    table = results[f"differ_{list(DIFFERENT).index(change)}"]
    assert (table.changed, table.missing, table.extra, table.unsound) == (1, 0, 0, [])
    (example,) = table.examples
    assert (example.key, list(example.columns)) == ({"id": "1"}, ["v"])


@pytest.mark.parametrize("meaning", SAME)
def test_what_means_the_same_is_the_same(results: dict[str, TableResult], meaning: str) -> None:
    table = results[f"same_{list(SAME).index(meaning)}"]
    assert table.equal, (table.examples, table.unsound)


def test_enums_are_compared_by_label_and_not_by_number(results: dict[str, TableResult]) -> None:
    assert [example.key for example in results["enums"].examples] == [{"id": "2"}]
    assert results["enums"].examples[0].columns == {"v": ["b", "c"]}
