"""A deploy is probed by sessions, the lock, the rows and the release, in that order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.errors import Problem
from integrations.prisma.migrations import (
    LOCK,
    find_lock_holders,
    probe_deploy,
    read_migration_state,
    record_pre_image,
    refuse_held_lock,
)

TABLE = """CREATE TABLE IF NOT EXISTS _prisma_migrations (
id text PRIMARY KEY, checksum text NOT NULL, finished_at timestamptz,
migration_name text NOT NULL, logs text, rolled_back_at timestamptz,
started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0)"""
ADD = "INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES (%s, %s, %s, %s)"


@pytest.fixture
def live(new_database: Callable[[], str]) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(new_database(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for name in ("20200101000000_one", "20200102000000_two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "migration.sql").write_text(f"SELECT '{name}';\r\n")
    return tmp_path


def add(live: psycopg.Connection[Any], release: Path, name: str, *, finished: bool) -> None:
    live.execute(TABLE)
    file = next(f for f in read_migration_state(release, live).files if f.name == name)
    live.execute(ADD, [name, file.checksum, name, "2026-01-01" if finished else None])


def test_nothing_added_is_not_done(live: psycopg.Connection[Any], release: Path) -> None:
    before = record_pre_image(release, live, "x")
    assert probe_deploy(live, before)[0] == "NOT_DONE"


def test_everything_finished_is_done(live: psycopg.Connection[Any], release: Path) -> None:
    before = record_pre_image(release, live, "x")
    for name in ("20200101000000_one", "20200102000000_two"):
        add(live, release, name, finished=True)
    assert probe_deploy(live, before)[0] == "DONE"
    assert read_migration_state(release, live).complete


def test_a_row_without_an_end_and_a_half_release_are_partial(
    live: psycopg.Connection[Any], release: Path
) -> None:
    before = record_pre_image(release, live, "x")
    add(live, release, "20200101000000_one", finished=True)
    assert probe_deploy(live, before)[0] == "PARTIAL"
    add(live, release, "20200102000000_two", finished=False)
    seen, saw, _ = probe_deploy(live, before)
    assert seen == "PARTIAL"
    assert "P3009" in saw


def test_a_living_session_of_the_attempt_is_still_running(
    live: psycopg.Connection[Any], release: Path
) -> None:
    before = record_pre_image(release, live, "x")
    dsn = {"host": live.info.host, "port": live.info.port, "user": live.info.user, "dbname": live.info.dbname}
    with psycopg.connect(**dsn, password=live.info.password, application_name="cutover:x"):
        assert probe_deploy(live, before)[0] == "STILL_RUNNING"


def test_only_prismas_own_lock_counts(live: psycopg.Connection[Any]) -> None:
    dsn = {"host": live.info.host, "port": live.info.port, "user": live.info.user, "dbname": live.info.dbname}
    with psycopg.connect(**dsn, password=live.info.password, application_name="night owl") as other:
        other.execute("SELECT pg_advisory_lock(1), pg_advisory_lock(0, %s::int)", [LOCK])
        assert find_lock_holders(live) == []
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        with pytest.raises(Problem, match="night owl"):
            refuse_held_lock(live)


def test_a_changed_file_is_seen_and_line_ends_are_not(live: psycopg.Connection[Any], release: Path) -> None:
    add(live, release, "20200101000000_one", finished=True)
    file = release / "20200101000000_one" / "migration.sql"
    file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n"))
    assert read_migration_state(release, live).changed == []
    file.write_text("SELECT 2;")
    assert read_migration_state(release, live).changed == ["20200101000000_one"]


def test_a_folder_without_its_file_is_named(live: psycopg.Connection[Any], release: Path) -> None:
    (release / "20200103000000_three").mkdir()
    with pytest.raises(Problem, match="20200103000000_three has no"):
        read_migration_state(release, live)
