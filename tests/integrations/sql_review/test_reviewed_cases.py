"""Scripts whose effect text alone does not show; PostgreSQL itself is the judge of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from integrations.sql_review import ChangeClass, RowImpact, ScriptReview, review_script

DATABASE = """
CREATE TYPE st AS ENUM ('a', 'b');
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE SCHEMA app;
CREATE TABLE app.things (id int PRIMARY KEY, n int);
INSERT INTO app.things SELECT i, i % 3 FROM generate_series(1, 6) i;
CREATE TABLE users (id int PRIMARY KEY, email varchar(50), name varchar(30), age int, ok boolean,
                    status st DEFAULT 'a', at timestamp(6));
INSERT INTO users SELECT i, 'U' || i, 'n' || i, i, true, 'a', timestamp '2024-01-01' + i * interval '10 us'
FROM generate_series(1, 20) i;
CREATE VIEW v AS SELECT id, name FROM users;
CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users (id) ON DELETE CASCADE,
                     parent int, code text);
INSERT INTO orders SELECT i, i, CASE WHEN i > 10 THEN 1 END, 'c' || i % 5 FROM generate_series(1, 20) i;
CREATE TABLE lines (id int PRIMARY KEY, order_id int REFERENCES orders (id));
INSERT INTO lines VALUES (1, 1), (2, 1);
CREATE TRIGGER stamp BEFORE INSERT ON lines FOR EACH ROW EXECUTE FUNCTION trg();
CREATE RULE quiet AS ON UPDATE TO lines WHERE new.order_id = 0 DO ALSO DELETE FROM app.things;
"""
PASSES = [
    "TRUNCATE lines; DELETE FROM orders WHERE parent IS NULL; ALTER TABLE orders ALTER parent SET NOT NULL",
    "ALTER TABLE orders ADD a int, ADD b int; ALTER TABLE orders ADD CHECK (a IS NULL OR b IS NULL)",
    "ALTER TABLE users ADD COLUMN IF NOT EXISTS name text NOT NULL",
    "ALTER TABLE orders ALTER code TYPE varchar(1) USING left(code, 1)",
    "ALTER TABLE IF EXISTS nosuch ADD COLUMN x int NOT NULL",
    "DROP TABLE IF EXISTS nosuch",
    "DROP TABLE lines",
    "ALTER TABLE users ADD k text; UPDATE users SET k = id::text; CREATE UNIQUE INDEX uk ON users (k)",
    "ALTER TABLE users RENAME TO people; ALTER TABLE people ADD CHECK (age > 0); UPDATE people SET age = 1",
    "CREATE TABLE public.copied (id int); INSERT INTO copied SELECT 1; ALTER TABLE copied ADD UNIQUE (id)",
    "SET search_path = app; ALTER TABLE things ADD CHECK (n < 3)",
    "ALTER TABLE users ADD COLUMN made text GENERATED ALWAYS AS (email || name) VIRTUAL",
    "ALTER TABLE users ADD CONSTRAINT given NOT NULL age NOT VALID",
    "ALTER TABLE orders ADD CONSTRAINT none CHECK (parent IS NULL) NOT ENFORCED",
    "INSERT INTO orders (id) VALUES (1) ON CONFLICT DO NOTHING",
]
FAILS = [
    ("CREATE TABLE users (id int); CREATE UNIQUE INDEX ok_key ON users (ok)", 0, "42P07"),
    ("ALTER TABLE users ADD COLUMN name text", 0, "42701"),
    ("CREATE TYPE st AS ENUM ('z')", 0, "42710"),
    ("CREATE SCHEMA app", 0, "42P06"),
    ("ALTER TABLE users ALTER name TYPE text", 0, "0A000"),
    ("ALTER TABLE lines ALTER order_id TYPE bigint", 0, "0A000"),
    ("ALTER TABLE lines DROP COLUMN order_id", 0, "2BP01"),
    ("DROP TABLE app.things", 0, "2BP01"),
    ("ALTER TYPE st ADD VALUE 'c'; ALTER TABLE users ALTER status SET DEFAULT 'c'", 1, "55P04"),
    ("ALTER TYPE st ADD VALUE 'c'; UPDATE users SET status = 'c' WHERE id = 1", 1, "55P04"),
    ("BEGIN; CREATE INDEX CONCURRENTLY i1 ON users (email); COMMIT", 1, "25001"),
    ("CREATE EXTENSION nothing_of_the_kind", 0, "0A000"),
    ("ALTER TABLE users ALTER status TYPE int", 0, "42804"),
    ("CREATE TABLE c (x text); INSERT INTO c SELECT code FROM orders; ALTER TABLE c ADD UNIQUE (x)", 2, ""),
    ("CREATE UNIQUE INDEX u ON orders (parent) NULLS NOT DISTINCT", 0, ""),
    ("ALTER TABLE orders ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (parent)", 0, ""),
    ("ALTER TABLE users ADD COLUMN u text UNIQUE DEFAULT 'a'", 0, ""),
    ("ALTER TABLE users ADD COLUMN f int CHECK (f > 3) DEFAULT 1", 0, ""),
    ("ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD COLUMN n text, ADD PRIMARY KEY (n)", 0, ""),
    ("INSERT INTO orders (id) VALUES (1)", 0, ""),
    ("INSERT INTO orders (id, user_id) SELECT id + 100, 999 FROM users", 0, ""),
    ("UPDATE orders SET id = 1", 0, ""),
    ("DELETE FROM orders WHERE id = 1", 0, ""),
    ("DROP TABLE users", 0, "2BP01"),
    ("TRUNCATE users", 0, "0A000"),
    ("ALTER TABLE orders ALTER id TYPE int USING NULL", 0, ""),
    ("UPDATE orders SET parent = code", 0, "42804"),
    ("INSERT INTO orders (id, parent) SELECT id + 100, name FROM users", 0, "42804"),
    ("UPDATE orders SET parent = 1, parent = 2", 0, "42601"),
    ("ALTER TABLE users ALTER at TYPE timestamp(0); CREATE UNIQUE INDEX m ON users (at)", 1, ""),
    ("CREATE UNIQUE INDEX l ON users (lower(left(email, 1)))", 0, ""),
    ("ALTER TABLE orders ADD FOREIGN KEY (code) REFERENCES users (email)", 0, "42830"),
    ("INSERT INTO orders (id, code) SELECT id, gone FROM users", 0, "42703"),
    ("ALTER TABLE users RENAME TO people; DELETE FROM users", 1, "42P01"),
]  # fmt: skip


@pytest.fixture(scope="module")
def live(module_database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(module_database, autocommit=True) as connection:
        connection.execute(DATABASE)
        yield connection


def refusal(conn: psycopg.Connection[Any], sql: str) -> str:
    """What PostgreSQL answers; everything is taken back."""
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(sql.encode())
    except psycopg.Error as error:
        return error.sqlstate or "?"
    return ""


def reviewed(sql: str, conn: psycopg.Connection[Any]) -> ScriptReview:
    review = review_script(sql, conn)
    assert not review.unparsable
    return review


@pytest.mark.parametrize("sql", PASSES)
def test_no_alarm_is_false(live: psycopg.Connection[Any], sql: str) -> None:
    assert refusal(live, sql) == ""
    review = reviewed(sql, live)
    assert not review.failing, [statement.describe_failure() for statement in review.failing]


@pytest.mark.parametrize(("sql", "number", "code"), FAILS, ids=[sql[:60] for sql, _, _ in FAILS])
def test_what_fails_is_said_with_its_cause(
    live: psycopg.Connection[Any], sql: str, number: int, code: str
) -> None:
    if code != "25001" and code != "55P04":
        assert refusal(live, sql) == code or not code
        assert refusal(live, sql)
    failing = reviewed(sql, live).failing
    assert failing[0].number == number + 1
    assert code in failing[0].describe_failure()
    assert failing[0].describe_failure()


@pytest.mark.parametrize(
    ("sql", "impact", "rows"),
    [
        ("INSERT INTO orders (id) (SELECT id + 500 FROM users)", RowImpact.CHANGED, 20),
        (
            "INSERT INTO orders (id)\nSELECT o.id + 700\nFROM orders o\nJOIN users u ON u.id = o.id",
            RowImpact.CHANGED,
            20,
        ),
        ("INSERT INTO orders (id) TABLE app.things", RowImpact.CHANGED, 6),
        (
            "WITH x AS (INSERT INTO app.things VALUES (9, 9) RETURNING id) SELECT 1 INTO tt FROM x",
            RowImpact.CHANGED,
            1,
        ),
        ("WITH x AS (DELETE FROM app.things RETURNING *) SELECT * INTO TEMP tt FROM x", RowImpact.CHANGED, 6),
        ("ALTER TABLE orders ALTER code TYPE varchar(40) USING NULL", RowImpact.LOST, 20),
        ("ALTER TABLE orders ALTER code TYPE varchar(40) USING upper(code)", RowImpact.CHANGED, 20),
        ("TRUNCATE users CASCADE", RowImpact.LOST, 42),
        ("DELETE FROM users WHERE id > 2", RowImpact.LOST, 18),
        ("DROP SCHEMA app CASCADE", RowImpact.LOST, 6),
        (
            "UPDATE orders SET code = u.name FROM users u WHERE u.id = user_id AND u.id < 4",
            RowImpact.CHANGED,
            3,
        ),
    ],
)
def test_rows_are_counted_as_postgresql_counts_them(
    live: psycopg.Connection[Any], sql: str, impact: RowImpact, rows: int
) -> None:
    assert reviewed(sql, live).count_rows(impact) == rows


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO orders (id, parent) SELECT id + 100, 3000000000 + id FROM users",
        "INSERT INTO orders (id, parent) SELECT id + 100, email::int FROM users",
        "UPDATE orders SET id = id, parent = code::int",
        "ALTER TABLE orders ALTER code TYPE int USING (code || '')::int",
    ],
)
def test_values_that_do_not_fit_their_column_are_never_passed_over(
    live: psycopg.Connection[Any], sql: str
) -> None:
    """No rule looks at the column whose value cannot be converted."""
    assert refusal(live, sql)[:2] == "22"
    (statement,) = reviewed(sql, live).statements
    assert ChangeClass.CAN_FAIL in statement.classes
    assert "can fail (rows not counted)" in statement.summarize()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (
            "DROP VIEW v CASCADE; ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE",
            "foreign key of orders",
        ),
        ("DROP FUNCTION trg() CASCADE", "trigger stamp"),
    ],
)
def test_what_cascade_takes_along_is_named(live: psycopg.Connection[Any], sql: str, words: str) -> None:
    statement = reviewed(sql, live).statements[-1]
    assert ChangeClass.DESTRUCTIVE in statement.classes
    assert words in statement.notes


@pytest.mark.parametrize(
    ("sql", "locks"),
    [
        ("CREATE TABLE child (id int REFERENCES users (id))", {"users": "SHARE ROW EXCLUSIVE"}),
        (
            "ALTER TABLE lines ADD FOREIGN KEY (id) REFERENCES orders (id)",
            {"lines": "SHARE ROW EXCLUSIVE", "orders": "SHARE ROW EXCLUSIVE"},
        ),
        ("LOCK TABLE users IN ACCESS EXCLUSIVE MODE", {"users": "ACCESS EXCLUSIVE"}),
        ("CREATE TRIGGER t BEFORE INSERT ON users EXECUTE FUNCTION trg()", {"users": "SHARE ROW EXCLUSIVE"}),
        ("CREATE POLICY p ON users USING (true)", {"users": "ACCESS EXCLUSIVE"}),
        ("ALTER TABLE users SET SCHEMA app", {"users": "ACCESS EXCLUSIVE"}),
        ("ALTER TABLE orders ADD CHECK (id > 0) NOT VALID", {"orders": "ACCESS EXCLUSIVE"}),
        ("ANALYZE users", {"users": "SHARE UPDATE EXCLUSIVE"}),
    ],
)
def test_the_lock_on_every_table_is_named(
    live: psycopg.Connection[Any], sql: str, locks: dict[str, str]
) -> None:
    (statement,) = reviewed(sql, live).statements
    assert statement.locks == locks
    assert (ChangeClass.REWRITES in statement.classes) is False


def test_begin_and_commit_are_called_by_their_names(live: psycopg.Connection[Any]) -> None:
    assert [s.summary for s in reviewed("BEGIN; COMMIT", live)] == ["BEGIN", "COMMIT"]
