"""A long watch: memory and connections of one web process while people watch a live log, with restarts.

``./panel bench soak --minutes 60`` opens 200 pages, writes 20 lines a second and restarts the web process
every ten minutes. It prints memory and connections of each life of the process, near its beginning and at
its end, and their ratio. It fails when a viewer misses a line or gets one twice, or when something goes on
reading after the last page was closed. It is no timed test: memory depends on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import psycopg
import redis

from tests import servers
from tests.benchmarks.bench_streams import left_behind, run_program, wait_quietly
from tests.benchmarks.load.panel import WebProcess, make_viewers, new_panel
from tests.benchmarks.load.viewers import LogViewer, Viewers, Watch

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"


@dataclass(frozen=True)
class Sample:
    """What the web process holds at one moment. ``at``: seconds since its start."""

    at: float
    megabytes: float
    sessions: int  # of the panel's role in PostgreSQL
    clients: int  # of Redis


class Sampler:
    """Asks PostgreSQL and Redis over connections of its own, which are not of the panel's role."""

    def __init__(self, web: WebProcess) -> None:
        self.web = web
        self.database = psycopg.connect(servers.POSTGRES.url("postgres"), autocommit=True)
        self.redis = redis.Redis.from_url(servers.VALKEY.url)

    def take(self, began: float) -> Sample:
        """One sample of now."""
        row = self.database.execute(SESSIONS, [servers.APPLICATION]).fetchone()
        assert row is not None
        clients = len(self.redis.client_list())
        return Sample(time.monotonic() - began, self.web.megabytes(), int(row[0]), clients)


async def live_once(pages: Viewers, sampler: Sampler, seconds: float, every: float) -> list[Sample]:
    """The samples of one life of the web process, from when everybody has joined."""
    await pages.until(lambda page: page.joined)
    began, samples = time.monotonic(), list[Sample]()
    while time.monotonic() - began < seconds:
        samples.append(await asyncio.to_thread(sampler.take, began))
        await asyncio.sleep(every)
    samples.append(await asyncio.to_thread(sampler.take, began))
    return samples


async def watch_long(
    web: WebProcess, pages: Viewers, writer: Sequence[object], options: argparse.Namespace
) -> tuple[list[list[Sample]], list[str]]:
    """All lives of the web process, and what is wrong."""
    lines, sampler, lives = run_program("lines", *writer), Sampler(web), list[list[Sample]]()
    pages.start()
    until = time.monotonic() + options.minutes * 60
    while (left := until - time.monotonic()) > 0:
        life = await live_once(pages, sampler, min(left, options.restart * 60), options.every)
        print(f"  {life[-1].at:6.0f} s: {life[-1].megabytes:.0f} MB", file=sys.stderr, flush=True)
        lives.append(life)
        if until - time.monotonic() > 0:
            await asyncio.to_thread(web.stop)
            await asyncio.to_thread(web.start)
    lines.terminate()
    last = int(await wait_quietly(lines))
    faults = list[str]()
    try:
        await pages.until(lambda page: page.last == last, 60)
    except TimeoutError:
        faults.append(f"{pages.count(lambda page: page.last != last)} viewers never got the last line")
    await pages.stop()
    return lives, faults


def show(lives: Sequence[Sequence[Sample]]) -> None:
    """Each life of the web process: a tenth after its start, and its end."""
    names = f"{'life':>5}{'seconds':>9}{'MB':>8}{'MB at end':>11}{'ratio':>7}"
    print(f"{names}{'sessions':>14}{'Redis clients':>15}")
    for number, life in enumerate(lives, 1):
        first, last = life[len(life) // 10], life[-1]
        most = max(sample.sessions for sample in life)
        print(
            f"{number:5}{last.at:9.0f}{first.megabytes:8.1f}{last.megabytes:11.1f}"
            f"{last.megabytes / first.megabytes:7.2f}{last.sessions:6} ≤ {most:<5}{last.clients:15}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; exit code 1 when a line was missed or repeated, or something still reads."""
    parser = argparse.ArgumentParser(prog="./panel bench soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--restart", type=float, default=10, help="minutes between two restarts")
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20, help="lines a second")
    parser.add_argument("--every", type=float, default=5, help="seconds between two samples")
    with new_panel():
        return run_in_panel(parser.parse_args(arguments))


def run_in_panel(options: argparse.Namespace) -> int:
    """Makes a cutover with a running attempt, and watches it."""
    from django.db import connection

    from checklists.states import AttemptStatus
    from tests.checklists.histories import ended, make_cutover

    cutover = make_cutover("announced")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    cookies, watch = make_viewers(cutover, options.viewers), Watch()
    connection.close()
    path = f"/cutovers/{cutover.slug}/stream/?log={attempt.pk}&after=0"
    writer = [servers.POSTGRES.url("cutover"), servers.VALKEY.url, cutover.pk, attempt.pk, options.rate]
    with closing(WebProcess().start()) as web:
        pages = Viewers([LogViewer("127.0.0.1", web.port, path, cookie, watch) for cookie in cookies])
        lives, faults = asyncio.run(watch_long(web, pages, writer, options))
        faults += left_behind(redis.Redis.from_url(servers.VALKEY.url))
    show(lives)
    for count, what in ((watch.repeated, "lines came twice"), (watch.gaps, "lines never came")):
        faults += [f"{count} {what}"] if count else []
    print(f"{len(watch.delays):,} lines delivered; {watch.refused} streams refused at first")
    print("".join(f"WRONG: {fault}\n" for fault in faults), end="")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
