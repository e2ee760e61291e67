"""Every kind of change that some fast hash misses is found, and values that mean the same are equal."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from cutover.embedded import Postgres
from integrations.parity.engine.comparison import compare_live
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import TableResult
from tests.integrations.parity.conftest import Database

TYPES = """
create extension if not exists citext;
create extension if not exists hstore;
create type shade as enum ('light', 'dark');
create domain price as numeric(10,2);
create domain fair_price as price check (value > 0);
create type pair as (a int, b text);
create type steps as range (subtype = float8);
create type amount as (value numeric, currency text);
create type place as (x numeric, y fair_price, z int, w float8);
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
    "a smallint": ("smallint", "-1", "1"),
    "a real by one step": ("real", "0.1", "0.10000001"),
    "a float that is not a number and infinity": ("float8", "'NaN'", "'Infinity'"),
    "a float 0 and not a number": ("float8", "0", "'NaN'"),
    "the least float above 0": ("float8", "0", "5e-324"),
    "infinite dates": ("date", "'infinity'", "'-infinity'"),
    "a date before the common era": ("date", "'0044-03-15 BC'", "'0044-03-15'"),
    "24 o'clock": ("time", "'24:00'", "'00:00'"),
    "a microsecond of an interval": ("interval", "'1 day 00:00:00.000001'", "'1 day'"),
    "a day of an interval and its hours": ("interval", "'1 day'", "'24 hours'"),
    "a domain of a domain": ("fair_price", "1.00", "1.01"),
    "an array of another shape": ("int[]", "'{{1,2},{3,4}}'", "'{1,2,3,4}'"),
    "an array that begins elsewhere": ("int[]", "'[0:1]={1,2}'", "'{1,2}'"),
    "an empty array and NULL": ("text[]", "'{}'", "NULL"),
    "an array of numerics": ("numeric[]", "'{5}'", "'{-5}'"),
    "an array of composites": ("pair[]", "array[row(1,'a')::pair]", "array[row(1,'a,')::pair]"),
    "a composite with NULL and with nothing": ("pair", "row(1,NULL)", "row(1,'')"),
    "several ranges": ("int4multirange", "'{[1,3),[5,7)}'", "'{[1,3),[5,8)}'"),
    "a range that is empty": ("int4range", "'empty'", "'[1,2)'"),
    "a range of numerics": ("numrange", "'[1,2]'", "'[1,2)'"),
    "a range without an end": ("tstzrange", "'[2024-01-01,)'", "'[2024-01-01,infinity)'"),
    "a range of a type of one's own": ("steps", "'[0,0.1)'", "'[0,0.2)'"),
    "fixed bits": ("bit(3)", "B'101'", "B'100'"),
    "leading zero bits": ("bit varying", "B'01'", "B'1'"),
    "empty bytes and NULL": ("bytea", "''", "NULL"),
    "one character": ('"char"', "'a'", "'A'"),
    "a name": ("name", "'a'", "'A'"),
    "a blank inside a char": ("char(5)", "'a b'", "'ab'"),
    "networks": ("cidr", "'10.0.0.0/8'", "'10.0.0.0/9'"),
    "addresses of a later internet": ("inet", "'::1'", "'::2'"),
    "hardware addresses": ("macaddr", "'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"),
    "long hardware addresses": ("macaddr8", "'08:00:2b:01:02:03:04:05'", "'08:00:2b:01:02:03:04:06'"),
    "a place in the log": ("pg_lsn", "'16/B374D848'", "'16/B374D849'"),
    "a number of an object": ("oid", "1", "4294967295"),
    "a table by its name": ("regclass", "'pg_class'", "'pg_type'"),
    "a path into json": ("jsonpath", "'$.a'", "'$.b'"),
    "a query of words": ("tsquery", "'a & b'", "'a | b'"),
    "a box": ("box", "'(1,1),(0,0)'", "'(1,2),(0,0)'"),
    "a circle": ("circle", "'<(0,0),1>'", "'<(0,0),2>'"),
    "a line": ("line", "'{1,2,3}'", "'{1,2,4}'"),
    "a piece of a line": ("lseg", "'[(0,0),(1,1)]'", "'[(1,1),(0,0)]'"),
    "an open and a closed path": ("path", "'[(0,0),(1,1)]'", "'((0,0),(1,1))'"),
    "a polygon": ("polygon", "'((0,0),(1,1),(2,0))'", "'((0,0),(1,1),(2,1))'"),
    "a snapshot": ("pg_snapshot", "'10:20:10,14'", "'10:20:10,15'"),
    "a long text by its last letter": ("text", "repeat('x', 100000) || 'a'", "repeat('x', 100000) || 'b'"),
    "nulls and empty texts that changed places": ("text[]", "'{NULL,\"\"}'", "'{\"\",NULL}'"),
    "json: null and NULL": ("jsonb", "'null'", "NULL"),
    "json: the order in an array": ("json", "'[1,2]'", "'[2,1]'"),
    "json: a number and its text": ("json", """'{"a": 1}'""", """'{"a": "1"}'"""),
    "jsonb: a number beyond floats": ("jsonb", "'[9007199254740993]'", "'[9007199254740992]'"),
}

