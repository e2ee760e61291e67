"""A standby is behind its primary: nothing is taken from it, and nothing that it says is green."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, registry
from integrations.errors import Problem
from integrations.parity.server.standby import read_standby
from tests.integrations.parity.replicas import Family, ask, family
from tests.integrations.recorder import Recorder
from tests.waiting import wait_for

Make = Callable[..., Context]
SHA256 = "ab" * 32


@pytest.fixture(scope="module")
def related() -> Iterator[Family]:
    """A primary with one table, a copy of it, and a standby that lacks its newest row."""
    with family() as made:
        with psycopg.connect(made.primary.url(), autocommit=True) as primary:
            primary.execute("create table gifts (id int primary key)")
        standby = made.standby()
        with psycopg.connect(made.primary.url(), autocommit=True) as primary:
            primary.execute("insert into gifts values (1)")
            primary.execute("create database cutover_verify_x template template0")
        made.wait_for_replay(standby)
        with psycopg.connect(made.primary.url("cutover_verify_x"), autocommit=True) as copy:
            copy.execute("create table gifts (id int primary key); insert into gifts values (1)")
        made.wait_for_replay(standby)
        ask(standby, "select pg_wal_replay_pause()")
        wait_for(lambda: ask(standby, "select pg_get_wal_replay_pause_state()") == "paused")
        with psycopg.connect(made.primary.url(), autocommit=True) as primary:
            primary.execute("insert into gifts values (2)")
        wait_for(
            lambda: ask(standby, "select pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()"),
        )
        yield made


@pytest.fixture
def context(related: Family, new_context: Make) -> Context:
    primary, standby = related.primary, related.members[-1]
    return new_context(
        {
            "standby": {"kind": "postgres", "url": standby.url()},
            "primary": {"kind": "postgres", "url": primary.url()},
        },
        take={"backup": {"taken_at": "2026-11-22T03:00:00+00:00", "sha256": SHA256, "counts": {}}},
        prove={"verified": {"equal": True, "sha256": SHA256, "database": "cutover_verify_x"}},
    )


def test_the_lag_is_told_by_time_and_by_position(related: Family) -> None:
    with psycopg.connect(related.members[-1].url()) as connection:
        standby = read_standby(connection)
    assert standby is not None
    assert standby.primary.endswith(f":{related.primary.port}")
    assert standby.bytes_behind
    assert standby.seconds is not None
    assert standby.replayed_at < str(ask(related.primary, "select now()")).replace(" ", "T")
    with psycopg.connect(related.primary.url()) as connection:
        assert read_standby(connection) is None


@pytest.mark.parametrize("key", ["backup.take", "parity.fingerprint"])
def test_nothing_is_taken_from_a_standby(related: Family, context: Context, key: str) -> None:
    action = registry()[key]
    values = action.bind({"database": "standby"}, context)
    for attempt in (lambda: action.preview(values), lambda: action.run(values, Recorder())):
        with pytest.raises(Problem, match="a standby of") as refused:
            attempt()
        assert str(related.primary.port) in refused.value.next
    assert not list(context.folder.glob("*")), "nothing was written"


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        ("parity.compare", {"source": "primary", "target": "standby"}),
        ("parity.compare", {"source": "standby", "target": "primary"}),
        ("rows.present", {"database": "standby", "tables": ["gifts"]}),
        (
            "rollback.assess",
            {"database": "standby", "backup": "take", "verified": "prove", "scratch": "primary"},
        ),
    ],
)
def test_what_a_standby_says_is_not_green(context: Context, key: str, raw: dict[str, Any]) -> None:
    action, report = registry()[key], Recorder()
    outcome = action.run(action.bind(raw, context), report)
    assert not outcome.ok
    assert "bytes are received and not replayed" in outcome.summary + str(report.facts)
