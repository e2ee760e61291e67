"""A statement is named by its parse tree: its kind and its object."""

from __future__ import annotations

import pytest

from integrations.sql_review.parser import parse_script
from integrations.sql_review.statement_summary import summarize_statement


@pytest.mark.parametrize(
    ("sql", "summary"),
    [
        ('CREATE TABLE IF NOT EXISTS "public"."users" (id int)', "CREATE TABLE public.users"),
        ('ALTER TABLE ONLY "users" ADD COLUMN x int', "ALTER TABLE users"),
        ('ALTER TABLE "a" RENAME TO "b"', "ALTER TABLE a"),
        ("/* one */ INSERT INTO settings VALUES (1)", "INSERT INTO settings"),
        ("update churches set a = 1", "UPDATE churches"),
        ("DELETE FROM a", "DELETE FROM a"),
        ('CREATE UNIQUE INDEX CONCURRENTLY "i" ON "t"(id)', "CREATE UNIQUE INDEX i"),
        ("CREATE INDEX ON t(id)", "CREATE INDEX on t"),
        ('DROP TABLE "public"."a", b', "DROP TABLE public.a, b"),
        ('DROP TYPE "E"', "DROP TYPE E"),
        ("DROP FUNCTION f(int)", "DROP FUNCTION f"),
        ("DROP SCHEMA app CASCADE", "DROP SCHEMA app"),
        ("DROP TRIGGER t ON a", "DROP TRIGGER a.t"),
        ("BEGIN", "BEGIN"),
        ("COMMIT", "COMMIT"),
        ('CREATE EXTENSION IF NOT EXISTS "pgcrypto"', "CREATE EXTENSION pgcrypto"),
        ("create type mood as enum ('a')", "create type mood"),
        ("CREATE TRIGGER t BEFORE INSERT ON a EXECUTE FUNCTION f()", "CREATE TRIGGER t"),
        ("ALTER TYPE \"Role\" ADD VALUE 'x'", "ALTER TYPE Role"),
    ],
)
def test_each_kind_has_its_words_and_its_object(sql: str, summary: str) -> None:
    (statement,) = parse_script(sql)
    assert summarize_statement(statement) == summary
