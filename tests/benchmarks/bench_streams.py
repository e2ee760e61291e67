"""Live logs: how late lines are for many viewers of one web process, beside a bare program that sends them.

``./panel bench streams`` opens 500 pages at once, writes 20 lines a second, restarts the web process under
them, and closes them. It fails when a viewer misses a line or gets one twice, or when something goes on
reading after the last page was closed. It is no timed test: times depend on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import json
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import psutil

from tests import servers
from tests.benchmarks.load.panel import WebProcess, make_viewers, new_panel, server_cpu_seconds
from tests.benchmarks.load.viewers import LogViewer, Viewers, Watch, percentile
from tests.ports import free_port

HERE = Path(__file__).parent / "load"
FIELDS = ("median", "95 %", "99 %", "most")
PARTS = (0.5, 0.95, 0.99, 1.0)


@dataclass
class Findings:
    """What was measured: rows of the table, and what must not be."""

    rows: list[tuple[str, list[float], str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, values: list[float], note: str = "") -> None:
        """A row of delays in seconds."""
        print(f"  {name}: {len(values)} {note}", file=sys.stderr, flush=True)
        self.rows.append(
            (name, [percentile(values, part) for part in PARTS], f"{len(values):,} {note}".strip())
        )

    def print(self, beside: list[float]) -> None:
        """The table, each row beside the bare server's 99 %."""
        bare = percentile(beside, 0.99) or 1.0
        print(f"{'seconds':44}" + "".join(f"{name:>9}" for name in FIELDS) + f"{'99 % × bare':>13}")
        for name, values, note in self.rows:
            print(f"{name:44}" + "".join(f"{v:9.3f}" for v in values) + f"{values[2] / bare:13.1f}  {note}")


