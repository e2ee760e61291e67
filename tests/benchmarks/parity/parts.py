"""The parts of the benchmark: each makes its data, proves that the findings are right, and measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from psycopg import sql

from integrations.parity.engine.comparison import compare_live
from integrations.parity.engine.recheck import compare_and_keep_pass, recheck
from integrations.parity.model.buckets import choose_bucket_scheme
from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.plan import make_plans
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import DIFFERENT, RowCollector
from integrations.parity.result import ComparisonResult, TableResult
from integrations.parity.server.catalog import read_tables
from integrations.parity.server.sizes import read_table_pages
from integrations.parity.server.snapshot import PostgresServer, Snapshot
from integrations.parity.sql.queries import SideQueries
from integrations.parity.sql.row_hash import SideExpressions
from tests.benchmarks.parity.costs import Cost, costs_in_turns
from tests.benchmarks.parity.data import BATTERY, FOUND, SOURCE, TARGET, make_pair, make_small_tables
from tests.benchmarks.parity.peers import PEERS, Absent, Peer, found_by, measured
from tests.benchmarks.parity.servers import Bench
from tests.benchmarks.parity.sizes import Sizes
from tests.benchmarks.parity.table import Line, Table

ROOT = Path(__file__).parents[3]
MEMORY = 200  # MB that the client may take, whatever the table


@dataclass
class Run:
    """One run of the benchmark. ``fastest`` is what the fastest peer took for donations, once known."""

    sizes: Sizes
    peers: bool = False
    fastest: float | None = None


#: settings of a server that a snapshot pins
JIT = ("jit", "jit_above_cost", "jit_optimize_above_cost", "jit_inline_above_cost")


def timed(times: int, *works: Callable[[], Any]) -> list[float]:
    """Median seconds of each function; they run in turns, so that a busy moment affects all of them."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(times):
        for work, known in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work()
            known.append(time.perf_counter() - started)
    return [median(known) for known in seconds]


def compare(bench: Bench, **options: Any) -> ComparisonResult:
    """Source and target, all tables."""
    sides = (PostgresServer.from_url(bench.url(database)) for database in (SOURCE, TARGET))
    return compare_live(*sides, ComparisonOptions(**options))


def require_counts(table: TableResult, changed: int, missing: int, extra: int) -> None:
    """Raises AssertionError unless the findings are the edits: otherwise the time says nothing."""
    found = (table.changed, table.missing, table.extra)
    assert found == (changed, missing, extra), f"{table.table}: {found} instead of {changed, missing, extra}"
    assert not table.unsound, table.unsound


def hash_scan(server: PostgresServer, *, compiled: bool = False) -> None:
    """One side's exact row hashes in one sum, without buckets, by one process of the server: the floor
    of any such comparison where both sides share the cores. As the server's own settings compile it, or
    ``compiled`` as our pass is."""
    with Snapshot(server) as snapshot:
        snapshot.connection.execute("set max_parallel_workers_per_gather = 0")
        for name in () if compiled else JIT:
            snapshot.connection.execute(sql.SQL("reset {}").format(sql.Identifier(name)))
        tables = read_tables(snapshot)
        (plan,) = make_plans(tables, tables, DeclaredRules(()))[0]
        side = SideExpressions(plan, "source")
        scan = sql.SQL("SELECT sum({}) FROM {}").format(side.row_hash, side.from_clause)
        snapshot.fetch_rows(scan, compiled=compiled)


def headline(bench: Bench, run: Run) -> Iterator[Table]:
    """Ten differences: our time, a plain scan as lower bound, and the peers; all compare all columns."""
    sizes = run.sizes
    for name, rows in (("donations", sizes.donations), ("attendance", sizes.attendance)):
        make_pair(bench, {name: rows})
        (found,) = compare(bench).tables
        require_counts(found, *FOUND)
        source = PostgresServer.from_url(bench.url(SOURCE))
        scans = (partial(hash_scan, source, compiled=compiled) for compiled in (False, True))
        ours, floor, lowest = costs_in_turns(bench, sizes.times, partial(compare, bench), *scans)
        cost = list(_cost(bench))  # before the peers, whose sessions end when they like
        peers = [_peer(bench, peer, found, ours.seconds) for peer in PEERS if run.peers]
        if name == "donations" and (known := [line.seconds for line in peers if line.seconds]):
            run.fastest = min(known)
        lines = [*_ours(ours, floor, lowest), *cost, *peers]
        yield Table(f"{name}: {rows:,} rows, 10 differences", lines)


def _ours(ours: Cost, floor: Cost, lowest: Cost) -> Iterator[Line]:
    yield Line("comparison of both sides, rows and columns named", ours.seconds, note=f"CPU {ours.cpu:.2f} s")
    what, wanted = "hash scan of one side alone, no buckets", ("at most", 1.25)
    told = "CPU {:.2f} s, two of them {:.2f} × in the comparison".format
    for line, scan, limit in ((what, floor, wanted), ("the same scan, compiled", lowest, None)):
        said = told(scan.cpu, ours.cpu / (2 * max(scan.cpu, 0.01)))
        yield Line(line, scan.seconds, ours.seconds / scan.seconds, "comparison / scan", limit, said)


