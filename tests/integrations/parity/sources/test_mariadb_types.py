"""Every pair of types: values that mean the same are equal, and values that do not are differences."""

# ruff: noqa: E501  # types and their values read best as a table

from __future__ import annotations

from dataclasses import dataclass

from tests.integrations.parity.sources.conftest import MixedPair


@dataclass(frozen=True)
class TypePair:
    """A type of either side, and literals of MariaDB and of PostgreSQL: the same value, and another one."""

    source: str
    target: str
    same: tuple[tuple[str, str], ...]
    other: tuple[tuple[str, str], ...]


def both(*literals: str) -> tuple[tuple[str, str], ...]:
    return tuple((each, each) for each in literals)


PAIRS = (
    TypePair(
        "tinyint(1)", "boolean",
        (("0", "false"), ("1", "true"), ("null", "null")), (("1", "false"), ("0", "null"), ("5", "true")),
    ),
    TypePair("tinyint unsigned", "smallint", both("0", "255"), (("255", "-1"), ("null", "0"))),
    TypePair("smallint zerofill", "integer", both("7", "0"), (("7", "70"),)),
    TypePair("mediumint", "integer", both("-8388608", "8388607"), (("1", "-1"),)),
    TypePair(
        "bigint", "bigint",
        (*both("9223372036854775807", "4294967296"), ("-9223372036854775808", "'-9223372036854775808'")),
        (("4294967297", "1"), ("0", "null")),
    ),
    TypePair(
        "bigint unsigned", "numeric(20)",
        both("18446744073709551615", "0"), (("18446744073709551615", "18446744073709551614"),),
    ),
    TypePair("int", "text", (("12", "'12'"), ("-1", "'-1'")), (("12", "'012'"), ("0", "''"))),
    TypePair("year", "integer", both("2024", "1901"), (("2024", "24"),)),
    TypePair("bit(1)", "boolean", (("b'1'", "true"), ("b'0'", "false")), (("b'1'", "false"),)),
    TypePair("bit(9)", "bit(9)", (("b'101'", "b'000000101'"),), (("b'101'", "b'100000101'"),)),
    TypePair("bit(9)", "integer", (("b'100000001'", "257"),), (("b'1'", "257"),)),
    TypePair(
        "decimal(10,2)", "numeric(10,2)",
        both("0", "-0.01", "99999999.99", "5", "0.50"), (("5", "-5"), ("0.01", "0.02"), ("0", "null")),
    ),
    TypePair(
        "decimal(30,10) zerofill", "numeric",
        both("12345678901234567890.0123456789", "100", "0"), (("100", "10"), ("1", "'NaN'")),
    ),
    TypePair("decimal(12,0)", "bigint", both("100", "0"), (("100", "1"),)),
    TypePair("decimal(5,0)", "integer", both("99999"), (("1", "2"),)),
    TypePair("decimal(10,2)", "double precision", both("0.1", "5"), (("0.1", "0.10000000000000002"),)),
    TypePair(
        "double", "double precision",
        (*both("0.1", "1e-300", "1e300", "123456789012345.6", "5e-324"), ("-0e0", "0"), ("0", "'-0'")),
        (("0.1", "0.10000000000000002"), ("1", "-1"), ("0", "'NaN'"), ("1e300", "'Infinity'"), ("0", "null")),
    ),
    TypePair("float", "real", both("0.1", "1e20", "16777216"), (("0.1", "0.10000001"), ("16777216", "16777200"))),
    TypePair("float", "double precision", both("0.1", "1.5"), (("0.1", "0.11"), ("1", "1e300"))),
    TypePair("double", "real", both("0.1", "1.5"), (("0.1", "0.11"), ("1e300", "'Infinity'"))),
    TypePair("double", "numeric", both("0.1", "1e20", "-2.5"), (("0.1", "0.11"), ("0", "'NaN'"))),
    TypePair(
        "datetime(6)", "timestamp",
        both("'2022-01-01 15:10:02.123456'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'",
             "'2020-02-29 00:00:10'"),
        (("'2022-01-01 15:10:02'", "'2022-01-01 15:10:02.000001'"), ("'2022-01-01'", "'infinity'"),
         ("'2024-00-10'", "null")),
    ),
    TypePair(
        "datetime", "timestamptz",
        (("'2024-03-31 02:30:00'", "'2024-03-31 02:30:00+00'"),),
        (("'2024-03-31 02:30:00'", "'2024-03-31 02:30:00+01'"),),
    ),
    TypePair(
        "timestamp(3) null", "timestamptz(3)",
        (("'2022-06-03 12:24:35.69'", "'2022-06-03 12:24:35.69+00'"), ("null", "null")),
        (("'2022-06-03 12:24:35.69'", "'2022-06-03 12:24:35.691+00'"),),
    ),
    TypePair(
        "datetime(6)", "timestamp(3)",
        (("'2022-01-01 15:10:02.0015'", "'2022-01-01 15:10:02.002'"),
         ("'2022-01-01 23:59:59.9996'", "'2022-01-02 00:00:00'")),
        (("'2022-01-01 15:10:02.0015'", "'2022-01-01 15:10:02.001'"), ("'2024-00-10 01:00:00.1'", "null")),
    ),
    TypePair(
        "date", "date",
        (*both("'1000-01-01'", "'2024-02-29'", "'9999-12-31'"), ("'0000-00-00'", "null")),
        (("'2024-02-29'", "'2024-02-28'"), ("'2024-00-00'", "null"), ("'0000-00-00'", "'2000-01-01'")),
    ),
    TypePair("date", "timestamp", both("'2024-02-29'"), (("'2024-02-29'", "'2024-02-29 00:00:01'"),)),
    TypePair("datetime", "date", both("'2024-02-29 00:00:00'"), (("'2024-02-29 10:00:00'", "'2024-02-29'"),)),
    TypePair("time(6)", "time", both("'12:00:00.5'", "'00:00:00'"), (("'25:00:00'", "'01:00:00'"),)),
    TypePair("time(6)", "time(0)", (("'12:00:00.5'", "'12:00:01'"),), (("'12:00:00.5'", "'12:00:00'"),)),
    TypePair(
        "time(1)", "interval",
        (*both("'-838:59:58.5'", "'838:59:58.5'", "'-00:00:01'", "'00:00:00'"), ("'25:00:00'", "'1 day 1 hour'")),
        (("'01:00:00'", "'-01:00:00'"), ("'720:00:00'", "'1 month'"), ("'00:00:00'", "'1 year'")),
    ),
    TypePair(
        "varchar(40)", "text",
        (*both("''", "'a'", "' '", "'NULL'", "'<null>'", "'a|b'", "'~'", "'-'", "'1:a'", "'é'", "'🦆'"),
         ("null", "null"), ("'a\\\\b'", "'a\\b'"), ("'q''q'", "'q''q'")),
        (("'a'", "'A'"), ("'a'", "'a '"), ("''", "null"), ("null", "'-'"), ("'é'", "'e\u0301'"), ("'ss'", "'ß'"),
         ("'a\\0b'", "'ab'")),
    ),
    TypePair("char(5)", "char(5)", both("'ab'", "''"), (("'ab'", "'abc'"),)),
    TypePair("char(5)", "text", both("'ab'", "'a b'"), (("'ab'", "'ab   '"), ("'ab'", "'AB'"))),
    TypePair("varchar(9)", "char(9)", (("'ab '", "'ab'"), ("' ab'", "' ab'")), (("' ab'", "'ab'"),)),
    TypePair("varchar(9) character set latin1", "text", both("'é€ß'", "''"), (("'é'", "'Ã©'"),)),
    TypePair("varchar(9) character set utf8mb3", "varchar(9)", both("'žluť'"), (("'ž'", "'z'"),)),
    TypePair("varchar(9)", "citext", both("'Ab'"), (("'Ab'", "'ab'"),)),
    TypePair("longtext", "text", both("'a'", "''", "'1:'"), (("'a'", "'b'"), ("''", "null"))),
    TypePair("varchar(30)", "integer", (("'7'", "7"),), (("'007'", "7"), ("''", "0"))),
    TypePair("enum('x','y z','É')", "text", both("'x'", "'y z'", "'É'"), (("'x'", "'X'"), ("'nope'", "null"))),
    TypePair("enum('light','dark')", "shade", both("'light'"), (("'light'", "'dark'"),)),
    TypePair(
        "set('a','b','c')", "text[]",
        (("'a,c'", "'{a,c}'"), ("''", "'{}'"), ("'b'", "'{b}'")),
        (("'a,c'", "'{\"a,c\"}'"), ("'a,c'", "'{c,a}'"), ("''", "'{\"\"}'"), ("'a'", "'{{a}}'"),
         ("'a'", "'{a,NULL}'"), ("'a'", "'[0:0]={a}'"), ("''", "null")),
    ),
    TypePair("set('a','b')", "text", both("'a,b'", "''"), (("'a,b'", "'b,a'"),)),
    TypePair(
        "char(36)", "uuid",
        (("'ABCDEF00-0000-4000-8000-00000000000a'", "'abcdef00-0000-4000-8000-00000000000a'"),),
        (("'abcdef00-0000-4000-8000-00000000000b'", "'abcdef00-0000-4000-8000-00000000000a'"), ("''", "null")),
    ),
    TypePair(
        "binary(16)", "uuid",
        (("x'abcdef0000004000800000000000000a'", "'abcdef00-0000-4000-8000-00000000000a'"),),
        (("x'abcdef0000004000800000000000000b'", "'abcdef00-0000-4000-8000-00000000000a'"),),
    ),
    TypePair("uuid", "uuid", both("'abcdef00-0000-4000-8000-00000000000a'"), (("null", f"'{'0' * 32}'"),)),
    TypePair(
        "varbinary(9)", "bytea",
        (("x'00ff'", "'\\x00ff'"), ("''", "'\\x'")), (("x'00ff'", "'\\x00fe'"), ("x'00'", "'\\x0000'"), ("''", "null")),
    ),
    TypePair("longblob", "bytea", (("x'ff00'", "'\\xff00'"),), (("x'ff'", "'\\xfe'"),)),
    TypePair("blob", "text", (("'é'", "'é'"),), (("x'c3'", "'Ã'"), ("x'00'", "''"))),
    TypePair(
        "json", "jsonb",
        (("'{\"b\": 1.0, \"a\": [1, 2]}'", "'{\"a\":[1,2.00],\"b\":1}'"), ("'null'", "'null'"), ("null", "null"),
         ("'\"é\"'", "'\"\\u00e9\"'"), ("'1e2'", "'100'"), ("'{\"a\":1,\"a\":2}'", "'{\"a\":2}'")),
        (("'5'", "'-5'"), ("'5'", "'\"5\"'"), ("'[[1],2]'", "'[[1,2]]'"), ("'null'", "null"), ("'{}'", "'[]'"),
         ("'{\"a\":{\"b\":1},\"c\":2}'", "'{\"a\":{\"b\":1,\"c\":2}}'"), ("'10000000000000000001'", "'1e19'"),
         ("'\"\\\\u0000\"'", "'\"\"'")),
    ),
    TypePair("longtext", "json", (("'{\"a\" : 1}'", "'{\"a\":1}'"),), (("'{a}'", "'{}'"), ("''", "null"))),
    TypePair("json", "text", (("'{\"a\": 1}'", "'{\"a\": 1}'"),), (("'{\"a\":1}'", "'{\"a\": 1}'"),)),
    TypePair("inet6", "text", (("'::1'", "'::1'"),), (("'::1'", "'::2'"),)),
)  # fmt: skip
#: Types without a sound common form: not compared, and so never equal.
FOREIGN = (
    ("geometry", "text"), ("int", "timestamp"), ("double", "text"), ("varchar(9)", "bytea"), ("date", "text"),
    ("decimal(9,2)", "text"), ("varchar(9)", "boolean"), ("blob", "integer"), ("set('{a')", "text[]"),
    ("time", "integer"), ("varchar(9)", "text[]"), ("binary(15)", "uuid"),
)  # fmt: skip


