"""The alignment is the diff with its backfills; nothing is lost or invented without a decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.errors import Problem
from integrations.prisma.alignment import Alignment, Backfill, build_alignment
from integrations.prisma.alignment_file import SUFFIX, refuse_failing_alignment, save_alignment
from integrations.prisma.alignment_rehearsal import measure_script

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
    made = build_alignment(DIFF, live)
    assert [(each.key, each.value, each.origin) for each in made.backfills] == [
        ("t.b", "false", "default of the schema"),
        ("t.c", "'{}'::json", "default of the database"),
        ("t.d", "COALESCE(CURRENT_TIMESTAMP, now())", "default of the schema"),
    ]
    assert "get the time of this migration" in made.backfills[2].description
    live.execute(made.sql.encode())
    row = live.execute("SELECT count(*) FROM t WHERE b IS NULL OR c IS NULL OR d IS NULL").fetchone()
    assert row == (0,)


def test_the_same_diff_gives_the_same_bytes(live: psycopg.Connection[Any]) -> None:
    assert build_alignment(DIFF, live).sha256 == build_alignment(DIFF, live).sha256


def test_a_column_without_a_default_waits_for_a_decision(live: psycopg.Connection[Any]) -> None:
    diff = 'ALTER TABLE "t" ALTER COLUMN "a" SET NOT NULL;'
    with pytest.raises(Problem, match=r"t\.a \(1 rows without a value\)") as refused:
        build_alignment(diff, live)
    assert "defaults:" in refused.value.next
    made = build_alignment(diff, live, defaults={"t.a": "'nobody'"})
    live.execute(made.sql.encode())
    assert live.execute("SELECT a FROM t WHERE id = 2").fetchone() == ("nobody",)


def test_a_new_column_without_a_default_gets_the_decided_value_and_no_default(
    live: psycopg.Connection[Any],
) -> None:
    diff = 'ALTER TABLE "t" ADD COLUMN     "n" TEXT NOT NULL,\nADD COLUMN "m" INTEGER;'
    with pytest.raises(Problem, match=r"t\.n \(a new column"):
        build_alignment(diff, live)
    live.execute(build_alignment(diff, live, defaults={"t.n": "'é'"}).sql.encode())
    assert live.execute("SELECT DISTINCT n FROM t").fetchall() == [("é",)]
    with pytest.raises(psycopg.errors.NotNullViolation):
        live.execute("INSERT INTO t (a) VALUES ('x')")


def test_a_loss_is_refused_until_it_is_accepted_by_name(live: psycopg.Connection[Any]) -> None:
    diff = 'ALTER TABLE "t" DROP COLUMN "old";\nDROP TABLE "u";'
    with pytest.raises(Problem, match=r"would drop t\.old, u"):
        build_alignment(diff, live)
    assert build_alignment(diff, live, may_lose=["t.old", "u"]).losses == ("t.old", "u")


def test_an_accepted_loss_that_does_not_occur_is_refused_with_its_position(
    live: psycopg.Connection[Any],
) -> None:
    diff = 'DROP TABLE "u";'
    with pytest.raises(Problem, match=r"does not drop: t\.older \(entry 2\)") as refused:
        build_alignment(diff, live, may_lose=["u", "t.older"])
    assert "The diff drops u." in refused.value.next
    with pytest.raises(Problem, match=r"does not drop: u \(entry 1\)"):
        build_alignment('ALTER TABLE "t" ALTER COLUMN "a" DROP NOT NULL;', live, may_lose=["u"])
    assert build_alignment("", live, may_lose=["u"]).sql == ""  # aligned already


def test_names_with_the_schema_public_mean_the_same(live: psycopg.Connection[Any]) -> None:
    diff = 'ALTER TABLE "public"."t" ALTER COLUMN "a" SET NOT NULL;\nDROP TABLE "public"."u", "app"."v";'
    with pytest.raises(Problem, match=r"would drop u, app\.v"):
        build_alignment(diff, live)
    made = build_alignment(diff, live, defaults={"t.a": "'x'"}, may_lose=["u", "app.v"])
    assert [each.key for each in made.backfills] == ["t.a"]


def test_a_default_is_read_whatever_its_text_and_case(live: psycopg.Connection[Any]) -> None:
    diff = "alter table T alter B set not null, alter column B set  default /* , */ (false)"
    diff += ", alter a set not null"
    (b, _) = build_alignment(diff, live, defaults={"t.a": "'now() CURRENT_TIMESTAMP'"}).backfills
    assert b.value == "(false)"


def test_only_a_value_of_the_present_time_is_announced_as_such() -> None:
    for value in ("CURRENT_TIMESTAMP(3)", "now() - interval '1 day'", "coalesce(NULL, LOCALTIMESTAMP)"):
        assert "get the time of this migration" in Backfill('"t"', "a", value, "x").description
    for value in ("'CURRENT_TIMESTAMP'", "'now()'", "CURRENT_USER", "know()"):
        assert "get the time of this migration" not in Backfill('"t"', "a", value, "x").description


def test_a_default_for_what_the_diff_does_not_touch_is_a_mistake(live: psycopg.Connection[Any]) -> None:
    with pytest.raises(Problem, match=r"t\.nope"):
        build_alignment(DIFF, live, defaults={"t.nope": "1"})


def test_a_message_of_the_cli_is_not_taken_for_sql(live: psycopg.Connection[Any]) -> None:
    with pytest.raises(Problem, match="line 1, column 1"):
        build_alignment("Loaded Prisma config.\nALTER TABLE t ADD x int;", live)


def test_the_migration_is_written_once_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "prisma" / "migrations"
    folder.mkdir(parents=True)
    first = save_alignment(folder, Alignment("SELECT 1;\n"))
    assert first.name.endswith(SUFFIX)
    assert save_alignment(folder, Alignment("SELECT 1;\n")) == first
    assert [each.name for each in folder.iterdir()] == [first.name]
    with pytest.raises(Problem, match="with other SQL"):
        save_alignment(folder, Alignment("SELECT 2;\n"))


def test_rows_that_would_stop_it_are_named_before_it_starts(live: psycopg.Connection[Any]) -> None:
    live.execute("UPDATE t SET a = 'same'")
    made = build_alignment('CREATE UNIQUE INDEX "i" ON "t"("a");', live)
    with pytest.raises(Problem, match="1 values of a in t that occur more than once"):
        refuse_failing_alignment(made, live)


def test_statements_and_locks_are_measured_and_nothing_is_kept(
    live: psycopg.Connection[Any],
) -> None:
    url = f"postgresql://{live.info.user}:{live.info.password}@{live.info.host}:{live.info.port}/{live.info.dbname}"
    with pytest.raises(Problem, match="contains null values"):
        measure_script(
            url,
            "UPDATE t SET b = true;\nALTER TABLE t ALTER a SET NOT NULL;",
            attempt="",
            on_statement=nothing,
        )
    assert live.execute("SELECT count(*) FROM t WHERE b").fetchone() == (1,)
    measured = measure_script(
        url, build_alignment(DIFF, live, explicit_transaction=True).sql, attempt="", on_statement=nothing
    )
    assert measured.statements == 4
    (lock,) = measured.locks
    assert (lock["table"], lock["mode"]) == ("t", "AccessExclusiveLock")
    assert 0 < lock["ms"] <= 1000 * measured.seconds + 1
    line = build_alignment(DIFF, live, explicit_transaction=True).sql.splitlines()[lock["line"] - 1]
    assert line.startswith('ALTER TABLE "t"'), "the statement that took the lock"
    assert live.execute("SELECT count(*) FROM t WHERE b IS NULL").fetchone() == (1,)


def nothing(number: int, total: int, what: str) -> None:
    """The clock of the rehearsal, not looked at."""