def run_program(name: str, *arguments: object) -> subprocess.Popen[str]:
    """Starts one of the small programs in `load`; it ends with this process at the latest."""
    argv = [sys.executable, str(HERE / f"{name}.py"), *map(str, arguments)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    return process


async def wait_quietly(process: subprocess.Popen[str]) -> str:
    """What a program printed, without standing still meanwhile."""
    return (await asyncio.to_thread(process.communicate))[0]


async def measure_bare(count: int, rate: float, seconds: float, found: Findings) -> list[float]:
    """The delays of the bare server after all have joined."""
    port = free_port()
    server = run_program("bare_streams", port, rate)
    await asyncio.sleep(1)
    watch = Watch()
    pages = Viewers([LogViewer("127.0.0.1", port, "/", "", watch) for _ in range(count)])
    asked = time.monotonic()
    pages.start()
    joined = await pages.until(lambda page: page.joined)
    used = psutil.Process(server.pid).cpu_times()
    await asyncio.sleep(seconds)
    after = psutil.Process(server.pid).cpu_times()
    await pages.stop()
    server.terminate()
    server.wait()
    delays = watch.between(joined + 0.5, joined + seconds)
    cpu = (after.user + after.system - used.user - used.system) / seconds
    found.add(
        "bare server, everybody joined", delays, f"lines; CPU {cpu:.0%}; all joined in {joined - asked:.2f} s"
    )
    return delays


@dataclass
class PanelUnderLoad:
    """The panel with its viewers, its writer, and another person who opens pages."""

    web: WebProcess
    pages: Viewers
    watch: Watch
    found: Findings
    other: list[tuple[float, float, int]] = field(default_factory=list)

    def add(self, name: str, begin: float, end: float, note: str = "") -> None:
        """A row of the lines that arrived in that time, and one of the pages that were asked in it."""
        self.found.add(f"{name}: lines", self.watch.between(begin, end), note)
        self.parts.append((name, begin, end))

    parts: list[tuple[str, float, float]] = field(default_factory=list)

    async def join(self) -> None:
        """All pages are opened at once, while lines are written."""
        began, used, database = time.monotonic(), self.web.cpu_seconds(), server_cpu_seconds()
        self.pages.start()
        joined = await self.pages.until(lambda page: page.joined)
        caught_up = await self.pages.until(lambda page: page.newest > joined)
        self.add("while all join", began, caught_up, f"lines; all joined in {joined - began:.1f} s")
        note = self._note_of_joins(used, database)
        self.found.add("while all join: from request to answer", [took for _, took in self.watch.joins], note)

    def _note_of_joins(self, used: float, database: float) -> str:
        """``used``, ``database``: seconds of CPU time before the first of them."""
        each = 1000 / len(self.pages.viewers)
        cpu = (self.web.cpu_seconds() - used) * each, (server_cpu_seconds() - database) * each
        return f"joins; CPU of each {cpu[0]:.1f} ms, PostgreSQL {cpu[1]:.1f} ms, with the lines of that time"

    async def stay(self, seconds: float) -> None:
        """Nobody comes or goes."""
        began, used, database = time.monotonic(), self.web.cpu_seconds(), server_cpu_seconds()
        await asyncio.sleep(seconds)
        cpu = (self.web.cpu_seconds() - used) / seconds
        beside = (server_cpu_seconds() - database) / seconds
        self.add(
            "after all joined", began, time.monotonic(), f"lines; CPU {cpu:.0%}, PostgreSQL {beside:.0%}"
        )

    async def restart(self) -> None:
        """The web process is stopped and started, and everybody comes back by themselves."""
        self.watch.joins.clear()
        stopped = time.monotonic()
        await asyncio.to_thread(self.web.stop)
        await asyncio.to_thread(self.web.start)
        back, used, database = time.monotonic(), self.web.cpu_seconds(), server_cpu_seconds()
        joined = await self.pages.until(lambda page: page.joined)
        caught_up = await self.pages.until(lambda page: page.newest > joined)
        note = f"lines; away {back - stopped:.1f} s, all back {joined - back:.1f} s later"
        # A line that was written while the process was away is late from the moment at which it is back.
        late = [min(delay, at - back) for at, delay in self.watch.delays if back <= at < caught_up]
        self.found.add("while all reconnect: lines", late, note)
        self.parts.append(("while all reconnect", back, caught_up))
        note = self._note_of_joins(used, database)
        self.found.add("while all reconnect: request to answer", [took for _, took in self.watch.joins], note)

    def add_pages(self) -> None:
        """The rows of the other person's pages."""
        for name, begin, end in self.parts:
            took = [seconds for at, seconds, status in self.other if begin <= at < end and status == 200]
            self.found.add(f"{name}: another person's pages", took, "pages")
        wrong = [status for _, _, status in self.other if status not in (0, 200)]
        if wrong:
            self.found.faults.append(f"pages answered {sorted(set(wrong))}")


async def measure_panel(
    load: PanelUnderLoad, writer: list[object], asked: list[object], seconds: float
) -> None:
    """Everything in order. ``writer``, ``asked``: the arguments of the two programs beside it."""
    lines, pages = run_program("lines", *writer), run_program("pages", load.web.port, *asked)
    await asyncio.sleep(2)  # lines are written by now
    await load.join()
    await load.stay(seconds)
    await load.restart()
    pages.terminate()
    load.other = [tuple(one) for one in json.loads(await wait_quietly(pages))]
    lines.terminate()
    last = int(await wait_quietly(lines))
    try:
        await load.pages.until(lambda page: page.last == last, 20)
    except TimeoutError:
        behind = load.pages.count(lambda page: page.last != last)
        load.found.faults.append(f"{behind} viewers never got the last line")
    await load.pages.stop()
    load.add_pages()
    watch = load.watch
    for count, what in ((watch.repeated, "lines came twice"), (watch.gaps, "lines never came")):
        if count:
            load.found.faults.append(f"{count} {what}")
    if watch.refused:
        load.found.rows.append(("streams that were refused at first", [0.0] * 4, f"{watch.refused}"))


def left_behind(client: object, seconds: float = 4.0) -> list[str]:
    """What goes on after the last page was closed: a subscription, or reads of the database."""
    from django.db import connection

    def count_reads() -> int:
        with connection.cursor() as cursor:
            cursor.execute(READS)
            return int(cursor.fetchone()[0])

    time.sleep(2.5)
    faults = [] if not client.pubsub_numpat() else ["the web process still listens to Redis"]
    before = count_reads()
    time.sleep(seconds)
    if count_reads() > before:
        faults.append("the web process still reads the database")
    return faults


#: Of every session that the panel's own role opened. A read of the hub opens one and closes it.
READS = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"


def main() -> int:
    """Prints the table; exit code 1 when a line was missed or repeated, or something still reads."""
    parser = argparse.ArgumentParser(prog="./panel bench streams", description=__doc__)
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--rate", type=float, default=20, help="lines a second")
    parser.add_argument("--seconds", type=float, default=20, help="of the measurement after all have joined")
    options = parser.parse_args()
    found = Findings()
    bare = asyncio.run(measure_bare(options.viewers, options.rate, options.seconds, found))
    with new_panel():
        run_in_panel(options, found)
    found.print(bare)
    print("".join(f"WRONG: {fault}\n" for fault in found.faults), end="")
    return int(bool(found.faults))


def run_in_panel(options: argparse.Namespace, found: Findings) -> None:
    """Makes a cutover with a running attempt, and measures."""
    import redis
    from django.db import connection

    from checklists.states import AttemptStatus
    from tests.checklists.histories import ended, make_cutover

    cutover = make_cutover("announced")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    *cookies, other = make_viewers(cutover, options.viewers + 1)
    connection.close()
    base, watch = f"/cutovers/{cutover.slug}/", Watch()
    with closing(WebProcess().start()) as web:
        pages = Viewers([
            LogViewer("127.0.0.1", web.port, f"{base}stream/?log={attempt.pk}&after=0", cookie, watch)
            for cookie in cookies
        ])  # fmt: skip
        writer = [servers.POSTGRES.url("cutover"), servers.VALKEY.url, cutover.pk, attempt.pk, options.rate]
        asked = [other, base, f"{base}runbook/", f"{base}record/"]
        load = PanelUnderLoad(web, pages, watch, found)
        asyncio.run(measure_panel(load, writer, asked, options.seconds))
        found.faults += left_behind(redis.Redis.from_url(servers.VALKEY.url))


if __name__ == "__main__":
    sys.exit(main())