def test_values_of_every_pair_of_types_are_told_apart(mixed: MixedPair) -> None:
    mixed.target.run("create extension citext", "create type shade as enum ('light', 'dark')")
    expected, made, made_there = {}, [], []
    for number, pair in enumerate(PAIRS):
        rows = (*pair.same, *pair.other)
        made.append(f"create table t{number} (id int primary key, v {pair.source})")
        made_there.append(f"create table t{number} (id int primary key, v {pair.target})")
        ours, theirs = (", ".join(f"({n}, {row[side]})" for n, row in enumerate(rows)) for side in (0, 1))
        made.append(f"insert into t{number} values {ours}")
        made_there.append(f"insert into t{number} values {theirs}")
        expected[f"t{number}"] = {str(n) for n in range(len(pair.same), len(rows))}
    mixed.run(*made)
    mixed.target.run(*made_there)
    result = mixed.compare()
    assert [table.unsound for table in result.tables if table.unsound] == []
    found = {table.table: {str(row.key["id"]) for row in table.examples} for table in result.tables}
    wrong = {
        name: (PAIRS[int(name[1:])].source, PAIRS[int(name[1:])].target, found[name], expected[name])
        for name in expected
        if found[name] != expected[name]
    }
    assert wrong == {}
    assert {name: table.changed for table in result.tables for name in [table.table]} == {
        name: len(keys) for name, keys in expected.items()
    }


def test_types_without_a_common_form_are_never_equal(mixed: MixedPair) -> None:
    mixed.run(*(f"create table t{n} (id int primary key, v {pair[0]})" for n, pair in enumerate(FOREIGN)))
    mixed.target.run(
        *(f"create table t{n} (id int primary key, v {pair[1]})" for n, pair in enumerate(FOREIGN))
    )
    result = mixed.compare()
    said = {table.table: table.unsound for table in result.tables}
    assert {name for name, reasons in said.items() if len(reasons) != 1} == set(), said
    assert all("have no common form" in reasons[0] for reasons in said.values())
    assert (result.equal, len(said)) == (False, len(FOREIGN))