def _cost(bench: Bench) -> Iterator[Line]:
    """What one more comparison costs the server, by the kernel's and by PostgreSQL's own count."""
    time.sleep(1)  # until the sessions of before have ended, too
    cpu, pages = bench.cpu_seconds(), bench.pages_read(SOURCE, TARGET)
    (seconds,) = timed(1, partial(compare, bench))
    time.sleep(1)  # sessions that have ended hand in their counts
    cpu, pages = bench.cpu_seconds() - cpu, bench.pages_read(SOURCE, TARGET) - pages
    yield Line("CPU of the server for both sides", cpu, cpu / seconds, "cores")
    yield Line(f"pages of 8 kB read: {pages:,}", None)


def _peer(bench: Bench, peer: Peer, found: TableResult, ours: float) -> Line:
    columns = [row for (row,) in _columns(bench, found.table)]
    keys = {str(row.key["id"]) for row in found.examples}
    try:
        seconds, named = measured(peer, bench, found.table, columns)
    except (Absent, RuntimeError, subprocess.TimeoutExpired) as error:
        return Line(peer.name, None, note=f"not run: {error}")
    said = "; ".join(filter(None, (found_by(peer, named, keys), peer.note)))
    return Line(peer.name, seconds, seconds / ours, "× ours", ("at least", peer.wanted), said)


def _columns(bench: Bench, table: str) -> list[tuple[Any, ...]]:
    question = (
        "SELECT column_name::text FROM information_schema.columns"
        " WHERE table_name = {} AND column_name <> 'id' ORDER BY ordinal_position"
    )
    with Snapshot(PostgresServer.from_url(bench.url(SOURCE))) as snapshot:
        return snapshot.fetch_rows(sql.SQL(question).format(sql.Literal(table)))


def rechecks(bench: Bench, run: Run) -> Iterator[Table]:
    """A hundred rows changed after a full pass: against counting, and against the fastest peer's full run."""
    rows = run.sizes.donations
    make_pair(bench, {"donations": rows}, edits=False)
    source, target = (PostgresServer.from_url(bench.url(database)) for database in (SOURCE, TARGET))
    compare(bench)  # as everywhere here, nothing is measured on pages that nobody read yet
    with TemporaryDirectory() as folder:
        kept = Path(folder) / "pass.json"
        (full,) = timed(1, lambda: compare_and_keep_pass(source, target, kept, ComparisonOptions()))
        bench.run(TARGET, f"update donations set amount = 0.01 where id % {rows // 100} = 1")
        require_counts(recheck(source, target, kept, ComparisonOptions()).tables[0], 100, 0, 0)
        again, own, wide = timed(
            run.sizes.times,
            lambda: recheck(source, target, kept, ComparisonOptions()),
            lambda: count_by_bucket(source),
            lambda: count_by_bucket(source, sql.SQL("id >> 10")),
        )
        size = kept.stat().st_size / 1e6
    of = "recheck / count"
    lines = [
        Line(f"full pass, kept in a file of {size:.1f} MB", full),
        Line("recheck of both sides", again),
        Line("count(*) … GROUP BY bucket, one side alone", own, again / own, of, ("at most", 1.5)),
        Line("count(*) … GROUP BY id >> 10, one side alone", wide, again / wide, of),
    ]
    if run.fastest:
        ratio, wanted = run.fastest / again, ("at least", 15.0)
        lines.append(Line("fastest other program, its full run", run.fastest, ratio, "× the recheck", wanted))
    yield Table(f"Recheck: {rows:,} rows, 100 changed since the full pass", lines)


def count_by_bucket(server: PostgresServer, bucket: sql.Composable | None = None) -> None:
    """Rows of each bucket, by one process of the server."""
    with Snapshot(server) as snapshot:
        snapshot.connection.execute("set max_parallel_workers_per_gather = 0")
        tables = read_tables(snapshot)
        (plan,) = make_plans(tables, tables, DeclaredRules(()))[0]
        pages = read_table_pages(snapshot, [plan.source])[plan.source.schema, plan.source.name]
        buckets = choose_bucket_scheme(snapshot, plan, pages)
        by = bucket or SideQueries(snapshot, plan, "source", buckets).bucket
        snapshot.fetch_rows(
            sql.SQL("SELECT {}, count(*) FROM {} AS r GROUP BY 1").format(by, plan.source.from_clause)
        )


