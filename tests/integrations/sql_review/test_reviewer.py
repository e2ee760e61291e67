"""Each kind of statement is classified as PostgreSQL treats it, with the rows that it affects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from integrations.sql_review import ChangeClass, ReviewedStatement, RowImpact, review_script, review_scripts

META, ADDS, LOCK = ChangeClass.METADATA, ChangeClass.ADDITIVE, ChangeClass.LONG_LOCK
REWRITES, DATA, FAILS = ChangeClass.REWRITES, ChangeClass.CHANGES_DATA, ChangeClass.CAN_FAIL
DESTROYS, UNKNOWN = ChangeClass.DESTRUCTIVE, ChangeClass.NOT_UNDERSTOOD
IMPOSSIBLE = ChangeClass.CANNOT_SUCCEED

TABLES = """
CREATE TABLE parent (id int PRIMARY KEY, name varchar(20));
CREATE TABLE t (id serial PRIMARY KEY, parent_id int, short varchar(20), long text, j json, n int, big bigint,
                money numeric(10,2), at timestamp(6), "when" timestamp(3), flag boolean, fixed int NOT NULL);
INSERT INTO parent VALUES (1, 'one');
INSERT INTO t (parent_id, short, long, j, n, big, money, at, "when", flag, fixed)
SELECT CASE WHEN i <= 7 THEN 99 ELSE 1 END, 'abcdefgh', repeat('x', i), '{}', i % 10, 3000000000 + i,
       12345678.25, timestamp '2024-01-01' + CASE WHEN i <= 5 THEN interval '1 us' ELSE interval '0' END,
       '2024-01-01', CASE WHEN i <= 3 THEN NULL ELSE true END, 1 FROM generate_series(1, 20) i;
