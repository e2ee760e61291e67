"""Large tables are read in parts, within the given limits, and what exceeds a limit is reported."""

from __future__ import annotations

import time
from typing import Any

import pytest
from psycopg import sql

from integrations.parity.engine import reader
from integrations.parity.engine.comparison import compare_live
from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.reader import LimitExceeded, SumReader
from integrations.parity.model.buckets import BucketScheme
from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.plan import make_plans
from integrations.parity.model.sums import BucketSums
from integrations.parity.observer import ComparisonObserver, ReadProgress
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.catalog import read_tables
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql.queries import SideQueries
from tests.integrations.parity.conftest import Pair, only
from tests.waiting import wait_for

MANY = "insert into t select i, repeat('v' || i, 20) from generate_series(1, 20000) i"


@pytest.fixture
def big(pair: Pair) -> Pair:
    """A table of some hundred pages in another order on the target, with a differing row; a small table."""
    pair.both("create table t (id int primary key, v text)", "create table small (id int primary key)")
    pair.source.run(MANY, "insert into small values (1)")
    pair.target.run(
        "insert into t select i, repeat('v' || i, 20) from generate_series(20000, 1, -1) i",
        "update t set v = 'x' where id = 777", "insert into small values (1)",
    )  # fmt: skip
    return pair


