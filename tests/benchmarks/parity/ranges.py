"""A large table that is read in ranges while it is written to: killed in the middle, and read to its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import psycopg

from integrations.parity.report.facts import DIFFERENT
from tests.benchmarks.parity.data import SOURCE, TARGET
from tests.benchmarks.parity.parts import MEMORY, ROOT, Run
from tests.benchmarks.parity.servers import Bench
from tests.benchmarks.parity.table import Line, Table

SNAPSHOTS = 8  # about so many are wanted: the limits are scaled down for that
KILLED_AT = 2  # snapshots whose ranges are kept
PAGES_PER_RANGE = 64  # the least that a page rate brings about
OLDEST = (
    "select coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)::float from pg_stat_activity"
    " where application_name = 'parity' and xact_start is not null"
)


@dataclass
class Program:
    """What one run of the command line was. ``memory`` is its peak in MB, ``oldest`` in seconds."""

    seconds: float
    memory: int
    oldest: float
    facts: dict[str, Any]


def ranges(bench: Bench, run: Run) -> Iterator[Table]:
    """All that was written meanwhile has to be in the result, once."""
    rows, pages = run.sizes.ranges, _make(bench, run.sizes.ranges)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "pass"
        whole = _run(bench, [])
        age = max(1, round(whole.seconds / SNAPSHOTS))
        rate = max(2 * PAGES_PER_RANGE, pages // (age * SNAPSHOTS))
        limits = ["--renew-snapshots", "--snapshot-age", str(age), "--page-rate", str(rate)]
        with _writing(bench, rows) as written:
            killed = _run(bench, ["--keep-pass", str(file), *limits], kill_at=KILLED_AT, file=file)
        with _writing(bench, rows, rows // 2) as also_written:
            time.sleep(age)
        # What is written after the last snapshot is not in the result, so nothing is written by now.
        resumed = _run(bench, ["--resume", str(file), *limits])
        (table,) = resumed.facts["tables"]
        _require_all(table, written[0] + also_written[0])
    assert " by 2 runs;" in str(table["notes"]), table["notes"]
    said = f"limits {age} s and {rate} pages a second"
    lines = [
        Line("read in one snapshot, without limits", whole.seconds, note=_describe(whole)),
        Line("read in ranges, killed", killed.seconds, note=f"{said}; {_describe(killed)}"),
        Line("resumed, to the end", resumed.seconds, note=f"{said}; {_describe(resumed)}"),
    ]
    title = f"Ranges: {rows:,} rows, written to meanwhile"
    yield Table(title, lines, f"{table['notes'][0]}.")


def _describe(program: Program) -> str:
    too_much = f"more memory than {MEMORY} MB; " if program.memory > MEMORY else ""
    return f"{too_much}oldest snapshot {program.oldest:.1f} s, client at most {program.memory} MB"


def _require_all(table: dict[str, Any], written: int) -> None:
    """Ten rows differed at first, and every row that was written differs, too."""
    assert not table["unsound"], table["unsound"]
    assert table["changed"] == 10 + written, f"{table['changed']} instead of {10 + written}"
    assert (table["missing"], table["extra"]) == (0, 0)


def _make(bench: Bench, rows: int) -> int:
    """Two databases with such a table, ten rows of which differ; returns its pages."""
    bench.create(SOURCE)
    bench.run(
        SOURCE,
        "create table large (id bigint primary key, amount numeric(12,2), name text, at timestamptz)",
        "insert into large select i, i * 0.37, 'row ' || i % 1000,"
        f" '2024-01-01'::timestamptz + i * interval '1 s' from generate_series(1, {rows}) i",
        "vacuum (analyze) large",
    )
    bench.create(TARGET, template=SOURCE)
    bench.run(TARGET, f"update large set name = 'other' where id % {rows // 10} = 7", "vacuum large")
    return bench.value("select pg_relation_size('large') / 8192", SOURCE)


@contextmanager
def _writing(bench: Bench, rows: int, first: int = 1) -> Iterator[list[int]]:
    """Updates rows all over the source meanwhile, and counts them: each gets a new version elsewhere."""
    stop, counted = Event(), [0]
    update = "update large set name = 'written' where id = %s and name <> 'written'"

    def write() -> None:
        with psycopg.connect(bench.url(SOURCE), autocommit=True) as connection:
            for number in range(rows):
                key = first + number * 7919 % (rows // 2)
                if key % (rows // 10) != 7:
                    counted[0] += connection.execute(update, (key,)).rowcount
                if stop.wait(0.01):
                    return

    thread = Thread(target=write)
    thread.start()
    try:
        yield counted
    finally:
        stop.set()
        thread.join()


def _run(bench: Bench, options: list[str], *, kill_at: int = 0, file: Path | None = None) -> Program:
    """The command line as a program of its own; killed when so many lines of the file are written."""
    command = [sys.executable, "-m", "integrations.parity", "env:ONE", "env:OTHER", "--json", "--quiet",
               "--structure", "off", *options]  # fmt: skip
    environment = {**os.environ, "ONE": bench.url(SOURCE), "OTHER": bench.url(TARGET)}
    started, oldest = time.perf_counter(), 0.0
    with TemporaryDirectory() as folder, (Path(folder) / "out").open("w+") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out)
        with psycopg.connect(bench.url(), autocommit=True) as watching:
            while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                ((age,),) = watching.execute(OLDEST).fetchall()
                oldest = max(oldest, age)
                growing = file and file.with_name(f"{file.name}.partial")
                if growing and growing.exists() and growing.read_bytes().count(b'"ranges"') >= kill_at:
                    process.send_signal(signal.SIGKILL)
                time.sleep(0.1)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        expected = -signal.SIGKILL if kill_at else DIFFERENT
        assert process.returncode == expected, f"it ended with {process.returncode}"
        out.seek(0)
        facts = {} if kill_at else json.load(out)
    return Program(time.perf_counter() - started, usage.ru_maxrss // 1024, oldest, facts)
