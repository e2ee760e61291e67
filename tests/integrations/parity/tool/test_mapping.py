"""Schemas, tables and columns with another name in the target are compared, and named in each output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.parity.__main__ import COULD_NOT, DIFFERENT, EQUAL
from tests.integrations.parity.tool.command import Tool, call

OLD = (
    "create schema old",
    "create type old.state as enum ('new', 'paid')",
    "create table old.users (id serial primary key, mail text not null, state old.state,"
    " n int check (n > 0))",
    "create index on old.users (mail)",
    "create table old.log (id int primary key, v text default 'old.users')",
    "insert into old.users (mail, state, n) select 'm' || i, 'paid', i from generate_series(1, 50) i",
    "insert into old.log values (1, 'x')",
)
NEW = (
    "create schema app",
    "create type app.state as enum ('new', 'paid')",
    "create table app.members (id serial primary key, email text not null, state app.state,"
    " n int check (n > 0))",
    "create index on app.members (email)",
    "create table app.log (id int primary key, v text default 'app.users')",
    "insert into app.members (email, state, n) select 'm' || i, 'paid', i from generate_series(1, 50) i",
    "insert into app.log values (1, 'x')",
)
RENAMES: list[dict[str, Any]] = [
    {"kind": "renamed_schema", "schema": "old", "to": "app"},
    {"kind": "renamed_table", "table": "old.users", "to": "app.members"},
    {"kind": "renamed_column", "table": "old.users", "column": "mail", "to": "email"},
]


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    file = tmp_path / "declared.yaml"
    file.write_text(yaml.safe_dump({"declared": RENAMES}))
    return file


def renamed(tool: Tool) -> None:
    tool.pair.source.run(*OLD)
    tool.pair.target.run(*NEW)


def write(path: Path, *rules: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump({"declared": list(rules)}))
    return str(path)


def test_renamed_schemas_tables_and_columns_are_compared(tool: Tool, declared: Path) -> None:
    renamed(tool)
    assert tool.run().code == DIFFERENT
    ended = tool.run("--declared", str(declared), "--judge", "indexes", "--judge", "constraints")
    assert ended.code == EQUAL, ended.out
    assert "Equal: 2 tables, 51 rows" in ended.out
    for line in (
        "condition: old.users is app.members in the target",
        "condition: old.users.mail is email in the target",
        "condition: old.log is app.log in the target",
    ):
        assert line in ended.out
    facts = json.loads(tool.run("--declared", str(declared), "--json").out)
    (users,) = [table for table in facts["tables"] if table["table"] == "old.users"]
    assert users["names"] == [
        "old.users is app.members in the target",
        "old.users.mail is email in the target",
    ]
    assert facts["unmet_rules"] == facts["unmatched_rules"] == []


def test_a_difference_under_another_name_is_found_and_its_repair_uses_the_targets_names(
    tool: Tool, declared: Path
) -> None:
    renamed(tool)
    tool.pair.target.run(
        "update app.members set email = 'x' where id = 7", "delete from app.members where id = 9"
    )
    ended = tool.run("--declared", str(declared))
    assert ended.code == DIFFERENT
    assert "old.users [id=7] changed: mail: 'm7' → 'x'" in ended.out
    (users, *_) = json.loads(tool.run("--declared", str(declared), "--json").out)["tables"]
    tool.pair.target.run(*users["repair"])
    assert tool.run("--declared", str(declared)).code == EQUAL


def test_objects_beside_the_rows_are_compared_under_the_new_names(tool: Tool, declared: Path) -> None:
    renamed(tool)
    judged = ("--declared", str(declared), "--judge", "indexes")
    tool.pair.target.run("drop index app.members_email_idx", "create index on app.members (n)")
    ended = tool.run(*judged)
    assert (ended.code, "indexes old.users.members_n_idx" in ended.out) == (DIFFERENT, True), ended.out
    tool.pair.target.run("drop index app.members_n_idx", "create index on app.members (email)")
    assert tool.run(*judged).code == EQUAL
    tool.pair.target.run("alter type app.state add value 'gone'")
    assert "enums old.state: 'new', 'paid' → 'new', 'paid', 'gone'" in tool.run(*judged).out


def test_a_sequence_of_a_renamed_table_is_compared_by_its_column(tool: Tool, declared: Path) -> None:
    renamed(tool)
    tool.pair.source.run("select nextval('old.users_id_seq') from generate_series(1, 9)")
    ended = tool.run("--declared", str(declared))
    assert ended.code == DIFFERENT
    assert "sequence values old.users_id_seq: next is 60 → next is 51" in ended.out


def test_names_may_be_exchanged(tool: Tool, tmp_path: Path) -> None:
    make = "create table {} (id int primary key, {} text, {} text)"
    tool.pair.source.run(make.format("a", "x", "y"), make.format("b", "x", "y"))
    tool.pair.target.run(make.format("a", "x", "y"), make.format("b", "x", "y"))
    tool.pair.source.run("insert into a values (1, 'ax', 'ay')", "insert into b values (1, 'bx', 'by')")
    tool.pair.target.run("insert into b values (1, 'ay', 'ax')", "insert into a values (1, 'bx', 'by')")
    rules = [
        {"kind": "renamed_table", "table": "a", "to": "b"},
        {"kind": "renamed_table", "table": "b", "to": "a"},
        {"kind": "renamed_column", "table": "a", "column": "x", "to": "y"},
        {"kind": "renamed_column", "table": "a", "column": "y", "to": "x"},
    ]
    assert tool.run("--declared", write(tmp_path / "d", *rules)).code == EQUAL
    assert tool.run("--declared", write(tmp_path / "d", *rules[:3])).code == DIFFERENT
    assert tool.run("--declared", write(tmp_path / "d", *rules[1:])).code == DIFFERENT


def test_a_name_that_a_rename_takes_is_never_mixed_up_with_it(tool: Tool, tmp_path: Path) -> None:
    tool.pair.source.run(
        "create table users (id int primary key, mail text)", "insert into users values (1, 'a')"
    )
    tool.pair.target.run(
        "create table members (id int primary key, email text, mail text)",
        "insert into members values (1, 'a', 'other')",
        "create table users (id int primary key, mail text)",
        "insert into users values (1, 'wrong')",
    )
    rules = [
        {"kind": "renamed_table", "table": "users", "to": "members"},
        {"kind": "renamed_column", "table": "users", "column": "mail", "to": "email"},
    ]
    ended = tool.run("--declared", write(tmp_path / "d", *rules))
    assert ended.code == DIFFERENT
    assert "new table users (of the target)" in ended.out.replace('"', "")
    assert "new column users.mail (of the target)" in ended.out.replace('"', "")
    tool.pair.target.run("drop table users", "alter table members drop column mail")
    assert tool.run("--declared", write(tmp_path / "d", *rules)).code == EQUAL


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "renamed_table", "table": "old.user", "to": "app.members"},
        {"kind": "renamed_table", "table": "old.users", "to": "app.member"},
        {"kind": "renamed_column", "table": "old.log", "column": "w", "to": "v"},
        {"kind": "renamed_column", "table": "old.log", "column": "v", "to": "w2"},
        {"kind": "renamed_schema", "schema": "olt", "to": "app"},
    ],
)
def test_a_rename_of_nothing_is_named(tool: Tool, tmp_path: Path, rule: dict[str, Any]) -> None:
    renamed(tool)
    rules = (
        [*RENAMES, rule]
        if rule["table" if "table" in rule else "schema"] != "old.users"
        else [RENAMES[0], rule]
    )
    ended = tool.run("--declared", write(tmp_path / "d", *rules))
    assert ended.code != EQUAL, ended.out
    assert "matches nothing: declared difference" in ended.out or "declared, but not found: " in ended.out


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"kind": "renamed_table", "table": "a*", "to": "b"}, "is one name"),
        ({"kind": "renamed_schema", "table": "a", "to": "b"}, "needs schema"),
        ({"kind": "renamed_column", "table": "a", "column": "b"}, "needs to"),
        ({"kind": "as", "table": "a", "column": "b"}, "needs an expression"),
        ({"kind": "normalised", "table": "a", "column": "b", "form": "upside down"}, "must be one of"),
        ({"kind": "rounded_number", "table": "a", "column": "b", "digits": 31}, "0 to 30"),
    ],
)
def test_a_rule_with_a_mistake_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, rule: dict[str, Any], reason: str
) -> None:
    ended = call(capsys, "env:A", "env:B", "--declared", write(tmp_path / "d", rule))
    assert (ended.code, reason in ended.err) == (COULD_NOT, True), ended.err


def test_a_fingerprint_of_before_is_compared_with_the_new_names(
    tool: Tool, declared: Path, tmp_path: Path
) -> None:
    tool.pair.source.run(*OLD)
    kept = str(tmp_path / "before.json")
    rules = ("--declared", str(declared))
    assert tool.run(tool.pair.source.url, "--take", kept, *rules, sides=False).code == EQUAL
    tool.pair.source.run("drop schema old cascade", *NEW)
    assert tool.run(kept, tool.pair.source.url, *rules, sides=False).code == EQUAL
    tool.pair.source.run("update app.members set email = '' where id = 3")
    assert tool.run(kept, tool.pair.source.url, *rules, sides=False).code == DIFFERENT


def test_only_the_schema_that_was_asked_for_is_read_on_both_sides(tool: Tool, declared: Path) -> None:
    renamed(tool)
    tool.pair.both("create table other (id int primary key)")
    tool.pair.target.run("insert into other values (1)")
    ended = tool.run("--schema", "old", "--declared", str(declared))
    assert ended.code == EQUAL, ended.out
