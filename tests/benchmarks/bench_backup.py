"""How long `backup.take` takes, as a multiple of the same pg_dump alone.

``./panel bench backup`` fills a database with rows as an application has them and backs it up, in turns with
plain pg_dump with the same options. Both write to the disk and flush it. It fails when a backup is not whole.
It is no timed test: times depend on the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import psutil
import psycopg

from integrations.backups import fingerprint
from integrations.backups.archive import Archive
from integrations.backups.dump import DumpOptions, plan_dump, take_backup
from integrations.clients import pgtools, postgres
from integrations.systems import System
from tests import servers
from tests.benchmarks.load.panel import server_cpu_seconds

#: Names, amounts, dates and notes: what pg_dump has to compress, about 200 bytes a row.
FILL = """
create table donations as
select n as id, n % 40000 as member, (n::bigint * 7919 % 100000) / 100.0 as amount,
       timestamptz '2020-01-01' + n * interval '7 seconds' as at, md5(n::text) as reference,
       'person' || n % 40000 || '@example.org' as email,
       json_build_object('campaign', n % 57, 'note', 'in memory of ' || md5((n / 3)::text)) as details
from generate_series(1, {rows}) n
"""


@dataclass
class Quiet:
    """A report that nobody reads."""

    attempt: str = ""

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Takes the line."""

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Takes the progress."""

    def raise_if_cancelled(self) -> None:
        """Never stops."""


@dataclass(frozen=True)
class Measured:
    """Seconds of one run: by the clock, and of the processor for all processes."""

    wall: float
    cpu: float


def fill(url: str, rows: int) -> None:
    """Makes the table, analysed."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL.format(rows=rows).encode())
        connection.execute("vacuum analyze donations")


def measure(work: object) -> Measured:
    """Runs it once."""
    assert callable(work)
    began, used = time.monotonic(), os.times()
    database = server_cpu_seconds()
    work()
    after = os.times()
    own = sum(after[:4]) - sum(used[:4])  # with programs that ended
    return Measured(time.monotonic() - began, own + server_cpu_seconds() - database)


def run(url: str, folder: Path, times: int) -> dict[str, list[Measured]]:
    """Both, in turns; each writes into a folder of its own, which is removed."""
    options = DumpOptions(System("live", "postgres", {"url": url}), "0" * 32, "custom", 1)
    archive = Archive(folder / "backup")
    plan = plan_dump(options, archive)
    plain = [word for word in plan.command if not word.startswith(("--snapshot", "--file"))]
    with postgres.connect(url) as server:
        environment = {**os.environ, **pgtools.program_environment(url, options.attempt, server)}
    found: dict[str, list[Measured]] = {"pg_dump": [], "backup.take": []}
    for number in range(times):
        target = folder / f"plain-{number}"
        argv = [*plain, f"--file={target}"]
        found["pg_dump"].append(
            measure(lambda argv=argv: subprocess.run(argv, env=environment, check=True, capture_output=True))
        )
        target.unlink()
        archive = Archive(folder / f"backup-{number}")
        found["backup.take"].append(measure(lambda archive=archive: take_backup(options, archive, Quiet())))
        check_whole(url, archive)
        archive.path.rename(archive.partial)
        archive.discard()
    return found


def check_whole(url: str, archive: Archive) -> None:
    """Raises when its fingerprint is not that of the database, which nobody changed."""
    manifest, _ = archive.read_manifest()
    with psycopg.connect(url) as connection:
        rows = connection.execute("select count(*) from donations").fetchall()[0][0]
    assert manifest["fingerprint"]["tables"]["public.donations"]["rows"] == rows
    assert manifest["digest"] == fingerprint.compute_digest(manifest["fingerprint"])
    assert manifest["files"]["dump"]["bytes"] == archive.dump.stat().st_size


def main() -> int:
    """Fills, measures, prints."""
    parser = argparse.ArgumentParser(prog="./panel bench backup", description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    url = servers.POSTGRES.start().url("postgres")
    try:
        fill(url, options.rows)
        with tempfile.TemporaryDirectory(dir=servers.FOLDER) as folder:
            found = run(url, Path(folder), options.times)
    finally:
        servers.POSTGRES.stop()
    show(found, options.rows)
    return 0


def show(found: dict[str, list[Measured]], rows: int) -> None:
    """The medians, and those of the ratios of each turn."""
    print(f"{rows:,} rows, {psutil.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"{'':14}{'seconds':>10}{'× pg_dump':>11}{'CPU seconds':>13}{'× pg_dump':>11}")
    for name, values in found.items():
        pairs = list(zip(values, found["pg_dump"], strict=True))
        wall, cpu = (statistics.median(getattr(one, what) for one in values) for what in ("wall", "cpu"))
        ratio = statistics.median(one.wall / plain.wall for one, plain in pairs)
        work = statistics.median(one.cpu / plain.cpu for one, plain in pairs)
        print(f"{name:14}{wall:10.2f}{ratio:11.2f}{cpu:13.2f}{work:11.2f}")


if __name__ == "__main__":
    sys.exit(main())
