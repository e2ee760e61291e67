"""Values that a change of type refuses or alters are counted as PostgreSQL then treats them, with keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from integrations.sql_review import RowImpact, ScriptReview, review_script

TABLE = """
CREATE TYPE mood AS ENUM ('glad', 'calm');
CREATE TABLE t (id bigint PRIMARY KEY, small numeric, ratio float8, word text, code text, at timestamp UNIQUE,
                name text UNIQUE, amount int, doc json, note varchar(20));
INSERT INTO t VALUES
  (1, 1.5, 0.1, 'glad', '7f1cf2a0-0000-4000-8000-000000000001', '2024-01-01 10:00:00.0001', 'Ann', 5,
   '{"a":1,"a":2}', 'x'),
  (2, 40000, 'NaN', 'Glad', 'no', '2024-01-01 10:00:00.0002', 'ann', 70000, '"\\u0000"', 'longer than five'),
  (3, NULL, 3e9, 'calm', '12', '2024-01-01 10:00:00.1', 'Bob', -5, 'null', NULL);
"""
FAILS, CHANGED = RowImpact.FAILS, RowImpact.CHANGED
CASES = [
    ("small TYPE smallint", {FAILS: 1, CHANGED: 1}),
    ("ratio TYPE int", {FAILS: 2, CHANGED: 1}),
    ("amount TYPE numeric(3,1)", {FAILS: 1, CHANGED: 0}),
    ("amount TYPE varchar(2)", {FAILS: 1}),
    ("amount TYPE real", {CHANGED: 0}),
    ("small TYPE text", {}),
    ("note TYPE varchar(5)", {FAILS: 1}),
    ("word TYPE mood USING word::mood", {FAILS: 1, CHANGED: 0, RowImpact.LOST: 0}),
    ("code TYPE uuid USING code::uuid", {FAILS: 2, CHANGED: 0, RowImpact.LOST: 0}),
    ("code TYPE int USING (code)::int", {FAILS: 2, CHANGED: 0, RowImpact.LOST: 0}),
    ("at TYPE timestamp(3)", {CHANGED: 2, FAILS: 1}),
    ('name TYPE text COLLATE "C"', {FAILS: 0}),
    ("doc TYPE jsonb", {FAILS: 1, CHANGED: 1}),
]


@pytest.fixture(scope="module")
def connection(postgres_server: Any) -> Iterator[psycopg.Connection[Any]]:
    with (
        psycopg.connect(postgres_server.url(), autocommit=True) as made,
        made.transaction(force_rollback=True),
    ):
        made.execute("CREATE SCHEMA counted; SET LOCAL search_path = counted")
        made.execute(TABLE.encode())
        yield made


def totals(review: ScriptReview) -> dict[RowImpact, int | None]:
    found: dict[RowImpact, int | None] = {}
    for check in (check for statement in review for check in statement.checks):
        assert not check.error, check.error
        found[check.impact] = (found.get(check.impact) or 0) + (check.count or 0)
    return found


@pytest.mark.parametrize(("change", "expected"), CASES)
def test_it_is_counted_as_postgresql_does_it(
    connection: psycopg.Connection[Any], change: str, expected: dict[RowImpact, int]
) -> None:
    sql = f"ALTER TABLE t ALTER COLUMN {change}"
    assert totals(review_script(sql, connection)) == expected
    with connection.transaction(force_rollback=True):
        if expected.get(FAILS):
            with pytest.raises(psycopg.Error):
                connection.execute(sql.encode())
        else:
            connection.execute(sql.encode())


@pytest.mark.parametrize(("change", "expected"), [case for case in CASES if "USING" in case[0]])
def test_servers_that_cannot_be_asked_are_no_exception(
    connection: psycopg.Connection[Any],
    change: str,
    expected: dict[RowImpact, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("integrations.sql_review.text_casts.ASKS_SERVER", 10**9)
    assert totals(review_script(f"ALTER TABLE t ALTER COLUMN {change}", connection)) == expected


def test_labels_of_an_enum_that_the_script_makes_are_known(connection: psycopg.Connection[Any]) -> None:
    script = "CREATE TYPE other AS ENUM ('glad'); ALTER TABLE t ALTER word TYPE other USING word::text::other"
    review = review_script(script, connection)
    failing = next(check for check in review.statements[1].checks if check.impact is FAILS)
    assert failing.count == 2
    assert failing.subject == "counted.t.word"
    assert connection.execute(failing.examples.encode()).fetchall() == [("id=2",), ("id=3",)]


def test_a_key_that_says_something_personal_is_no_example(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "CREATE TABLE people (email text PRIMARY KEY, age int); INSERT INTO people VALUES ('a@b')"
    )
    review = review_script("ALTER TABLE people ALTER age SET NOT NULL", connection)
    assert [(check.count, check.examples) for check in review.statements[0].checks] == [(1, "")]
