"""MariaDB and SQLite as sources of a comparison in a runbook: the same verdicts, and no parameter in vain."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.forms import ValidationError

from integrations.actions import Context, registry
from integrations.actions.parity_compare import NOT_THE_WHOLE
from integrations.actions.parity_sources import source_url
from integrations.errors import Problem
from integrations.parity.sources.mariadb_address import MariaDbAddress
from integrations.sandbox.mariadb_server import MariaDbServer
from integrations.systems import System
from tests.integrations.actions.test_parity_compare import ACTION, run
from tests.integrations.parity.conftest import Database
from tests.integrations.recorder import Recorder

Make = Callable[..., Context]
TABLES = (
    "create table members (id integer primary key, name varchar(80), bio text)",
    "create table gifts (id integer primary key, amount decimal(10,2))",
    "insert into members values (1, 'Ada', null), (2, 'Grace', 'x')",
    "insert into gifts values (1, 10.5)",
)


@pytest.fixture
def target(new_database: Callable[[], str]) -> Database:
    made = Database(new_database())
    made.run(*TABLES)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop 100% #1?.sqlite"
    with sqlite3.connect(path) as connection:
        for statement in TABLES:
            connection.execute(statement)
    connection.close()
    return path


@pytest.fixture
def context(file: Path, target: Database, new_context: Make) -> Context:
    return new_context(
        {"old": {"kind": "sqlite", "path": str(file)}, "new": {"kind": "postgres", "url": target.url}}
    )


SIDES = {"source": "old", "target": "new"}


def test_a_file_of_sqlite_is_compared_row_by_row(context: Context, target: Database, file: Path) -> None:
    outcome, facts = run(SIDES, context)
    assert outcome.ok
    assert facts["source"] == {"address": str(file), "engine": f"SQLite {sqlite3.sqlite_version}"}
    target.run("update members set name = 'Eve' where id = 2", "delete from gifts")
    report = Recorder()
    outcome, facts = run({**SIDES, "personal": ["members.name"]}, context, report)
    assert not outcome.ok
    assert "2 rows differ in 2 tables" in outcome.summary
    members = next(table for table in facts["tables"] if table["table"] == "members")
    assert members["examples"][0]["columns"] == {"name": ["Grace", "Eve"]}
    assert facts["personal"] == ["members.name"]
    told = {(row["table"], row["kind"], *row["personal"]) for row in report.differences}
    assert told == {("members", "changed", "name"), ("gifts", "missing")}
    assert "Eve" not in report.text


def test_declared_rules_and_only_tell_hold_as_between_two_postgresql(
    context: Context, target: Database
) -> None:
    target.run("update members set bio = '' where id = 1")
    rule = {"kind": "null_is_default", "table": "members", "column": "bio", "default": ""}
    assert not run(SIDES, context)[0].ok
    outcome, facts = run({**SIDES, "declared": [rule]}, context)
    assert (outcome.ok, facts["declared_count"]) == (True, 1)
    assert run({**SIDES, "only_tell": True}, context)[0].ok


def test_a_selection_of_another_kind_never_counts_as_the_whole(context: Context, target: Database) -> None:
    target.run("delete from gifts")
    outcome, facts = run({**SIDES, "exclude": ["gifts"]}, context)
    assert (outcome.ok, facts["equal"], facts["selection"]) == (False, True, "without gifts")
    assert outcome.summary.endswith(NOT_THE_WHOLE)
    assert run({**SIDES, "exclude": ["gifts"], "selection_counts": True}, context)[0].ok


def test_the_preview_says_what_the_source_is(context: Context, file: Path) -> None:
    lines = ACTION.preview(ACTION.bind(SIDES, context)).lines
    assert lines[0].startswith("Compare 2 tables of ")
    assert lines[0].endswith(f"with {file} (SQLite).")
    assert any(line.startswith("The source is no PostgreSQL: rows, columns") for line in lines)
    assert any("nobody can write to it" in line for line in lines)


def test_a_file_that_is_not_there_is_named(target: Database, new_context: Make, tmp_path: Path) -> None:
    known = {
        "old": {"kind": "sqlite", "path": f"{tmp_path}/none"},
        "new": {"kind": "postgres", "url": target.url},
    }
    with pytest.raises(Problem, match=f"There is no file {tmp_path}/none to compare"):
        run(SIDES, new_context(known))


REFUSED: dict[str, dict[str, Any]] = {
    "totals": {"totals": [{"table": "gifts", "sum": "amount"}]},
    "where": {"where": [{"table": "gifts", "condition": "id > 0"}]},
    "settle": {"settle": 1},
    "sample": {"sample": 1},
    "workers": {"workers": 1},
    "page_rate": {"page_rate": 1},
    "largest": {"largest": 1},
    "checks": {"checks": [{"name": "one", "sql": "select 1"}]},
    "spots": {"spots": [{"table": "gifts", "key": {"id": 1}}]},
    "judge": {"judge": ["indexes"]},
    "structure": {"structure": "judged"},
    "keep_pass": {"keep_pass": True},
    "declared": {"declared": [{"kind": "renamed_table", "table": "gifts", "to": "donations"}]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_parameter_that_would_do_nothing_is_refused_by_its_name(context: Context, name: str) -> None:
    with pytest.raises(ValidationError) as raised:
        ACTION.bind({**SIDES, **REFUSED[name]}, context)
    assert list(raised.value.message_dict) == [name]
    assert "a source that is no PostgreSQL" in raised.value.message_dict[name][0]


def test_every_parameter_is_either_refused_or_tried_with_such_a_source(context: Context) -> None:
    """So that a new one is not passed over in silence."""
    works = {
        "source", "target", "declared", "schemas", "tables", "exclude", "selection_counts", "only_tell",
        "views", "structure", "snapshot_age", "personal", "harmless",
    }  # fmt: skip
    not_with_a_source = {"before", "database", "backup", "scratch"}
    need_an_item = {"announced", "recheck"}
    known = set(registry()["parity.compare"].Params.base_fields)
    assert known == works | not_with_a_source | need_an_item | REFUSED.keys()
    given = {
        "schemas": ["public"], "only_tell": True, "structure": "told", "snapshot_age": 60,
        "personal": ["members.name"], "harmless": ["gifts.id"],
    }  # fmt: skip
    assert run({**SIDES, **given}, context)[0].ok


def test_only_the_source_may_be_of_another_kind(context: Context) -> None:
    with pytest.raises(ValidationError, match="no system of kind postgres"):
        ACTION.bind({"source": "new", "target": "old"}, context)


def test_a_database_of_mariadb_is_compared(
    mariadb_server: MariaDbServer, target: Database, new_context: Make
) -> None:
    password = "p@ss/wörd#1"
    mariadb_server.execute(
        "create database `shop 1`", "use `shop 1`", *TABLES,
        f"create user 'reads it'@'127.0.0.1' identified by '{password}'",
        "grant select on `shop 1`.* to 'reads it'@'127.0.0.1'",
    )  # fmt: skip
    login = f"{quote('reads it', safe='')}:{quote(password, safe='')}"
    url = f"mysql2://{login}@127.0.0.1:{mariadb_server.port}/shop%201?pool=5"
    context = new_context(
        {"old": {"kind": "mysql", "url": url}, "new": {"kind": "postgres", "url": target.url}}
    )
    outcome, facts = run(SIDES, context)
    assert outcome.ok, outcome.summary
    assert facts["source"]["address"] == f"127.0.0.1:{mariadb_server.port}/shop 1"
    target.run("update gifts set amount = 10.51")
    outcome, facts = run(SIDES, context)
    assert (outcome.ok, facts["tables"][0]["examples"][0]["columns"]) == (
        False, {"amount": ["10.50", "10.51"]}
    )  # fmt: skip
    (line, *_) = ACTION.preview(ACTION.bind(SIDES, context)).lines
    assert line.endswith(f"127.0.0.1:{mariadb_server.port}/shop 1 (MySQL or MariaDB).")
    assert password not in line


@pytest.mark.parametrize(
    "written", ["mysql://u:p@[::1]:3307/d", "mariadb://u@h/d?ssl-mode=required&socket=/run/my.sock"]
)
def test_an_address_means_the_same_to_the_comparison(written: str) -> None:
    passed_on = source_url(System("old", "mysql", {"url": written}))
    assert MariaDbAddress.parse(passed_on) == MariaDbAddress.parse(written)


def test_certificates_of_a_login_are_refused_in_words() -> None:
    with pytest.raises(Problem, match="names a certificate of its own"):
        source_url(System("old", "mysql", {"url": "mysql://u@h/d?ssl-cert=/a&ssl-key=/b"}))
