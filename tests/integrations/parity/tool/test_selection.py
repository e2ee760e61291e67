"""A comparison of some tables or rows says what it left out, and never more than it proved."""

from __future__ import annotations

import json

import pytest

from integrations.parity.__main__ import COULD_NOT, DIFFERENT, EQUAL
from tests.integrations.parity.tool.command import Tool, call

ORDERS = (
    "create schema shop",
    "create table orders (id serial primary key, status text, value int)",
    "create table shop.items (id int primary key)",
    "create table audit (id serial primary key)",
    "insert into orders (status, value) select case when i % 2 = 0 then 'paid' else 'draft' end, i"
    " from generate_series(1, 100) i",
    "insert into shop.items values (1)",
)


def test_only_tables_that_match_are_compared_and_the_others_are_listed(tool: Tool) -> None:
    tool.pair.both(*ORDERS)
    tool.pair.target.run(
        "insert into audit default values", "create index on audit ((id + 1))", "drop table shop.items"
    )
    ended = tool.run("--table", "ord*", "--structure", "judged")
    assert (ended.code, "audit" in ended.out) == (EQUAL, True), ended.out
    assert "left out on purpose: audit\n" in ended.out
    assert "left out on purpose: shop.items\n" in ended.out
    assert "present, not compared: indexes: 0 → 1 (not of the tables that were selected)" in ended.out
    assert tool.run("--exclude", "audit", "--exclude", "shop.*", "--structure", "judged").code == EQUAL
    assert tool.run("--exclude", "audit").code == DIFFERENT
    assert tool.run("--table", "audit").code == DIFFERENT
    assert tool.run("--table", "*", "--exclude", "audit").code == DIFFERENT


def test_sequences_of_tables_that_are_left_out_are_left_out(tool: Tool) -> None:
    tool.pair.both(*ORDERS)
    tool.pair.source.run("select nextval('audit_id_seq') from generate_series(1, 50)")
    tool.pair.target.run("alter sequence orders_id_seq restart with 1")
    assert "orders_id_seq" in tool.run("--exclude", "audit").out
    assert tool.run("--exclude", "orders", "--exclude", "audit").code == EQUAL
    ended = tool.run("--exclude", "orders")
    assert (ended.code, "audit_id_seq" in ended.out) == (DIFFERENT, True)


@pytest.mark.parametrize(
    "given",
    [
        ["--table", "order"],
        ["--table", "orders", "--table", "itms"],
        ["--exclude", "items"],
        ["--where", "order=true"],
        ["--table", "audit", "--where", "orders=true"],
        ["--table", "orders", "--exclude", "*"],
        ["--personal", "users.email"],
        ["--personal", "orders.valu"],
        ["--personal", "items.id"],
    ],
)
def test_a_pattern_that_matches_nothing_is_refused_before_a_row_is_read(tool: Tool, given: list[str]) -> None:
    tool.pair.both(*ORDERS)
    tool.pair.target.run("update orders set value = -value")
    ended = tool.run(*given)
    assert (ended.code, ended.out) == (COULD_NOT, ""), ended
    assert "Nothing was compared" in ended.err


def test_a_personal_column_is_found_whatever_its_letters(tool: Tool) -> None:
    tool.pair.both('create table t (id int primary key, "Email" text)', "insert into t values (1, 'ada')")
    tool.pair.target.run("update t set \"Email\" = 'bob'")
    ended = tool.run("--personal", "t.email")
    assert ended.code == DIFFERENT
    assert not {"ada", "bob"} & set(ended.out.replace("'", " ").split())


def test_a_condition_restricts_the_rows_of_both_sides_and_is_listed(tool: Tool) -> None:
    tool.pair.both(*ORDERS)
    tool.pair.target.run(
        "update orders set value = 0 where status = 'draft'", "delete from orders where id = 1"
    )
    ended = tool.run("--where", "orders=status = 'paid'", "--structure", "off")
    assert ended.code == EQUAL, ended.out
    assert ended.out.startswith("Equal in the rows that were selected: ")
    assert "only the rows that meet a condition" in ended.out
    assert "condition: orders: only the rows where status = 'paid'" in ended.out
    facts = json.loads(tool.run("--where", "orders=status = 'paid'", "--json").out)
    (table,) = [table for table in facts["tables"] if table["table"] == "orders"]
    assert (table["source_rows"], table["restricted"]) == (50, "status = 'paid'")
    tool.pair.target.run("update orders set status = 'draft' where id = 2")
    ended = tool.run("--where", "orders=status = 'paid'", "--where", "orders=value > 1")
    assert (ended.code, "orders: 1 missing; 50 rows → 49" in ended.out) == (DIFFERENT, True), ended.out


@pytest.mark.parametrize(
    "key",
    ["id int primary key", "id text primary key", "id int, value int, primary key (id, value)", "id int"],
)
def test_a_condition_holds_in_every_query_about_the_table(tool: Tool, key: str) -> None:
    columns = key if "value" in key else f"{key}, value int"
    rows = "insert into t (id, value, k0, h, e0) select i, i, i % 3, i, i from generate_series(1, 3000) i"
    tool.pair.both(f"create table t ({columns}, k0 int, h int, e0 int)", rows)
    tool.pair.target.run(
        "update t set h = -1 where k0 = 1 and value < 100", "update t set h = -2 where value = 1500",
        "delete from t where value = 1503", "delete from t where value = 1504",
    )  # fmt: skip
    ended = tool.run(
        "--where", "t=k0 = 0 and h <> value * 0 and e0 > 0 and r.value > 0", "--structure", "off"
    )
    # Without a key, the two versions of a changed row are one that is missing and one that is new.
    changed = "1 changed, 1 missing" if "primary" in key else "2 missing, 1 extra"
    assert f"t: {changed}; 1,000 rows → 999" in ended.out, ended.out


