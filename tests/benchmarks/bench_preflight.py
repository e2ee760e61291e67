"""How long a preflight takes, and how much it asks at once, on many tables with many rows.

``./panel bench preflight`` fills 200 tables with 10 million rows, plans a migration that changes three
columns of each, and runs every check on it. It is no timed test: times depend on the machine. It fails when
the load is not what docs/how-to/preflight.md states, or when a row that cannot be converted stays green.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import django
import psycopg

from tests import servers

TABLES, ROWS = 200, 10_000_000
BAD_TABLE = 7  # the one with a row that jsonb refuses
CREATE = """
create table {name} (id bigint primary key, owner bigint, email text, note json, at timestamp, amount numeric)
"""
FILL = """
insert into {name} select n, n % 1000, 'p' || n || '@x.invalid', json_build_object('n', n),
       timestamp '2024-01-01' + n * interval '1 second', n / 100.0 from generate_series(1, {rows}) n
"""
BAD_ROW = """insert into {name} values (0, 1, 'bad@x.invalid', '{{"a": "\\u0000"}}', now(), 1)"""
MIGRATION = """
alter table {name} alter note type jsonb, alter amount type numeric(12, 2), alter owner set not null;
create unique index {name}_email on {name} (lower(email));
"""
ACTIVE = """
select coalesce(array_agg(left(query, 160)) filter (where backend_type = 'client backend'), '{}'),
       count(*) filter (where backend_type = 'parallel worker')
from pg_stat_activity where state = 'active' and datname = current_database() and pid <> pg_backend_pid()
"""


def fill(url: str, tables: int, rows: int) -> None:
    """The tables with their rows, analysed."""
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(tables):
            name = f"t{number:03}"
            connection.execute(CREATE.format(name=name).encode())
            connection.execute(FILL.format(name=name, rows=rows // tables).encode())
            if number == BAD_TABLE % tables:
                connection.execute(BAD_ROW.format(name=name).encode())
        connection.execute("vacuum analyze")


class Watch(threading.Thread):
    """Counts what runs at once on the server until it is stopped."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.parallel, self.over = url, 0, threading.Event()
        self.most: list[str] = []  # the queries of the moment at which most ran

    def run(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self.over.wait(0.02):
                active, parallel = connection.execute(ACTIVE).fetchall()[0]
                self.most, self.parallel = max(self.most, active, key=len), max(self.parallel, parallel)


def measure(url: str, tables: int) -> tuple[list[Any], Watch, float]:
    """The ended checks, what was seen on the server, and the seconds that it took."""
    from integrations.preflight import registered_checks, run_checks
    from tests.integrations.preflight.projects import make_project, project_scope

    with tempfile.TemporaryDirectory() as folder:
        script = "".join(MIGRATION.format(name=f"t{number:03}") for number in range(tables))
        project = make_project(Path(folder) / "project", {"1_change": script})
        scope = project_scope(project, url, systems={"live": {"kind": "postgres", "url": url}})
        watch = Watch(url)
        watch.start()
        began = time.monotonic()
        ended = list(run_checks(scope, registered_checks().values()))
        took = time.monotonic() - began
        watch.over.set()
        watch.join()
        return ended, watch, took


def main() -> int:
    """Fills, measures, prints; exit code 1 when the load or a finding is wrong."""
    parser = argparse.ArgumentParser(prog="./panel bench preflight", description=__doc__)
    parser.add_argument("--tables", type=int, default=TABLES)
    parser.add_argument("--rows", type=int, default=ROWS, help="of all tables together")
    options = parser.parse_args()
    server = servers.POSTGRES.start()
    url = server.url("postgres")
    fill(url, options.tables, options.rows)
    ended, watch, took = measure(url, options.tables)
    results = [result for each in ended for result in each.results]
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{options.tables} tables, {options.rows:,} rows: {len(results)} results in {took:.1f} s")
    print(f"  verdicts: {dict(Counter(one['verdict'] for one in results))}")
    print(f"  queries at once: {len(watch.most)}, parallel workers: {watch.parallel}")
    print("".join(f"    {query}\n" for query in watch.most if len(watch.most) > 1), end="")
    print(f"  CPU of the panel's process: {used.ru_utime + used.ru_stime:.1f} s")
    for each in sorted(ended, key=lambda one: -one.seconds)[:6]:
        print(f"  {each.seconds:6.1f} s  {each.check.key}")
    for one in results:
        if one["verdict"] == "unknown":
            print(f"  unknown: {one['subject']}: {one['seen'][:200]}")
    found = [one for one in results if one["verdict"] == "red" and f"t{BAD_TABLE:03}" in one["subject"]]
    return 0 if len(watch.most) <= 1 and not watch.parallel and found else 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import os

    os.environ.update(servers.environment())
    django.setup()
    try:
        code = main()
    finally:
        servers.POSTGRES.stop()
    raise SystemExit(code)
