"""One query that can only read is compared with what the runbook expects, on PostgreSQL and SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django import forms

from integrations.actions import Context, ProbeStatus, registry
from integrations.actions.sql_values import is_same
from integrations.errors import Problem, Unreachable
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

ACTION = registry()["sql.check"]


@pytest.fixture
def bind(app_database: AppDatabase, new_context: Callable[..., Context]) -> Callable[..., Any]:
    context = new_context({"shop": {"kind": "postgres", "url": app_database.admin_url}})
    return lambda query, **raw: ACTION.bind({"database": "shop", "query": query, **raw}, context)


@pytest.fixture
def bind_file(tmp_path: Path, new_context: Callable[..., Context]) -> Callable[..., Any]:
    path = tmp_path / "shop ?#.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "create table orders (id int, total real); insert into orders values (1, 2.5)"
        )
    connection.close()
    context = new_context({"file": {"kind": "sqlite", "path": str(path)}})
    return lambda query, **raw: ACTION.bind({"sqlite": "file", "query": query, **raw}, context)


@pytest.mark.parametrize(
    ("query", "raw"),
    [
        ("select count(*) from members", {"value": 500}),
        ("select count(*) from members;", {"at_least": 500, "at_most": 500}),
        ("select balance from members where id = 1", {"value": 1.1}),
        ("select balance from members where id = 1", {"value": "1.10"}),
        ("select name from members where id = 2", {"value": "Ünï 2"}),
        ("select true", {"value": True}),
        ("values (1, 'a'), (2, null)", {"rows": [[1, "a"], [2, None]]}),
        ("with x as (select 1 as n) select n from x where n > 1", {"no_rows": True}),
        ("select '100%'", {"value": "100%"}),
    ],
)
def test_a_result_as_expected_is_green(bind: Any, query: str, raw: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(query, **raw), report)
    assert outcome.ok, outcome.summary
    assert report.facts["wrong"] == ""


@pytest.mark.parametrize(
    ("query", "raw", "said"),
    [
        ("select count(*) from members", {"value": 501}, "The value is “500”. Expected: “501”"),
        ("select count(*) from members", {"at_least": 501}, "Expected: at least 501"),
        ("select count(*) from members", {"at_most": 499.5}, "Expected: at most 499.5"),
        ("select name from members where id = 1", {"at_least": 1}, "which is no number"),
        ("select null::int", {"value": 0}, "The value is “null”"),
        ("select true", {"value": "true"}, "The value is"),
        ("select id from members", {"value": 1}, "500 row(s) of 1 column(s), not one value"),
        ("select 1, 2", {"value": 1}, "1 row(s) of 2 column(s)"),
        ("select 1 where false", {"value": 1}, "0 row(s)"),
        ("select 1", {"no_rows": True}, "gives 1 row(s)"),
        ("select 1", {"value": 0, "advice": "Pay it."}, "The value is “1”. Expected: “0”. Pay it."),
        ("values (1, 'secret')", {"rows": [[1, "a"]]}, "Row 1 has another value in column2 than “a”"),
        ("values (1), (2)", {"rows": [[1]]}, "gives 2 row(s)"),
        ("values (1, 2)", {"rows": [[1]]}, "gives 2 column(s), and 1 are expected"),
    ],
)
def test_each_expectation_can_be_red(bind: Any, query: str, raw: Any, said: str) -> None:
    outcome = ACTION.run(bind(query, **raw), Recorder())
    assert not outcome.ok
    assert said in outcome.summary
    assert "secret" not in outcome.summary


@pytest.mark.parametrize(
    "query",
    [
        "delete from members",
        "select 1; delete from members",
        "commit; delete from members",
        "select 1 into evil",
        "copy (select 1) to program 'touch /tmp/cutover-pwned'",
        "copy members to '/tmp/cutover-pwned'",
        "set transaction read write",
        "do $$ begin delete from members; end $$",
        "explain analyze delete from members",
        "selec 1",
        "",
    ],
)
def test_anything_but_one_select_is_refused_before_it_is_sent(bind: Any, query: str) -> None:
    with pytest.raises(forms.ValidationError):
        bind(query, value=1)


@pytest.mark.parametrize(
    "query",
    [
        "with x as (delete from members returning id) select count(*) from x",
        "select nextval('donations_id_seq')",
        "select count(*) from (select * from members for update) x",
        "select set_config('transaction_read_only', 'off', false), count(*) from members",
    ],
)
def test_what_a_select_could_change_is_refused_by_the_server(
    bind: Any, app_database: AppDatabase, query: str
) -> None:
    with pytest.raises(Problem):
        ACTION.run(bind(query, value=1), Recorder())
    assert app_database.execute("select count(*) from members") == [(500,)]


def test_a_query_that_takes_too_long_is_ended_by_the_server(bind: Any) -> None:
    with pytest.raises(Problem, match="statement timeout"):
        ACTION.run(bind("select pg_sleep(60)", value=1, timeout_seconds=0.2), Recorder())


def test_too_many_rows_are_an_error(bind: Any) -> None:
    with pytest.raises(Problem, match="more than 1000 rows"):
        ACTION.run(bind("select generate_series(1, 2000)", no_rows=True), Recorder())


def test_an_error_of_the_query_is_passed_on(bind: Any) -> None:
    with pytest.raises(Problem, match='column "nope" does not exist'):
        ACTION.run(bind("select nope from members", value=1), Recorder())


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"value": 1, "no_rows": True},
        {"value": [1]},
        {"rows": [1]},
        {"rows": [[1], [1, 2]]},
        {"value": 1, "sqlite": "file"},
        {"value": 1, "timeout_seconds": 0},
    ],
)
def test_mistakes_are_found_when_the_runbook_is_checked(bind: Any, raw: Any) -> None:
    with pytest.raises(forms.ValidationError):
        bind("select 1", **raw)


def test_the_preview_shows_the_query_and_no_password(bind: Any) -> None:
    preview = ACTION.preview(bind("select 1\nfrom members", at_least=1))
    assert preview.lines == ["select 1", "from members", "Expected: at least 1"]
    assert "@" not in preview.where
    assert ACTION.probe(bind("select 1", value=1), {}).status == ProbeStatus.NOT_DONE


def test_an_sqlite_file_is_read(bind_file: Any) -> None:
    report = Recorder()
    assert ACTION.run(bind_file("select total from orders", value=2.5), report).ok
    assert report.facts["sql"]["rows"] == 1
    assert not ACTION.run(bind_file("select count(*) from orders", value=2), Recorder()).ok


@pytest.mark.parametrize(
    "query",
    [
        "delete from orders",
        "attach '/tmp/cutover-pwned' as evil",
        "pragma query_only = off",
        "select 1; delete from orders",
        "select load_extension('/tmp/x.so')",
        "vacuum into '/tmp/cutover-pwned'",
        "create temp table x (id int)",
        "selec",
    ],
)
def test_an_sqlite_file_can_only_be_read(bind_file: Any, query: str) -> None:
    with pytest.raises(Problem, match="SQLite refused"):
        ACTION.run(bind_file(query, value=1), Recorder())
    assert not Path("/tmp/cutover-pwned").exists()
    assert ACTION.run(bind_file("select count(*) from orders", value=1), Recorder()).ok


def test_a_query_of_sqlite_is_ended_in_time(bind_file: Any) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    with pytest.raises(Problem, match=r"did not end within 0\.3 s"):
        ACTION.run(bind_file(endless, value=1, timeout_seconds=0.3), Recorder())


def test_a_missing_sqlite_file_is_an_error(new_context: Any, tmp_path: Path) -> None:
    context = new_context({"file": {"kind": "sqlite", "path": str(tmp_path / "none.db")}})
    with pytest.raises(Unreachable):
        ACTION.run(ACTION.bind({"sqlite": "file", "query": "select 1", "value": 1}, context), Recorder())
    assert not (tmp_path / "none.db").exists()


def test_values_are_the_same_by_value_and_never_by_accident() -> None:
    assert is_same(1, Decimal("1.000"))
    assert is_same("0.1", 0.1)
    assert not is_same("x", 1)
    assert not is_same(1, True)
    assert not is_same(None, 0)
    assert not is_same("A", "a")
