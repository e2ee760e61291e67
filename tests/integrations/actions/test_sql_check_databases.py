"""`sql.check` asks MariaDB as it asks PostgreSQL, and compares two databases of any kind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django import forms

from integrations.actions import Context, registry
from integrations.errors import Problem
from integrations.sandbox.mariadb_server import MariaDbServer
from tests.integrations.recorder import Recorder

ACTION = registry()["sql.check"]
TABLE = "create table orders (id int primary key, total decimal(9,2), note varchar(20))"
ROWS = "insert into orders values (1, 10.50, 'tea'), (2, 2, null)"


@pytest.fixture(scope="module")
def shops(mariadb_server: MariaDbServer) -> Iterator[MariaDbServer]:
    """A server with two shops that hold the same."""
    for name in ("check_old", "check_new"):
        mariadb_server.execute(f"create database {name}")
        mariadb_server.execute(TABLE, ROWS, database=name)
    yield mariadb_server
    mariadb_server.execute("drop database check_old", "drop database check_new")


@pytest.fixture(scope="module")
def postgres_url(module_database: str) -> str:
    """The same shop in PostgreSQL."""
    with psycopg.connect(module_database, autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute(ROWS)
    return module_database


@pytest.fixture
def bind(
    shops: MariaDbServer,
    postgres_url: str,
    new_context: Callable[..., Context],
    tmp_path: Path,
) -> Callable[..., Any]:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as file, file:
        file.executescript(f"{TABLE}; {ROWS}")
    context = new_context(
        {
            "old": {"kind": "mysql", "url": shops.url(database="check_old")},
            "new": {"kind": "mysql", "url": shops.url(database="check_new")},
            "other": {"kind": "postgres", "url": postgres_url},
            "file": {"kind": "sqlite", "path": str(tmp_path / "shop.db")},
            "web": {"kind": "http", "url": "http://127.0.0.1:1"},
        }
    )
    return lambda query, **raw: ACTION.bind({"query": query, **({"mysql": "old"} | raw)}, context)


@pytest.mark.parametrize(
    ("query", "raw", "is_green"),
    [
        ("select count(*) from orders", {"value": 2}, True),
        ("select count(*) from orders", {"value": 3}, False),
        ("select sum(total) from orders", {"value": "12.50"}, True),
        ("select sum(total) from orders", {"at_least": 12.5, "at_most": 12.5}, True),
        ("select sum(total) from orders", {"at_most": 12}, False),
        ("select id, note from orders order by id", {"rows": [[1, "tea"], [2, None]]}, True),
        ("select id, note from orders order by id", {"rows": [[1, "tea"], [2, "tea"]]}, False),
        ("select id from orders where note is null and id = 1", {"no_rows": True}, True),
        ("select id from orders", {"no_rows": True}, False),
        ("select @@global.read_only", {"value": 0}, True),
    ],
)
def test_mariadb_is_compared_with_what_is_expected(bind: Any, query: str, raw: Any, is_green: bool) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(query, **raw), report)
    assert outcome.ok is is_green, outcome.summary
    assert bool(report.facts["wrong"]) is not is_green
    assert report.facts["sql"]["where"].endswith("/check_old")


SUMS = "select count(*) as orders, sum(total) as total, max(note) as note from orders"


@pytest.mark.parametrize("other", ["new", "other", "file"])
def test_two_databases_with_the_same_are_equal_whatever_their_kind(bind: Any, other: str) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(SUMS, same_as=other), report)
    assert outcome.ok, outcome.summary
    assert len(report.facts["sql"]["digest"]) == 64


def test_the_digest_says_whether_the_rows_are_those_of_the_signature(bind: Any, shops: MariaDbServer) -> None:
    digests = set()
    for total in ("2", "3"):
        shops.execute(f"update orders set total = {total} where id = 2", database="check_old")
        report = Recorder()
        ACTION.run(bind(SUMS, same_as="new"), report)
        digests.add(report.facts["sql"]["digest"])
    shops.execute("update orders set total = 2 where id = 2", database="check_old")
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("change", "query", "said"),
    [
        ("update orders set note = 'secret' where id = 1", SUMS, "Row 1 differs in note."),
        ("update orders set total = 10.51 where id = 1", SUMS, "Row 1 differs in total."),
        (
            "delete from orders where id = 2",
            "select id from orders order by id",
            "The query gives 2 row(s) here, and 1 there.",
        ),
        (
            "delete from orders where id = 2",
            "select id from orders where id > 1",
            "The query gives 1 row(s) here, and 0 there.",
        ),
    ],
)
def test_a_difference_is_red_and_names_the_column_without_the_value(
    bind: Any, shops: MariaDbServer, change: str, query: str, said: str
) -> None:
    shops.execute(change, database="check_new")
    try:
        outcome = ACTION.run(bind(query, same_as="new"), Recorder())
    finally:
        shops.execute("delete from orders", ROWS, database="check_new")
    assert not outcome.ok
    assert said in outcome.summary
    assert "Expected: the same rows as 127.0.0.1" in outcome.summary
    assert "secret" not in outcome.summary


def test_two_empty_results_are_not_equal(bind: Any) -> None:
    outcome = ACTION.run(bind("select id from orders where id > 9", same_as="new"), Recorder())
    assert not outcome.ok
    assert "compares nothing" in outcome.summary


@pytest.mark.parametrize(
    ("query", "raw", "said"),
    [
        ("delete from orders", {"value": 1}, "query: only SELECT"),
        ("select 1 into outfile '/tmp/cutover-pwned'", {"value": 1}, "query: INTO writes a file"),
        ("select 1; drop table orders", {"value": 1}, "query: has several statements"),
        ("select id from orders for update", {"value": 1}, "query: FOR UPDATE locks"),
        ("select `id` from orders", {"same_as": "other"}, "query: is no SQL"),
        ("select 1", {"same_as": "old"}, "it has to be another one"),
        ("select 1", {"same_as": "web"}, "is no system of kind postgres or mysql or sqlite"),
        ("select 1", {"same_as": "new", "value": 1}, "Expect one of"),
        ("select 1", {"value": 1, "database": "other"}, "one of the three"),
        ("select 1", {"value": 1, "mysql": "other"}, "is no system of kind mysql"),
    ],
)
def test_mistakes_are_found_when_the_runbook_is_checked(bind: Any, query: str, raw: Any, said: str) -> None:
    with pytest.raises(forms.ValidationError) as caught:
        bind(query, **raw)
    assert said in str(caught.value)


def test_an_error_of_the_server_is_passed_on(bind: Any) -> None:
    with pytest.raises(Problem, match=r"1146 Table 'check_old\.nope' doesn't exist"):
        ACTION.run(bind("select * from nope", value=1), Recorder())


def test_the_preview_shows_no_password(bind: Any, shops: MariaDbServer) -> None:
    preview = ACTION.preview(bind(SUMS, same_as="new"))
    assert preview.where == f"127.0.0.1:{shops.port}/check_old"
    assert preview.lines[-1] == f"Expected: the same rows as 127.0.0.1:{shops.port}/check_new"
    assert shops.password not in str(preview)
