"""The tables that a script leaves are read from its parse tree, however their names are written."""

from __future__ import annotations

import pytest

from integrations.sql_review.created_tables import find_created_tables
from integrations.sql_review.identifiers import TableName
from integrations.sql_review.parser import SqlSyntaxError


def created(sql: str) -> list[str]:
    return [each.shorten("public") for each in find_created_tables(sql, "public")]


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ('CREATE TABLE "public"."users" (id int)', ["users"]),
        ("create table if not exists Users (id int)", ["users"]),
        ('CREATE TABLE "Odd ""name" (id int);CREATE TABLE app.t(id int)', ['Odd "name', "app.t"]),
        ("CREATE TABLE a AS SELECT 1; SELECT 1 AS x INTO b; CREATE TEMP TABLE c (id int)", ["a", "b"]),
        ("CREATE VIEW v AS SELECT 1; CREATE MATERIALIZED VIEW m AS SELECT 1", []),
        ("-- CREATE TABLE x (id int);\nSELECT 'CREATE TABLE y (id int)', $$CREATE TABLE z (id int)$$", []),
        ('CREATE TABLE a (id int); DROP TABLE "public"."a"', []),
        ("CREATE TABLE new_a (id int); CREATE TABLE b (id int); ALTER TABLE new_a RENAME TO a", ["a", "b"]),
        ("CREATE TABLE a (id int); ALTER TABLE public.a SET SCHEMA app", ["app.a"]),
        ("DROP TABLE there; ALTER TABLE before RENAME TO after", []),
    ],
)
def test_only_tables_that_are_new_after_the_script_are_found(sql: str, tables: list[str]) -> None:
    assert created(sql) == tables


def test_a_person_may_write_the_name_with_or_without_the_default_schema() -> None:
    table = TableName("public", "users")
    assert table.is_called("users", "public")
    assert table.is_called("public.users", "public")
    assert not table.is_called("users", "app")


def test_a_script_that_is_no_sql_is_refused() -> None:
    with pytest.raises(SqlSyntaxError):
        created("CREATE TABLE")
