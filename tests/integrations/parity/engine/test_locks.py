"""A comparison holds the locks of one table at a time: those of all would use up the server's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.parity.engine.comparison import compare_live
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.engine.recheck import compare_and_keep_pass, recheck
from integrations.parity.observer import ComparisonObserver, ReadProgress
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.snapshot import Snapshot
from tests.integrations.parity.conftest import Pair

TABLES = 12
HELD = """
    select count(*) from pg_locks l join pg_stat_activity a using (pid)
     where a.application_name = 'parity' and a.datname = current_database() and l.relation in
           (select c.oid from pg_class c where c.relnamespace = 'public'::regnamespace)
"""
PARTITIONED = """
    create table p%(n)s (id int primary key, v text) partition by range (id);
    create index on p%(n)s (v);
    create table p%(n)s_a partition of p%(n)s for values from (0) to (10);
    create table p%(n)s_b partition of p%(n)s for values from (10) to (20);
    insert into p%(n)s values (1, 'x'), (11, 'y');
"""


@pytest.fixture
def many(pair: Pair) -> Pair:
    pair.both(*(PARTITIONED % {"n": number} for number in range(TABLES)))
    pair.target.run("update p0 set v = 'z' where id = 1")
    return pair


@pytest.fixture
def counted(many: Pair) -> tuple[ComparisonObserver, list[int]]:
    found: list[int] = []

    def count(progress: ReadProgress) -> None:
        if progress.state in ("waiting", "done"):
            found.append(many.source.value(HELD))

    return ComparisonObserver(on_table=count), found


def test_no_lock_outlasts_its_table(
    many: Pair, counted: tuple[ComparisonObserver, list[int]], tmp_path: Path
) -> None:
    observer, found = counted
    sides, options = (many.source.server, many.target.server), ComparisonOptions()
    compare_live(*sides, options, observer)
    compare_and_keep_pass(*sides, tmp_path / "pass", options, observer)
    recheck(*sides, tmp_path / "pass", options, observer)
    with Snapshot(many.source.server) as snapshot:
        take_fingerprint(snapshot, observer=observer)
        assert many.source.value(HELD) == 0
    assert len(found) == (3 * 2 + 1) * TABLES
    assert set(found) == {0}