"""


def only(sql: str, conn: psycopg.Connection[Any] | None = None) -> ReviewedStatement:
    found = review_script(sql, conn)
    assert not found.unparsable
    assert len(found) == 1
    return found.statements[0]


@pytest.fixture
def live(new_database: Callable[[], str]) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(new_database(), autocommit=True) as connection:
        connection.execute(TABLES)
        connection.execute("SET timezone = 'Africa/Lagos'")  # under UTC a timestamptz is not written again
        yield connection


@pytest.mark.parametrize(
    ("sql", "classes"),
    [
        ("ALTER TABLE t ALTER COLUMN a DROP DEFAULT", {META}),
        ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 'x'", {META}),
        ("ALTER TABLE t ALTER COLUMN a DROP NOT NULL", {META}),
        ("ALTER TABLE t DROP CONSTRAINT fk", {META}),
        ("ALTER TABLE t RENAME COLUMN a TO b", {META}),
        ("DROP INDEX i", {META}),
        ("COMMENT ON TABLE t IS 'x'", {META}),
        ("SELECT 1", {META}),
        ("CREATE TABLE n (id int)", {ADDS}),
        ("CREATE TYPE mood AS ENUM ('a')", {ADDS}),
        ("ALTER TYPE mood ADD VALUE 'b'", {ADDS}),
        ("ALTER TABLE t ADD COLUMN a int", {ADDS}),
        ("ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 3", {ADDS}),
        ("ALTER TABLE t ADD COLUMN a timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP", {ADDS}),
        ("ALTER TABLE t ADD COLUMN a timestamp DEFAULT now()", {ADDS}),
        ("ALTER TABLE t ADD COLUMN a int NOT NULL", {ADDS, FAILS}),
        ("ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT NULL", {ADDS, FAILS}),
        ("ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid()", {ADDS, REWRITES, LOCK}),
        ("ALTER TABLE t ADD COLUMN a serial", {ADDS, REWRITES, LOCK}),
        ("ALTER TABLE t ADD COLUMN a int GENERATED ALWAYS AS IDENTITY", {ADDS, REWRITES, LOCK}),
        ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", {LOCK, FAILS}),
        ("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p(id)", {ADDS, LOCK, FAILS}),
        ("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p(id) NOT VALID", {ADDS}),
        ("ALTER TABLE t ADD CONSTRAINT u UNIQUE (a)", {ADDS, LOCK, FAILS}),
        ("ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX i", {META}),
        ("ALTER TABLE t ADD PRIMARY KEY (a)", {ADDS, LOCK, FAILS}),
        ("ALTER TABLE t ADD CHECK (a > 0)", {ADDS, LOCK, FAILS}),
        ("ALTER TABLE t ADD EXCLUDE USING gist (a WITH =)", {ADDS, LOCK, FAILS}),
        ("ALTER TABLE t VALIDATE CONSTRAINT c", {FAILS}),
        ("CREATE INDEX i ON t (a)", {ADDS, LOCK}),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", {ADDS}),
        ("CREATE UNIQUE INDEX i ON t (a)", {ADDS, LOCK, FAILS}),
        ("ALTER TABLE t DROP COLUMN a", {DESTROYS}),
        ("DROP TABLE t", {DESTROYS}),
        ("TRUNCATE t", {DESTROYS, DATA}),
        ("UPDATE t SET a = 1", {DATA}),
        ("DELETE FROM t", {DATA, DESTROYS}),
        ("INSERT INTO t VALUES (1), (2)", {DATA}),
        ("DO $$ BEGIN PERFORM 1; END $$", {DATA, FAILS}),
        ("SELECT setval('s', 1)", {DATA}),
        ("WITH w AS (DELETE FROM t RETURNING 1) SELECT 1 FROM w", {DATA, DESTROYS}),
        ("CREATE PUBLICATION p FOR ALL TABLES", {META}),
        ("ALTER TABLE t ATTACH PARTITION p DEFAULT", {ADDS, FAILS}),
        ("ALTER SYSTEM SET work_mem = '1GB'", {UNKNOWN}),
        ("DROP OWNED BY somebody", {DESTROYS, UNKNOWN}),
    ],
)
def test_a_statement_is_classified_without_a_database(sql: str, classes: set[ChangeClass]) -> None:
    assert set(only(sql).classes) == classes


@pytest.mark.parametrize(
    ("column", "new", "classes"),
    [
        ("short", "text", {META}),
        ("short", "varchar(30)", {META}),
        ("short", "varchar(20)", {META}),
        ("short", "varchar(4)", {REWRITES, LOCK, FAILS}),
        ("long", "varchar(5)", {REWRITES, LOCK, FAILS}),
        ("j", "jsonb", {REWRITES, LOCK, FAILS, DATA}),
        ("n", "bigint", {REWRITES, LOCK}),
        ("big", "int", {REWRITES, LOCK, FAILS}),
        ("money", "numeric(12,2)", {META}),
        ("money", "numeric", {META}),
        ("money", "numeric(8,1)", {REWRITES, LOCK, FAILS, DATA}),
        ("at", "timestamp(3)", {REWRITES, LOCK, DATA}),
        ('"when"', "timestamp(6)", {META}),
        ("at", "timestamptz", {REWRITES, LOCK, DATA}),
        ("long", "int", {REWRITES, LOCK, FAILS, IMPOSSIBLE}),
    ],
)
def test_a_change_of_type_follows_postgresql(
    live: psycopg.Connection[Any], column: str, new: str, classes: set[ChangeClass]
) -> None:
    sql = f"ALTER TABLE t ALTER COLUMN {column} TYPE {new}"
    assert set(only(sql, live).classes) == classes
    if FAILS in classes:
        return
    # The server itself is asked whether it wrote the table again: a rewrite gives it a new file.
    before = live.execute("SELECT pg_relation_filenode('t')").fetchone()
    live.execute(sql)
    rewritten = before != live.execute("SELECT pg_relation_filenode('t')").fetchone()
    assert rewritten == (REWRITES in classes)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("ALTER TABLE t ALTER COLUMN flag SET NOT NULL", 3),
        ("ALTER TABLE t ADD FOREIGN KEY (parent_id) REFERENCES parent(id)", 7),
        ("ALTER TABLE t ADD UNIQUE (n)", 10),
        ("CREATE UNIQUE INDEX i ON t (n) WHERE n > 4", 5),
        ("ALTER TABLE t ADD CHECK (length(long) < 15)", 6),
        ("ALTER TABLE t ALTER COLUMN long TYPE varchar(12)", 8),
        ("ALTER TABLE t ALTER COLUMN big TYPE int", 20),
        ("ALTER TABLE t ADD COLUMN a int NOT NULL", 20),
        ("UPDATE t SET n = 1 WHERE n = 2", 2),
        ("UPDATE t AS x SET n = p.id FROM parent p WHERE p.id = x.parent_id", 13),
        ("DELETE FROM t USING parent p WHERE p.id = t.parent_id", 13),
        ("INSERT INTO parent SELECT id + 100, 'x' FROM t WHERE id > 15", 5),
        ("INSERT INTO parent VALUES (5, 'a;b'), (6, 'c')", 2),
        ("DROP TABLE t", 20),
        ("ALTER TABLE t DROP COLUMN flag", 17),
        ("ALTER TABLE t ALTER COLUMN at TYPE timestamp(3)", 5),
    ],
)
def test_the_rows_that_matter_are_counted(live: psycopg.Connection[Any], sql: str, rows: int) -> None:
    found = only(sql, live)
    assert found.count == rows, found.checks
    assert found.checks


def test_a_change_that_is_already_made_is_metadata_only(live: psycopg.Connection[Any]) -> None:
    assert only("ALTER TABLE t ALTER COLUMN fixed SET NOT NULL", live).is_metadata_only


def test_a_table_of_the_same_script_holds_no_rows_to_wait_for() -> None:
    found = review_script(
        "CREATE TABLE n (id int); CREATE UNIQUE INDEX i ON n (id); ALTER TABLE n ALTER id SET NOT NULL;"
    )
    assert set(found.counts) == {"additive"}


def test_a_column_that_is_filled_before_cannot_fail(live: psycopg.Connection[Any]) -> None:
    found = review_script(
        "UPDATE t SET flag = false WHERE flag IS NULL; ALTER TABLE t ALTER flag SET NOT NULL", live
    )
    assert FAILS not in found.statements[1].classes
    assert "filled by statement 1" in found.statements[1].notes
    unsure = review_script(
        "UPDATE t SET flag = n > 3 WHERE id > 4; ALTER TABLE t ALTER flag SET NOT NULL", live
    )
    assert FAILS in unsure.statements[1].classes


def test_an_update_of_a_new_column_is_counted_on_its_rows(live: psycopg.Connection[Any]) -> None:
    found = review_script(
        "ALTER TABLE t ADD zone text; UPDATE t SET zone = 'UTC' WHERE zone IS NULL AND id > 15", live
    )
    assert found.statements[1].count_rows(RowImpact.CHANGED) == 5
    assert found.statements[1].checks[0].is_certain


def test_later_scripts_see_what_earlier_ones_create(live: psycopg.Connection[Any]) -> None:
    found = review_scripts({"a": "CREATE TABLE n (id int)", "b": "CREATE INDEX i ON n (id)"}, live)
    assert found["b"].counts == {"additive": 1}


def test_counting_never_changes_a_row(live: psycopg.Connection[Any]) -> None:
    live.execute(
        "CREATE FUNCTION sly() RETURNS bool STABLE LANGUAGE sql AS 'SELECT nextval(''t_id_seq'') > 0'"
    )
    found = only("DELETE FROM t WHERE sly()", live)
    assert found.count is None
    assert "could not be counted" in found.checks[0].error
    assert live.execute("SELECT last_value FROM t_id_seq").fetchone() == (20,)


def test_a_count_that_takes_too_long_is_stopped_and_reported(live: psycopg.Connection[Any]) -> None:
    live.execute("CREATE FUNCTION slow() RETURNS text STABLE LANGUAGE sql AS 'SELECT pg_sleep(20)::text'")
    found = review_script("DELETE FROM t WHERE slow() IS NULL", live, seconds=0.2)
    assert "too long" in found.statements[0].checks[0].error


def test_a_syntax_error_is_reported_with_its_position() -> None:
    found = review_script("SELECT 1;\n-- é\nALTER TABEL t;")
    assert found.unparsable.startswith("line 3, column 7: ")
    assert not found.statements


def test_lines_and_numbers_are_those_of_the_script() -> None:
    found = review_script('-- ünï\n\nSELECT 1;\n/* ; */ -- x\nDROP TABLE "é";\n')
    assert [(s.number, s.line, s.sql) for s in found] == [(1, 3, "SELECT 1"), (2, 5, 'DROP TABLE "é"')]


def test_nothing_and_comments_are_no_statements() -> None:
    assert len(review_script("")) == len(review_script("-- This is an empty migration.")) == 0


def test_the_summary_names_rows_and_what_follows(live: psycopg.Connection[Any]) -> None:
    sql = "ALTER TABLE t ADD zone text; UPDATE t SET zone = 'UTC'; ALTER TABLE t ALTER zone SET NOT NULL"
    assert review_script(sql, live).summarize() == "adds, CHANGES 20 ROWS, then NOT NULL, long lock"
    assert (
        review_script("ALTER TABLE t ALTER flag SET NOT NULL", live)
        .summarize()
        .startswith("NOT NULL, FAILS ON 3 ROWS")
    )


def test_the_facts_stay_below_their_limit_and_keep_the_most_severe() -> None:
    sql = "".join(f"CREATE TABLE t{i} (id int);" for i in range(500)) + "DROP TABLE gone;"
    facts = review_script(sql).as_facts(limit=20_000)
    assert facts["statements"] == 501
    assert facts["listed"] < 200
    assert facts["list"][0]["classes"] == ["destructive"]


def test_values_that_are_json_null_are_counted_where_a_json_column_becomes_required(
    live: psycopg.Connection[Any],
) -> None:
    live.execute("UPDATE t SET j = ' null ' WHERE id <= 4; UPDATE t SET j = NULL WHERE id = 5")
    sql = "ALTER TABLE t ALTER COLUMN j SET DATA TYPE jsonb, ALTER COLUMN j SET NOT NULL"
    statement = only(sql, live)
    assert (statement.count_rows(RowImpact.JSON_NULL), statement.count_rows(RowImpact.FAILS)) == (4, 1)
    filled = review_script(f"UPDATE t SET j = '{{}}' WHERE j IS NULL; {sql}", live)
    assert filled.count_rows(RowImpact.JSON_NULL) == 4, "a back-fill leaves them"
    assert only("ALTER TABLE t ALTER COLUMN j DROP NOT NULL", live).count_rows(RowImpact.JSON_NULL) is None
