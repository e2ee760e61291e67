"""A value that the server cannot bring into its form costs its column, and never the table."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import sql

from integrations.parity.engine.comparison import compare_before
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.model import canonical_forms
from integrations.parity.model.canonical_forms import TEXT_HASH, CanonicalForm
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql import shown_values
from tests.integrations.parity.conftest import Pair, only

RAISES = (
    "create function refuse(v int) returns text immutable language plpgsql as $$begin"
    " if v = 2 then raise exception 'no' using errcode = '{}'; end if; return v; end$$"
)


def through(sql_text: str) -> dict[str, Any]:
    return {"kind": "as", "table": "t", "column": "v", "source": sql_text, "target": sql_text}


CASES: dict[str, tuple[list[str], list[dict[str, Any]]]] = {
    "a date beyond all timestamps": (
        ["alter table t alter v type date using case v when 2 then '300000-01-01'::date end"],
        [through("v::timestamp")],
    ),
    "a text that is no number": (
        ["alter table t alter v type text using case v when 2 then 'two' else '1' end"],
        [through("v::int")],
    ),
    "a function that refuses it": ([RAISES.format("P0001")], [through("public.refuse(v)")]),
    "a text above the limit": ([RAISES.format("54000")], [through("public.refuse(v)")]),
    "an allocation above the limit": ([RAISES.format("XX000")], [through("public.refuse(v)")]),
    "no memory for it": ([RAISES.format("53200")], [through("public.refuse(v)")]),
}


@pytest.mark.parametrize("case", CASES)
def test_only_the_column_has_no_result(pair: Pair, case: str) -> None:
    statements, rules = CASES[case]
    pair.both(
        "create table t (id int primary key, v int, w text)",
        "insert into t values (1, 1, 'x'), (2, 2, 'x')",
        *statements,
    )
    pair.target.run("update t set w = 'y' where id = 1")
    table = pair.table("t", *rules)
    assert table.changed == 1
    assert [row.columns for row in table.examples] == [{"w": ["x", "y"]}]
    assert [reason[:47] for reason in table.unsound] == ["v: holds a value that cannot be compared, so th"]


def test_a_date_that_no_timestamp_can_hold_costs_its_column(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v date, w text)",
              "insert into t values (1, '2020-01-01', 'x')")  # fmt: skip
    pair.source.run("insert into t values (2, '300000-01-01', 'x')")
    pair.target.run("alter table t alter v type timestamp", "insert into t values (2, 'infinity', 'y')")
    table = pair.table("t")
    assert [row.columns for row in table.examples] == [{"w": ["x", "y"]}]
    assert table.unsound == [
        "v: holds a value that cannot be compared, so the column was not: date out of range for timestamp"
    ]


def test_a_value_of_the_key_leaves_the_table_open(pair: Pair) -> None:
    pair.both("create table t (id text primary key, v int)", "insert into t values ('1', 1), ('two', 2)")
    rule = {"kind": "as", "table": "t", "column": "id", "source": "id::int", "target": "id::int"}
    table = pair.table("t", rule)
    assert table.unsound == [
        "it could not be read: invalid input syntax for type integer: … (SQLSTATE 22P02)"
    ]


def test_a_fingerprint_lacks_only_that_column(pair: Pair) -> None:
    pair.both(
        "create table t (id int primary key, v json, w text)",
        """insert into t values (1, '{"a": "\\ud800"}', 'x'), (2, '{}', 'x')""",
    )
    with Snapshot(pair.source.server) as snapshot:
        taken = take_fingerprint(snapshot)
    assert [kept.failed for kept in taken.tables] == [""]
    assert taken.tables[0].left_out[0].startswith("v: holds JSON that jsonb cannot hold")
    pair.target.run("update t set w = 'y', v = '1' where id = 2")
    table = only(compare_before(taken, pair.target.server, ComparisonOptions()), "t")
    assert (table.differing, table.at_least) == (1, True)
    assert table.unsound == ["v: the fingerprint was taken without it"]


#: Stands for the server's limit: it refuses a text that is longer than that of 1000 bytes.
SHORT_ONLY = (
    "create function short_only(text) returns text immutable language plpgsql as $$begin"
    " if length($1) > 2002 then raise exception 'no' using errcode = '54000'; end if; return $1; end$$"
)


def test_bytes_whose_text_would_be_too_long_are_compared_by_their_digest(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """600 MB take a minute; the limit is moved instead."""
    short = canonical_forms.BYTES_CAST.replace("%s", "1000").replace("{t}", "public.short_only({t})")
    monkeypatch.setattr(canonical_forms, "BYTES_FORM", CanonicalForm("text", short, TEXT_HASH, "''"))
    cuts = {"CUT_TEXT": "{0}", "CUT_BYTES": "{2}"}  # where each of them takes the whole text of a value
    for name, whole in cuts.items():
        cut = getattr(shown_values, name).as_string().replace(whole, f"public.short_only({whole})")
        monkeypatch.setattr(shown_values, name, sql.SQL(cut))
    monkeypatch.setattr(shown_values, "MAX_VALUE_LENGTH", 40)
    pair.both(
        SHORT_ONLY,
        "create table t (id int primary key, b bytea)",
        "insert into t select i, convert_to(repeat('a', 1000 * i), 'UTF8') from generate_series(1, 3) i",
        "insert into t values (4, '\\x00ff'), (5, null), (6, '')",
    )
    assert pair.table("t").equal
    pair.target.run("update t set b = set_byte(b, 1999, 7) where id = 2")
    table = pair.table("t")
    assert (table.changed, table.unsound, table.notes) == (1, [], [])
    (row,) = table.examples
    shown = row.columns["b"]
    assert shown == [f"\\x{'61' * 19}... (4002 characters)"] * 2


def test_the_text_of_long_bytes_is_cut_before_it_is_made(pair: Pair) -> None:
    """Both ways of cutting show the same, whatever the length."""
    pair.both(
        "create table t (id int primary key, b bytea, c bytea)",
        "insert into t select i, convert_to(repeat('a', 245 + i), 'UTF8'), 'x' from generate_series(0, 10) i",
    )
    pair.target.run("update t set c = 'y', b = b || 'z'")
    with Snapshot(pair.source.server) as snapshot:
        texts = snapshot.fetch_rows(sql.SQL("select textin(byteaout(b)) from t order by id"))
    wanted = [text if len(text) <= 500 else f"{text[:500]}... ({len(text)} characters)" for (text,) in texts]
    assert [row.columns["b"][0] for row in pair.table("t").examples] == wanted
