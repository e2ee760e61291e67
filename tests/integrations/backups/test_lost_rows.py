"""Rows are found, described and counted by what their types write, whatever casts a user has defined."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from integrations.backups.added_values import count_values
from integrations.backups.lost_money import sum_money
from integrations.backups.lost_rows import read_first_and_last
from integrations.parity.server.catalog import read_tables
from integrations.parity.server.snapshot import PostgresServer, Snapshot

#: A cast that shows another value: every mood is “the same” by it.
MOODS = """
    create type mood as enum ('sad', 'happy');
    create function mood_label(mood) returns text language sql immutable return 'the same';
    create cast (mood as text) with function mood_label(mood);
"""


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    made = new_database()
    with psycopg.connect(made, autocommit=True) as connection:
        connection.execute(MOODS)
        columns = "m mood, n numeric, amount int, at mood default 'sad', d int default 0, primary key (m, n)"
        connection.execute(f"create table t ({columns})")
        connection.execute("insert into t values ('sad', 1.00, 5, 'happy', 1), ('happy', 1.0, 7, 'sad', 0)")
    return made


def test_rows_are_found_by_keys_as_a_comparison_names_them(url: str) -> None:
    with Snapshot(PostgresServer.from_url(url)) as live:
        (table,) = read_tables(live).values()
        asked = {"table": "t", "sum": "amount", "by": []}
        found = [
            sum_money(live, table, ["m", "n"], [(mood, "1")], {**asked, "by": ["d"]})
            for mood in ("sad", "happy", "the same")
        ]
        assert [[(group["rows"], group["sum"]) for group in groups] for groups in found] == [
            [(1, "5")], [(1, "7")], []
        ]  # fmt: skip
        assert read_first_and_last(live, table, ["m", "n"], [("sad", "1"), ("happy", "1")], "at") == (
            "sad",
            "happy",
        )


def test_values_that_are_not_the_default_are_counted_by_what_is_stored(url: str) -> None:
    with Snapshot(PostgresServer.from_url(url)) as live:
        (table,) = read_tables(live).values()
        assert count_values(live, table, ["at", "d"]) == {"at": 1, "d": 1}
