"""MariaDB and SQLite as sources, beside reladiff on the same pair of servers in the same run."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from integrations.parity.options import ComparisonOptions
from integrations.parity.result import TableResult
from integrations.parity.server.snapshot import PostgresServer
from integrations.parity.sources.source_comparison import compare_source
from integrations.sandbox.mariadb_server import MariaDbServer
from tests.benchmarks.parity.data import TARGET
from tests.benchmarks.parity.parts import Run, require_counts, timed
from tests.benchmarks.parity.peers import CORES, Absent, python_environment, run_program
from tests.benchmarks.parity.servers import Bench
from tests.benchmarks.parity.table import Line, Table
from tests.integrations.mariadb import running_mariadb

SHOP = "shop"
COLUMNS = ("donor_name", "email", "amount", "currency", "notes", "created_at", "is_recurring", "external_ref")
MARIADB = """create table donations (id bigint primary key, donor_name varchar(80), email varchar(80),
  amount decimal(12,2), currency char(3), notes text, created_at datetime(6), is_recurring tinyint(1),
  external_ref char(36))"""
MARIADB_ROWS = """insert into donations select seq, concat('Donor ', seq),
  concat('donor', seq, '@example.org'), (seq % 100000) * 0.37, elt(1 + seq % 3, 'EUR', 'NGN', 'USD'),
  if(seq % 4 = 0, concat('note ', seq), null), timestamp('2020-01-01') + interval seq * 17 second,
  seq % 5 = 0,
  insert(insert(insert(insert(md5(seq), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-')
  from seq_1_to_{rows}"""
POSTGRES = """create table donations (id bigint primary key, donor_name text, email text,
  amount numeric(12,2), currency text, notes text, created_at timestamp, is_recurring boolean,
  external_ref uuid)"""
POSTGRES_ROWS = """insert into donations select i, 'Donor ' || i, 'donor' || i || '@example.org',
  (i % 100000) * 0.37, (array['EUR','NGN','USD'])[1 + i % 3], case when i % 4 = 0 then 'note ' || i end,
  timestamp '2020-01-01' + i * interval '17 s', i % 5 = 0, md5(i::text)::uuid
  from generate_series(1, {rows}) i"""
EDITS = (
    "update donations set amount = amount + 0.01 where id = {rows} / 9",
    "update donations set notes = null where id = {rows} / 16 * 4",
    "delete from donations where id in ({rows} / 3, {rows} - 1)",
)
FOUND = (2, 2, 0)  # changed, missing, extra


def other_sources(bench: Bench, run: Run) -> Iterator[Table]:
    """The same table in MariaDB, in SQLite and in PostgreSQL, where four rows differ."""
    rows = run.sizes.donations
    bench.create(TARGET)
    edits = (edit.format(rows=rows) for edit in EDITS)
    bench.run(TARGET, POSTGRES, POSTGRES_ROWS.format(rows=rows), *edits, "vacuum analyze")
    options = ["--innodb-buffer-pool-size=512M", "--skip-ssl"]
    with running_mariadb(options, "bench-mariadb") as server, TemporaryDirectory() as folder:
        server.execute(f"create database {SHOP}")
        server.execute(MARIADB, MARIADB_ROWS.format(rows=rows), "analyze table donations", database=SHOP)
        file = _copy_to_sqlite(server, Path(folder))
        sources = {"MariaDB": server.url(database=SHOP), "SQLite": f"sqlite:///{file}"}
        ours = {name: _compare(bench, url) for name, url in sources.items()}
        for found in ours.values():
            require_counts(found, *FOUND)
        theirs = [partial(_reladiff, bench, server, rows)] if run.peers else []
        works = [partial(_compare, bench, url) for url in sources.values()]
        lines = _lines(*timed(run.sizes.times, *works, *theirs))
        yield Table(f"Other sources: {rows:,} rows, 4 differences", lines)


def _lines(mariadb: float, sqlite: float, *peer: float) -> list[Line]:
    lines = [Line("from MariaDB", mariadb), Line("from SQLite", sqlite)]
    return lines + [
        Line("reladiff 0.6.0, from MariaDB", seconds, seconds / mariadb, "× ours", ("at least", 1))
        for seconds in peer
    ]


def _compare(bench: Bench, url: str) -> TableResult:
    (found,) = compare_source(url, PostgresServer.from_url(bench.url(TARGET)), ComparisonOptions()).tables
    return found


def _copy_to_sqlite(server: MariaDbServer, folder: Path) -> Path:
    columns = ", ".join(("id", *COLUMNS))
    rows = server.execute(f"select {columns} from donations order by id", database=SHOP)
    file = folder / "shop.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"create table donations (id integer primary key, {', '.join(COLUMNS)})")
        marks = ", ".join("?" * (1 + len(COLUMNS)))
        values = (
            [value if isinstance(value, int | str | None) else str(value) for value in row] for row in rows
        )
        connection.executemany(f"insert into donations values ({marks})", values)
        connection.commit()
    return file


def _reladiff(bench: Bench, server: MariaDbServer, rows: int) -> None:
    """Every column, the client's threads as many as there are cores; its findings have to be ours."""
    try:
        home = python_environment(
            "reladiff-mysql",
            "reladiff==0.6.0",
            "psycopg2-binary==2.9.10",
            "mysql-connector-python",
            "setuptools<81",
        )
    except Absent as error:
        raise AssertionError(f"reladiff: {error}") from None
    sides = (server.url(database=SHOP), "donations", bench.url(TARGET), "donations")
    every = [word for column in COLUMNS for word in ("-c", column)]
    command = [
        home / "bin/reladiff",
        *sides,
        "-k",
        "id",
        *every,
        "--json",
        "-j",
        CORES,
        "--skip-sort-results",
    ]
    lines = run_program(command, COLUMNS="100000").splitlines()
    keys = {str(key) for _, (key, *_) in (json.loads(line) for line in lines if line.startswith('["'))}
    assert keys == {str(rows // 9), str(rows // 16 * 4), str(rows // 3), str(rows - 1)}, sorted(keys)[:9]