def agreement(bench: Bench, run: Run) -> Iterator[Table]:
    """Twelve kinds of changes, and whether other programs find the same rows; nothing is timed."""
    rows = 20_000
    make_pair(bench, {"donations": rows}, edits=False)
    bench.run(TARGET, *BATTERY)
    kept = RowCollector(rows)
    sides = (PostgresServer.from_url(bench.url(database)) for database in (SOURCE, TARGET))
    (found,) = compare_live(
        *sides, ComparisonOptions(keep=rows), ComparisonObserver(on_difference=kept.add)
    ).tables
    ours = {str(row.key["id"]) for row in kept.rows["donations"]}
    assert len(ours) == found.differing, (len(ours), found.differing)
    lines = [Line(f"ours: {len(ours)} rows", None)]
    lines += [_agrees(bench, peer, ours) for peer in PEERS if run.peers]
    yield Table(f"Agreement: {rows:,} rows, {len(BATTERY)} kinds of changes", lines)


def _agrees(bench: Bench, peer: Peer, ours: set[str]) -> Line:
    columns = [row for (row,) in _columns(bench, "donations")]
    try:
        _, named = measured(peer, bench, "donations", columns)
    except (Absent, RuntimeError, subprocess.TimeoutExpired) as error:
        return Line(peer.name, None, note=f"not run: {error}")
    return Line(peer.name, None, note=found_by(peer, named, ours) or f"the same {len(ours)} rows")


def many(bench: Bench, run: Run) -> Iterator[Table]:
    """One row in a hundred changed, everywhere in the table, against ten differences."""
    sizes = run.sizes
    rows = sizes.donations
    make_pair(bench, {"donations": rows})
    (few,) = costs_in_turns(bench, sizes.times, lambda: compare(bench))
    bench.run(TARGET, "update donations set currency = 'GHS' where id % 100 = 50", "vacuum analyze")
    more = bench.value("select count(*) from donations where currency = 'GHS'", TARGET)
    (found,) = compare(bench).tables
    assert more <= found.changed <= more + FOUND[0], (found.changed, more)
    (many,) = costs_in_turns(bench, sizes.times, lambda: compare(bench))
    ratio, said = many.seconds / few.seconds, many.told_against(few, "that of 10")
    lines = [
        Line("10 differences", few.seconds, note=f"CPU {few.cpu:.2f} s"),
        Line(f"{found.differing:,} differences", many.seconds, ratio, "× that of 10", ("at most", 1.4), said),
    ]
    yield Table(f"Many differences: {rows:,} rows, one in a hundred changed", lines)


def scale(bench: Bench, run: Run) -> Iterator[Table]:
    """Time and the client's memory as the table grows."""
    sizes = run.sizes
    lines: list[Line] = []
    for rows in sizes.scale:
        make_pair(bench, {"donations": rows})
        bench.run(SOURCE, "select count(*) from donations")
        times = sizes.times if rows < 4_000_000 else 1
        runs = [_alone(bench) for _ in range(times)]
        seconds, memory = median(run[0] for run in runs), max(run[1] for run in runs)
        what = f"{rows:,} rows, client at most {memory} MB"
        note = f"more memory than {MEMORY} MB" if memory > MEMORY else ""
        if lines:
            first = float(lines[0].seconds or 0) * rows / sizes.scale[0]
            lines.append(Line(what, seconds, seconds / first, "× in proportion", ("at most", 1.1), note))
        else:
            lines.append(Line(what, seconds, note=note))
    yield Table("Growth: donations, 10 differences, as a program of its own", lines)


def _alone(bench: Bench) -> tuple[float, int]:
    """Seconds by its own count, without the start of Python, and MB of memory of the command line."""
    command = [sys.executable, "-m", "integrations.parity", "env:ONE", "env:OTHER", "--json"]
    environment = {**os.environ, "ONE": bench.url(SOURCE), "OTHER": bench.url(TARGET)}
    with TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == DIFFERENT, f"it ended with {process.returncode}"
        out.seek(0)
        return json.load(out)["cost"]["seconds"], usage.ru_maxrss // 1024


def small(bench: Bench, run: Run) -> Iterator[Table]:
    """Many small tables: what one table costs beside its rows."""
    sizes = run.sizes
    make_small_tables(bench, sizes.small)
    assert compare(bench).equal
    (seconds,) = timed(sizes.times, lambda: compare(bench))
    a_table = 1000 * seconds / sizes.small
    line = Line(f"{sizes.small} tables of 100 rows, equal", seconds, a_table, "ms a table", ("at most", 10))
    yield Table("Small tables", [line])


def workers(bench: Bench, run: Run) -> Iterator[Table]:
    """Connections a side; more than the cores carry cannot be faster."""
    sizes = run.sizes
    make_pair(bench, {"donations": sizes.donations})
    numbers = (1, 2, 4)
    for number in numbers:
        require_counts(compare(bench, workers=number).tables[0], *FOUND)
    seconds = timed(sizes.times, *(partial(compare, bench, workers=number) for number in numbers))
    lines = [Line("1 a side", seconds[0])]
    for number, taken in zip(numbers[1:], seconds[1:], strict=True):
        lines.append(Line(f"{number} a side", taken, taken / seconds[0], "× one a side"))
    yield Table(f"Workers: {sizes.donations:,} rows, {os.cpu_count()} cores for both sides and us", lines)