#: What SQL calls equal, and the comparison does not: said in docs/explanation/parity.md.
WRITTEN_OTHERWISE = {
    "a scale beside a text": ("amount", "row(1.0,'1.0')", "row(1.00,'1.0')"),
    "a scale in jsonb": ("jsonb", "'[1.0]'", "'[1.00]'"),
    "minus zero in an array of floats": ("float8[]", "'{0}'", "'{-0}'"),
    "minus zero in a point": ("point", "'(0,0)'", "'(0,-0)'"),
}
DIFFERENT |= WRITTEN_OTHERWISE | {
    "a number in a range": ("numrange", "'[1.0,2)'", "'[1.01,2)'"),
    "a range that ends at ten or at one": ("numrange", "'[0,10]'", "'[0,1]'"),
    "a number in several ranges": ("nummultirange", "'{[1.5,2)}'", "'{[1.05,2)}'"),
    "a number in a composite of numbers": ("place", "row(1.10,1,10,1)", "row(1.01,1,10,1)"),
    "an integer that ends with zeros": ("place", "row(1,1,100,1)", "row(1,1,1,1)"),
    "an exponent that ends with zeros": ("place", "row(1,1,1,1.5e+100)", "row(1,1,1,1.5e+10)"),
    "texts that look like numbers": ("amount", "row(1,'1.0')", "row(1,'1.00')"),
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
    "the scale in a range": ("numrange", "'[1.0,2)'", "'[1,2.00)'"),
    "the scale in a range without an end": ("numrange", "'(,2.50]'", "'(,2.5]'"),
    "the scale in several ranges": ("nummultirange", "'{[1.0,2.10],[3,4.000)}'", "'{[1,2.1],[3.0,4)}'"),
    "the scale in an array of ranges": ("numrange[]", "array[numrange(1.0,2)]", "array[numrange(1,2.0)]"),
    "the scale in an array of a domain": ("price[]", "'{1.50}'", "'{1.5}'"),
    "the scale in a composite of numbers": ("place", "row(1.0,1.50,3,0.5)", "row(1,1.5,3,0.5)"),
    "the scale in an array of composites": (
        "place[]",
        "array[row(1.0,1,3,5)::place]",
        "'{\"(1,1.00,3,5)\"}'",
    ),
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
    "a name that json holds twice, as jsonb keeps it": (
        ("json", "jsonb"),
        """'{"a": 1, "a": 2}'""",
        """'{"a": 2}'""",
    ),
    "text and an enum's label": (("text", "shade"), "'dark'", "'dark'"),
    "text and citext": (("text", "citext"), "'Ada'", "'Ada'"),
    "a domain and its base": (("price", "numeric(10,2)"), "1.50", "1.50"),
    "smallint and bigint": (("smallint", "bigint"), "-7", "-7"),
    "timestamps without fractions": (("timestamp(0)", "timestamp(6)"), "'2024-01-01'", "'2024-01-01'"),
}


def _tables(cases: dict[str, tuple[str | tuple[str, str], str, str]], prefix: str, side: int) -> str:
    """One table per case: row 1 has the two values, row 2 is the same on both sides."""
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
            admin.execute(f"create database {name} template template0")
            sides.append(Database(postgres_server.url(name)))
            sides[side].run(TYPES, _tables(DIFFERENT, "differ", side), _tables(SAME, "same", side))
        sides[1].run("create type other as enum ('x')")  # so that the numbers of the enums differ
        for side, last in zip(sides, "bc", strict=True):
            side.run(
                "create type mood as enum ('a', 'b', 'c')",
                "create table enums (id int primary key, v mood)",
                f"insert into enums values (1, 'a'), (2, '{last}')",
            )
        result = compare_live(sides[0].server, sides[1].server, ComparisonOptions())
        yield {table.table: table for table in result.tables}
        for name in ("sound_source", "sound_target"):
            admin.execute(f"drop database {name} with (force)")


@pytest.mark.parametrize("change", DIFFERENT)
def test_a_change_is_found_and_named(results: dict[str, TableResult], change: str) -> None:
    table = results[f"differ_{list(DIFFERENT).index(change)}"]
    assert (table.changed, table.missing, table.extra, table.unsound) == (1, 0, 0, [])
    (example,) = table.examples
    assert (example.key, list(example.columns)) == ({"id": "1"}, ["v"])


@pytest.mark.parametrize("meaning", SAME)
def test_values_that_mean_the_same_are_equal(results: dict[str, TableResult], meaning: str) -> None:
    table = results[f"same_{list(SAME).index(meaning)}"]
    assert table.equal, (table.examples, table.unsound)


def test_enums_are_compared_by_label_and_not_by_number(results: dict[str, TableResult]) -> None:
    assert [example.key for example in results["enums"].examples] == [{"id": "2"}]
    assert results["enums"].examples[0].columns == {"v": ["b", "c"]}
