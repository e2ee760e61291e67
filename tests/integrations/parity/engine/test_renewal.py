"""A table that is read in several snapshots is compared as it was in the last one, whatever was written."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import LiteralString

import pytest

from integrations.parity.engine import reader
from integrations.parity.engine.comparison import compare_live
from integrations.parity.engine.reader import SumReader
from integrations.parity.engine.renewal import RenewedReading
from integrations.parity.observer import ComparisonObserver, ReadProgress
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.snapshot import Snapshot
from tests.integrations.parity.conftest import Pair, only

ROWS = 20_000
BEGUN: LiteralString = (
    "select min(xact_start)::text from pg_stat_activity"
    " where application_name = 'parity' and datname = current_database()"
)
Writes = Callable[[Callable[[], None]], list[int]]


@pytest.fixture
def big(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Some hundred pages in parts of 64, in another order on the target; a row differs."""
    monkeypatch.setattr(reader, "PAGES_PER_PART", 64)
    pair.both("create table t (id int primary key, v text) with (fillfactor = 70)")
    insert = "insert into t select i, repeat('v' || i, 20) from generate_series({}) i"
    pair.source.run(insert.format(f"1, {ROWS}"))
    pair.target.run(insert.format(f"{ROWS}, 1, -1"), "update t set v = 'x' where id = 777")
    return pair


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Writes:
    """Each part is read in a snapshot of its own, and something is written before each one but the first."""

    def arrange(write: Callable[[], None]) -> list[int]:
        renew, ages = SumReader.renew, list[int]()

        def renewed(self: SumReader, snapshots: Sequence[Snapshot]) -> None:
            for snapshot in snapshots:
                snapshot.connection.execute("rollback")  # their locks end
            write()
            ages.append(1)
            renew(self, snapshots)

        monkeypatch.setattr(RenewedReading, "_is_old", lambda *_: True)
        monkeypatch.setattr(SumReader, "renew", renewed)
        return ages

    return arrange


def renewed(pair: Pair, observer: ComparisonObserver | None = None, **more: int) -> ComparisonResult:
    options = ComparisonOptions(renew_snapshots=True, **{"snapshot_age": 3600, **more})
    return compare_live(pair.source.server, pair.target.server, options, observer)


def found(result: ComparisonResult) -> tuple[object, ...]:
    table = only(result, "t")
    keys = sorted((str(row.key), row.kind) for row in table.examples)
    return (
        table.source_rows,
        table.target_rows,
        table.changed,
        table.missing,
        table.extra,
        table.unsound,
        keys,
    )


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_written_between_the_snapshots_is_found_as_it_is_at_the_end(
    big: Pair, between: Writes, seed: int, workers: int
) -> None:
    chance = random.Random(seed)

    def write() -> None:
        low = chance.randrange(ROWS)
        new = chance.randrange(ROWS, 3 * ROWS)
        for side in chance.choice([[big.source], [big.target], [big.source, big.target]]):
            side.run(
                f"update t set v = v || 'moved' where id between {low} and {low + 300}",
                f"insert into t values ({new}, 'came'), ({new + ROWS * 3}, 'went') on conflict do nothing",
                f"delete from t where id > {3 * ROWS} or id between {low + 400} and {low + 420}",
                f"update t set id = -id where id = {low + 500}",
            )

    snapshots = between(write)
    several = renewed(big, workers=workers)
    assert len(snapshots) >= 4
    assert found(several) == found(big.compare(structure="off"))
    assert "read in" in only(several, "t").notes[0]
    assert f"{len(snapshots) + 1} snapshots between 2" in only(several, "t").notes[0]
    assert several.notes[0].startswith(f"{len(snapshots) + 1} snapshots of each side were taken")


def test_rows_that_moved_between_parts_are_no_differences(big: Pair, between: Writes) -> None:
    big.target.run("update t set v = repeat('v777', 20) where id = 777")
    between(lambda: big.source.run("update t set v = v where id < 4000"))
    assert renewed(big).equal


def test_a_table_that_is_rewritten_between_two_snapshots_is_not_proven(big: Pair, between: Writes) -> None:
    between(lambda: big.source.run("alter table t alter v type varchar(400)", "truncate t"))
    table = only(renewed(big), "t")
    assert "its snapshots do not fit together: it was rewritten" in table.partial
    assert not table.equal


def test_without_a_key_a_table_is_read_in_one_snapshot_or_refused(big: Pair) -> None:
    big.both("alter table t drop constraint t_pkey")
    refused = only(renewed(big, page_rate=10, snapshot_age=1), "t")
    assert "may not get older than 1 s" in refused.partial


def test_no_snapshot_gets_much_older_than_the_limit(big: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.parity.engine.progress.REPORT_SECONDS", 0)
    big.both("create table z (id int primary key)")
    begun: set[str] = set()

    def linger(told: ReadProgress) -> None:
        if told.table == "t" and told.pages_done:
            time.sleep(0.4)
            begun.add(big.source.value(BEGUN))

    result = renewed(big, ComparisonObserver(on_table=linger), snapshot_age=1)
    assert [table.unsound for table in result.tables] == [[], []]
    assert only(result, "t").changed == 1
    assert len(begun) > 2
