"""How long a comparison takes, as ratios to plain scans of one side in the same run; never a timed test.

``python tests/benchmarks/bench_parity.py --rows 200000`` starts a PostgreSQL of its own (or uses
``--url``, a server where it may create databases) and prints a table.
"""

from __future__ import annotations

import argparse
import resource
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import psycopg
from psycopg import sql

from cutover.embedded import Postgres, free_port
from integrations.parity import baseline
from integrations.parity.compare import Options, compare_before, compare_live
from integrations.parity.declared import Declared
from integrations.parity.plan import make_plans
from integrations.parity.rowhash import Side
from integrations.parity.snapshot import Server, Snapshot
from integrations.parity.tables import read_tables

DONATIONS = """
create table donations (id bigint primary key, donor_name text, email text, amount numeric(12,2),
  currency text, notes text, created_at timestamptz, meta jsonb, is_recurring boolean, external_ref uuid);
insert into donations select i, 'Donor ' || i, 'donor' || i || '@example.org', (i % 100000) / 7.0,
  (array['EUR','NGN','USD'])[1 + i % 3], case when i % 4 = 0 then 'note ' || i end,
  timestamptz '2020-01-01' + i * interval '17.123457 s',
  jsonb_build_object('ref', i, 'channel', 'web', 'tags', jsonb_build_array('a', i % 7)), i % 5 = 0,
  md5(i::text)::uuid
  from generate_series(1, {rows}) i;
vacuum analyze donations;
"""
EDITS = """
update donations set amount = -amount where id = 7; update donations set notes = '' where id = {rows} / 2;
delete from donations where id = {rows} / 3;
"""


@contextmanager
def server(url: str) -> Iterator[Callable[[str], str]]:
    """A function from the name of a database to its address."""
    if url:
        yield lambda name: f"{url.rpartition('/')[0]}/{name}"
        return
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    postgres = Postgres(folder / "pg", port=free_port(), password=secrets.token_hex(8), fsync=False)
    try:
        yield postgres.start().url
    finally:
        postgres.stop()
        shutil.rmtree(folder)


def prepare(address: Callable[[str], str], rows: int) -> tuple[str, str]:
    """Two databases, equal but for three rows."""
    with psycopg.connect(address("postgres"), autocommit=True) as admin:
        for name in ("bench_source", "bench_target"):
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        admin.execute("create database bench_source")
        with psycopg.connect(address("bench_source"), autocommit=True) as source:
            for statement in DONATIONS.format(rows=rows).split(";\n"):
                if statement.strip():
                    source.execute(statement)  # type: ignore[call-overload]
        admin.execute("create database bench_target template bench_source")
    with psycopg.connect(address("bench_target"), autocommit=True) as target:
        target.execute(EDITS.format(rows=rows))  # type: ignore[call-overload]
        target.execute("vacuum donations")
    return address("bench_source"), address("bench_target")


def timed(times: int, work: Callable[[], Any]) -> float:
    """Median of seconds."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def hash_scan(server: Server) -> None:
    """One side's exact row hashes in one sum, without buckets, by one process of the server: the floor
    of any such comparison where both sides share the cores."""
    with Snapshot(server) as snapshot:
        snapshot.connection.execute("set max_parallel_workers_per_gather = 0")
        tables = read_tables(snapshot)
        (plan,) = make_plans(tables, tables, Declared(()))[0]
        side = Side(plan, "source")
        snapshot.rows(sql.SQL("SELECT sum({}) FROM {}").format(side.row_hash, side.rows))


def count(server: Server) -> None:
    """One side's count(*)."""
    with Snapshot(server) as snapshot:
        snapshot.rows(sql.SQL("SELECT count(*) FROM donations"))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--url", default="")
    asked = parser.parse_args()
    with server(asked.url) as address:
        source, target = (Server.at(url) for url in prepare(address, asked.rows))
        found = compare_live(source, target, Options()).tables[0]
        assert (found.changed, found.missing, found.extra) == (2, 1, 0), found
        with Snapshot(source) as snapshot:
            kept = baseline.take(snapshot)
        seconds = {
            "count(*) of one side": timed(asked.times, lambda: count(source)),
            "hash scan of one side, no buckets": timed(asked.times, lambda: hash_scan(source)),
            "comparison of both sides, 3 rows differ": timed(
                asked.times, lambda: compare_live(source, target, Options())
            ),
            "comparison, equal": timed(asked.times, lambda: compare_live(source, source, Options())),
            "before against after, rows named": timed(
                asked.times, lambda: compare_before(kept, target, Options(), backup=source)
            ),
        }
    counted, scanned = list(seconds.values())[:2]
    print(f"{asked.rows:,} rows of 10 columns, median of {asked.times}\n")
    print(f"{'':42}{'seconds':>9}{'× count(*)':>12}{'× hash scan':>13}")
    for what, value in seconds.items():
        print(f"{what:42}{value:9.3f}{value / counted:12.1f}{value / scanned:13.2f}")
    print(f"\nclient memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
