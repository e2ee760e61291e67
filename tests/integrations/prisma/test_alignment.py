"""The alignment is the diff with its back-fills, and nothing is lost or made up without a decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.clients.prisma_alignment import Alignment, make
from integrations.clients.prisma_alignment_file import SUFFIX, refuse_failing, write
from integrations.clients.prisma_rehearsal import apply_measured
from integrations.errors import Problem

TABLES = """
CREATE TABLE t (id serial PRIMARY KEY, a varchar(20), b boolean, c json DEFAULT '{}', d timestamp(6),
                old int);
INSERT INTO t (a, b, c, d) VALUES ('x', NULL, NULL, NULL), (NULL, true, '{"k": 1}', '2024-01-01');
"""
DIFF = """
-- AlterTable
ALTER TABLE "t" ALTER COLUMN "b" SET NOT NULL,
ALTER COLUMN "b" SET DEFAULT false,
ALTER COLUMN "c" SET NOT NULL,
ALTER COLUMN "c" SET DATA TYPE JSONB,
ALTER COLUMN "d" SET NOT NULL,
ALTER COLUMN "d" SET DEFAULT COALESCE(CURRENT_TIMESTAMP, now()),
ALTER COLUMN "d" SET DATA TYPE TIMESTAMP(3);
"""


@pytest.fixture
def live(new_database: Callable[[], str]) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(new_database(), autocommit=True) as connection:
        connection.execute(TABLES)
        yield connection


def test_each_column_that_forbids_null_is_filled_with_the_default_that_it_gets(
    live: psycopg.Connection[Any],
) -> None:
    made = make(DIFF, live)
    assert [(each.key, each.value, each.origin) for each in made.backfills] == [
        ("t.b", "false", "default of the schema"),
        ("t.c", "'{}'::json", "default of the database"),
        ("t.d", "COALESCE(CURRENT_TIMESTAMP, now())", "default of the schema"),
    ]
    assert "get the time of this migration" in made.backfills[2].in_words
    live.execute(made.sql.encode())
    row = live.execute("SELECT count(*) FROM t WHERE b IS NULL OR c IS NULL OR d IS NULL").fetchone()
    assert row == (0,)


def test_the_same_diff_gives_the_same_bytes(live: psycopg.Connection[Any]) -> None:
    assert make(DIFF, live).sha256 == make(DIFF, live).sha256


def test_a_column_without_a_default_waits_for_a_decision(live: psycopg.Connection[Any]) -> None:
    diff = 'ALTER TABLE "t" ALTER COLUMN "a" SET NOT NULL;'
    with pytest.raises(Problem, match=r"t\.a \(1 rows without a value\)") as refused:
        make(diff, live)
    assert "defaults:" in refused.value.next
    made = make(diff, live, defaults={"t.a": "'nobody'"})
    live.execute(made.sql.encode())
    assert live.execute("SELECT a FROM t WHERE id = 2").fetchone() == ("nobody",)


def test_a_new_column_without_a_default_gets_the_decided_value_and_no_default(
    live: psycopg.Connection[Any],
) -> None:
    diff = 'ALTER TABLE "t" ADD COLUMN     "n" TEXT NOT NULL,\nADD COLUMN "m" INTEGER;'
    with pytest.raises(Problem, match=r"t\.n \(a new column"):
        make(diff, live)
    live.execute(make(diff, live, defaults={"t.n": "'é'"}).sql.encode())
    assert live.execute("SELECT DISTINCT n FROM t").fetchall() == [("é",)]
    with pytest.raises(psycopg.errors.NotNullViolation):
        live.execute("INSERT INTO t (a) VALUES ('x')")


def test_a_loss_is_refused_until_it_is_accepted_by_name(live: psycopg.Connection[Any]) -> None:
    diff = 'ALTER TABLE "t" DROP COLUMN "old";\nDROP TABLE "u";'
    with pytest.raises(Problem, match=r"would drop t\.old, u"):
        make(diff, live)
    assert make(diff, live, may_lose=["t.old", "u"]).losses == ("t.old", "u")


def test_a_default_for_what_the_diff_does_not_touch_is_a_mistake(live: psycopg.Connection[Any]) -> None:
    with pytest.raises(Problem, match=r"t\.nope"):
        make(DIFF, live, defaults={"t.nope": "1"})


def test_a_message_of_the_cli_is_not_taken_for_sql(live: psycopg.Connection[Any]) -> None:
    with pytest.raises(Problem, match="line 1, column 1"):
        make("Loaded Prisma config.\nALTER TABLE t ADD x int;", live)


def test_the_migration_is_written_once_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "prisma" / "migrations"
    folder.mkdir(parents=True)
    first = write(folder, Alignment("SELECT 1;\n"))
    assert first.name.endswith(SUFFIX)
    assert write(folder, Alignment("SELECT 1;\n")) == first
    assert [each.name for each in folder.iterdir()] == [first.name]
    with pytest.raises(Problem, match="with other SQL"):
        write(folder, Alignment("SELECT 2;\n"))


def test_rows_that_would_stop_it_are_named_before_it_starts(live: psycopg.Connection[Any]) -> None:
    live.execute("UPDATE t SET a = 'same'")
    made = make('CREATE UNIQUE INDEX "i" ON "t"("a");', live)
    with pytest.raises(Problem, match="1 values of a in t that are there more than once"):
        refuse_failing(made, live)


def test_a_rehearsal_measures_its_statements_and_locks_and_keeps_nothing_when_it_fails(
    live: psycopg.Connection[Any],
) -> None:
    url = f"postgresql://{live.info.user}:{live.info.password}@{live.info.host}:{live.info.port}/{live.info.dbname}"
    with pytest.raises(Problem, match="contains null values"):
        apply_measured(
            url, "UPDATE t SET b = true;\nALTER TABLE t ALTER a SET NOT NULL;", attempt="", tick=nothing
        )
    assert live.execute("SELECT count(*) FROM t WHERE b").fetchone() == (1,)
    measured = apply_measured(url, make(DIFF, live, explicit_transaction=True).sql, attempt="", tick=nothing)
    assert measured.statements == 4
    assert measured.locks == [
        {"table": "t", "mode": "AccessExclusiveLock", "seconds": measured.locks[0]["seconds"]}
    ]
    assert live.execute("SELECT count(*) FROM t WHERE b IS NULL").fetchone() == (0,)


def nothing(number: int, total: int, what: str) -> None:
    """The clock of the rehearsal, not looked at."""