def compared(pair: Pair, observer: ComparisonObserver | None = None, **more: Any) -> ComparisonResult:
    return compare_live(pair.source.server, pair.target.server, ComparisonOptions(**more), observer)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_table_read_in_parts_gives_the_same_as_one_read_at_once(
    big: Pair, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    whole = only(compared(big), "t")
    monkeypatch.setattr(reader, "PAGES_PER_PART", 64)
    parts = only(compared(big, workers=workers), "t")
    assert (parts.changed, parts.missing, parts.extra, parts.source_rows) == (1, 0, 0, 20_000)
    assert parts.digest == whole.digest
    assert parts.examples == whole.examples


def test_the_first_failed_connection_is_reported_and_not_those_that_it_cancelled(
    big: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep = (
        "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
    )

    def sums(questions: SideQueries, part: sql.Composable | None = None) -> BucketSums:
        if questions.snapshot is snapshot:
            questions.snapshot.fetch_rows(sql.SQL("select pg_sleep(60)"))
            return BucketSums({})
        wait_for(lambda: big.source.value(asleep) == 1)
        raise LimitExceeded("the first")

    monkeypatch.setattr(reader, "PAGES_PER_PART", 64)
    monkeypatch.setattr(SideQueries, "read_sums", sums)
    with (
        Snapshot(big.source.server) as snapshot,
        SumReader(ComparisonOptions(workers=2), ComparisonObserver()) as opened_reader,
    ):
        tables = read_tables(snapshot)
        plan = next(one for one in make_plans(tables, tables, DeclaredRules(()))[0] if one.label == "t")
        opened_reader.export_snapshots([snapshot])
        with pytest.raises(LimitExceeded, match="the first"):
            opened_reader.read_one(
                SideQueries(snapshot, plan, "source", BucketScheme("range", 4)),
                ProgressMeter(ComparisonObserver(), "t", {"source": 200}),
            )


@pytest.fixture
def parted(pair: Pair) -> Pair:
    """As `big`, the source in three partitions of unlike sizes, one of them empty, and one below another."""
    pair.source.run(
        "create table t (id int primary key, v text) partition by range (id)",
        "create table low partition of t for values from (0) to (15000) partition by hash (id)",
        "create table least partition of low for values with (modulus 1, remainder 0)",
        "create table high partition of t for values from (15000) to (30000)",
        "create table empty partition of t for values from (30000) to (40000)", MANY,
    )  # fmt: skip
    pair.target.run(
        "create table t (id int primary key, v text)", MANY, "update t set v = 'x' where id in (7, 19000)"
    )
    return pair


@pytest.mark.parametrize("workers", [1, 3])
def test_partitions_are_read_in_parts_too(
    parted: Pair, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    whole = only(compared(parted), "t")
    monkeypatch.setattr(reader, "PAGES_PER_PART", 64)
    monkeypatch.setattr("integrations.parity.engine.progress.REPORT_SECONDS", 0)
    told: list[ReadProgress] = []
    parts = only(compared(parted, ComparisonObserver(on_table=told.append), workers=workers), "t")
    assert (parts.changed, parts.missing, parts.extra, parts.source_rows) == (2, 0, 0, 20_000)
    assert (parts.digest, parts.examples) == (whole.digest, whole.examples)
    pages = [one.pages_done for one in told if one.state == "reading"]
    assert len(set(pages)) > 3
    assert told[-1].pages_done == told[-1].pages


def test_a_part_of_a_partitioned_table_reads_no_other_pages(parted: Pair) -> None:
    question = "explain select * from t r where r.ctid >= '(10,0)'::tid"
    with Snapshot(parted.source.server) as snapshot:
        lines = [line for (line,) in snapshot.fetch_rows(sql.SQL(question))]
    assert sum("Tid Range Scan" in line for line in lines) == 3
    assert not any("Seq Scan" in line for line in lines)


def test_rows_are_read_once_though_the_table_grows_meanwhile(
    big: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "PAGES_PER_PART", 64)

    def grow(told: ReadProgress) -> None:
        if told.table == "t" and told.pages_done:
            big.source.run("insert into t select max(id) + 1, 'later' from t")

    monkeypatch.setattr("integrations.parity.engine.progress.REPORT_SECONDS", 0)
    result = compared(big, ComparisonObserver(on_table=grow))
    assert (only(result, "t").source_rows, only(result, "t").changed) == (20_000, 1)


def test_the_observer_receives_the_progress_of_each_table(big: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PAGES_PER_PART", 64)
    monkeypatch.setattr("integrations.parity.engine.progress.REPORT_SECONDS", 0)
    told: list[ReadProgress] = []
    finished: list[str] = []
    observer = ComparisonObserver(
        on_table=told.append, on_table_finished=lambda result: finished.append(result.table)
    )
    compared(big, observer)
    assert finished == ["small", "t"]
    states = [one.state for one in told if one.table == "t"]
    assert [state for n, state in enumerate(states) if state not in states[:n]] == [
        "waiting",
        "reading",
        "asking",
        "done",
    ]
    pages = [one.pages_done for one in told if one.table == "t" and one.state == "reading"]
    assert pages == sorted(pages)
    assert len(set(pages)) > 3
    assert all(
        one.seconds_left is not None for one in told if one.table == "t" and 0 < one.pages_done < one.pages
    )
    assert told[-1].pages_done == told[-1].pages > 300
    assert told[-1].rows_done == 20_000


def test_a_table_beyond_the_largest_is_refused_and_the_others_are_compared(big: Pair) -> None:
    result = compared(big, largest=100)
    refused = only(result, "t")
    assert "no table of more than 100 may be read" in refused.partial
    assert refused.unsound == [refused.partial]
    assert only(result, "small").equal
    assert not result.equal


def test_a_page_rate_slows_the_reading(big: Pair) -> None:
    pages = only(compared(big), "t").pages
    started = time.monotonic()
    assert only(compared(big, page_rate=pages), "t").changed == 1
    assert time.monotonic() - started > 0.7


def test_a_snapshot_that_would_get_too_old_is_refused_before_it_is_read(big: Pair) -> None:
    refused = only(compared(big, page_rate=10, snapshot_age=1), "t")
    assert "may not get older than 1 s" in refused.partial
    assert refused.seconds < 20  # to read it would take longer


def test_reading_stops_when_the_snapshot_became_too_old(big: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PAGES_PER_PART", 64)
    monkeypatch.setattr("integrations.parity.engine.progress.REPORT_SECONDS", 0)

    def linger(told: ReadProgress) -> None:
        if told.table == "t" and told.pages_done:
            time.sleep(0.6)

    result = compared(big, ComparisonObserver(on_table=linger), snapshot_age=1)
    assert "became older than 1 s while it was read" in only(result, "t").partial
    assert only(result, "small").equal


def test_stopping_ends_a_comparison_between_two_parts(big: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PAGES_PER_PART", 64)
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compared(big, ComparisonObserver(check_cancelled=check))