BROKEN = {
    "no boolean": "value",
    "no expression": "true; delete from orders",
    "a list": "true, false",
    "parentheses of ours": "true) or (true",
    "the rest as a comment": "true) -- ",
    "an end of the query": "true) group by (value",
    "another table": "true) union select (true",
    "a query": "select true",
    "an alias": "true as kept",
    "an aggregate": "count(*) > 0",
    "a window": "row_number() over () > 1",
    "many rows": "generate_series(1, 2) > 1",
    "no such column": "stat = 'paid'",
    "nothing": "/* */",
    "an open comment": "true /*",
    "an open text": "status = 'paid",
    "volatile": "random() < 0.5",
    "volatile inside": "exists (select from shop.items where id > random())",
    "a function that is volatile": "chance(value)",
    "an operator that is volatile": "value ### 1",
    "what ends sessions": "pg_terminate_backend(value)",
    "what keeps a lock": "pg_try_advisory_lock(value)",
}
MADE_VOLATILE = (
    "create function chance(int) returns boolean language sql as 'select $1 > 5'",
    "create function chance2(int, int) returns boolean language plpgsql as 'begin return $1 > $2; end'",
    "create operator ### (leftarg = int, rightarg = int, function = chance2)",
)


def test_a_condition_is_one_boolean_expression_that_is_not_volatile(tool: Tool) -> None:
    tool.pair.both(*ORDERS, *MADE_VOLATILE)
    tool.pair.target.run("update orders set value = 0")
    for reason, condition in BROKEN.items():
        ended = tool.run("--where", f"orders={condition}")
        assert (ended.code, ended.out) == (COULD_NOT, ""), reason
        assert "The condition on orders, for the " in ended.err, reason
    assert tool.pair.source.value("select count(*) from orders") == 100


@pytest.mark.parametrize(
    "condition",
    [
        "value > 5 or status = 'paid'",
        "status in ('paid', 'x)') -- a note",
        "exists (select from shop.items i where i.id = orders_of(r.value))",
        "value between 1 and (select max(id) from shop.items) + 70",
        "(value > 5)",
        "value % 2 = 0 and status like '%p%'",
        "now() > '2020-01-01' and value > 0",
    ],
)
def test_any_expression_of_one_row_is_a_condition(tool: Tool, condition: str) -> None:
    tool.pair.both(
        *ORDERS, "create function orders_of(int) returns int immutable language sql as 'select $1 % 7'"
    )
    assert tool.run("--where", f"orders={condition}").code == EQUAL
    tool.pair.target.run("delete from orders where id = 50")
    assert tool.run("--where", f"orders={condition}").code == DIFFERENT


def test_fail_fast_ends_at_the_first_table_that_is_not_equal(tool: Tool) -> None:
    tool.pair.both(*(f"create table t{i} (id int primary key)" for i in range(4)))
    tool.pair.target.run("insert into t1 values (1)", "insert into t3 values (1)")
    ended = tool.run("--fail-fast")
    assert (ended.code, "t3: it was not compared: --fail-fast ends at t1" in ended.out) == (DIFFERENT, True)
    assert "t3: 1 extra" not in ended.out
    tool.pair.target.run("create table new (id int)")
    ended = tool.run("--fail-fast")
    assert (ended.code, "t1: it was not compared: --fail-fast ends at new table new" in ended.out) == (
        DIFFERENT, True,
    ), ended.out  # fmt: skip


def test_a_limit_ends_after_so_many_rows(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.parity.engine.row_diff.ROWS_PER_BATCH", 100)
    tool.pair.both(*(f"create table t{i} (id int primary key, v int)" for i in range(3)))
    tool.pair.both(*(f"insert into t{i} select n, n from generate_series(1, 5000) n" for i in range(3)))
    tool.pair.target.run("update t0 set v = 0 where id = 1", "update t1 set v = 0")
    ended = tool.run("--limit", "50")
    facts = json.loads(tool.run("--limit", "50", "--json").out)
    tables = {table["table"]: table for table in facts["tables"]}
    assert (ended.code, tables["t1"]["at_least"], tables["t0"]["changed"]) == (DIFFERENT, True, 1)
    assert 50 <= tables["t1"]["changed"] < 1000
    assert "it was not compared: --limit 50 is reached" in ended.out
    assert "at least" in ended.out
    whole = json.loads(tool.run("--limit", "5001", "--json").out)
    assert [table["changed"] for table in whole["tables"] if table["table"] == "t1"] == [5000]


@pytest.mark.parametrize(
    "given",
    [
        ["--workers", "-1"], ["--keep", "-1"], ["--settle", "-1"], ["--settle", "nan"], ["--limit", "x"],
        ["--sample", "0"], ["--sample", "101"], ["--page-rate", "1.5"], ["--where", "orders"],
        ["--where", "=true"], ["--fail-fast", "--settle", "1"], ["--keep-pass", "f", "--table", "t"],
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(capsys: pytest.CaptureFixture[str], given: list[str]) -> None:
    ended = call(capsys, "env:A", "env:B", *given)
    assert (ended.code, ended.out) == (COULD_NOT, "")
    assert "error: " in ended.err


def test_the_version_names_the_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "--version")
    assert ended.code == 0
    assert all(word in ended.out for word in ("parity 0.1.0", "psycopg 3.", "libpq", "Python 3."))
