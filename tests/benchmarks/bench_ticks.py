"""Many people at once: how long it takes until all items are ticked, beside requests that do nothing.

``./panel bench ticks``: 20 leads tick 100 items of one cutover through one web process, five each, and every
form is sent twice at the same moment, as by an impatient finger. Then the same on another cutover, with
``CUTOVER_DATABASE_POOL=0``: what the pool of connections saves. It fails when an item was not ticked exactly
once, or the record does not verify. It is no timed test: times depend on the machine.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

import psutil

from tests import servers
from tests.benchmarks.load.panel import WebProcess, make_viewers, new_panel, server_cpu_seconds
from tests.benchmarks.load.viewers import percentile

if TYPE_CHECKING:
    from checklists.models import Cutover

TOKEN = "t" * 32
RUNBOOK = """
name: ticks
title: Ticks
timezone: UTC
systems: {}
roles: {lead: Lead}
seats: {technical: Technical, data: Data, finance: Finance}
phases:
  - key: one
    title: One
    items:
"""
ITEM = "      - {key: i%d, title: Item %d, kind: manual, owner: lead, how: Do it.}\n"


@dataclass
class Answers:
    """The seconds and the status of each request, and of all together."""

    each: list[tuple[float, int]] = field(default_factory=list)
    seconds: float = 0.0

    def describe(self, name: str, bare: Answers) -> str:
        """A row of the table."""
        took = [seconds for seconds, _ in self.each]
        counted = Counter(status for _, status in self.each)
        statuses = ", ".join(f"{count} × {status}" for status, count in sorted(counted.items()))
        numbers = (self.seconds, percentile(took, 0.5), percentile(took, 0.95), max(took))
        ratio = self.seconds / len(self.each) / (bare.seconds / len(bare.each))
        return f"{name:24}" + "".join(f"{number:10.3f}" for number in numbers) + f"{ratio:10.1f}  {statuses}"


def make_runbook(items: int) -> str:
    """One phase with so many manual items, none of which needs another."""
    return RUNBOOK + "".join(ITEM % (number, number) for number in range(items))


def send(port: int, cookie: str, method: str, path: str) -> tuple[float, int]:
    """One request on a connection of its own; gives its seconds and its status."""
    began = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        headers = {"Host": "localhost", "Cookie": f"{cookie}; csrftoken={TOKEN}", "X-CSRFToken": TOKEN}
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return time.monotonic() - began, answer.status


def at_once(people: int, work: Sequence[Callable[[], tuple[float, int]]]) -> Answers:
    """Does all of it, as many at the same time as there are people."""
    began = time.monotonic()
    with ThreadPoolExecutor(people) as threads:
        each = list(threads.map(lambda one: one(), work))
    return Answers(each, time.monotonic() - began)


def tick_all(cutover: Cutover, port: int, cookies: Sequence[str], items: int) -> Answers:
    """Every item, by one of the people, with a second request for the same at the same moment."""
    work = []
    for number in range(items):
        path = f"/cutovers/{cutover.slug}/items/i{number}/tick/"
        work += 2 * [partial(send, port, cookies[number % len(cookies)], "POST", path)]
    return at_once(2 * len(cookies), work)


def what_is_wrong(cutover: Cutover, items: int) -> list[str]:
    """What the database holds, beside what was done."""
    from checklists.models import AuditEntry, Tick
    from checklists.record import chain

    ticks = Counter(Tick.objects.filter(item__cutover=cutover).values_list("item__key", flat=True))
    entries = AuditEntry.objects.filter(cutover=cutover, kind="item.ticked").count()
    faults = [f"{key} was ticked {count} times" for key, count in ticks.items() if count != 1]
    faults += [f"{len(ticks)} of {items} items are ticked"] if len(ticks) != items else []
    faults += [f"the record has {entries} ticks"] if entries != items else []
    verdict = chain.verify(cutover)
    return faults if verdict.ok else [*faults, f"the record does not verify: {verdict.why}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; exit code 1 when an item was not ticked exactly once."""
    parser = argparse.ArgumentParser(prog="./panel bench ticks", description=__doc__)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--items", type=int, default=100)
    options = parser.parse_args(arguments)
    servers.POSTGRES.fsync = True  # what was answered survives the machine
    with new_panel():
        return run_in_panel(options.people, options.items)


def run_in_panel(people: int, items: int) -> int:
    """Measures, and looks at what the database holds."""
    print(f"{psutil.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; {people} people, {items} items")
    print(f"{'seconds':24}" + "".join(f"{name:>10}" for name in ("all", "median", "95 %", "most", "× bare")))
    kept, faults = run_once(people, items, {})
    opened, more = run_once(people, items, {"CUTOVER_DATABASE_POOL": "0"})
    for name, some, all_ in zip(("PostgreSQL", "the web process"), kept, opened, strict=True):
        print(f"CPU of {name}: {some:.1f} s, without the pool {all_:.1f} s: {all_ / some:.1f} times")
    print("".join(f"WRONG: {fault}\n" for fault in [*faults, *more]), end="")
    return int(bool(faults or more))


def run_once(people: int, items: int, environment: dict[str, str]) -> tuple[tuple[float, float], list[str]]:
    """The seconds of CPU of PostgreSQL and of the web process for all ticks, and what is wrong afterwards."""
    from django.db import connection

    from checklists.states import MemberPart
    from tests.checklists.histories import make_cutover

    cutover = make_cutover(text=make_runbook(items))
    cookies = make_viewers(cutover, people, MemberPart.LEAD)
    connection.close()
    with closing(WebProcess(environment).start()) as web:
        for cookie in cookies:  # compiles the templates, as on a panel that has run for a while
            send(web.port, cookie, "GET", f"/cutovers/{cutover.slug}/runbook/")
        live = [partial(send, web.port, cookies[0], "GET", "/health/live")] * (2 * items)
        bare = at_once(2 * people, live)
        before = server_cpu_seconds(), web.cpu_seconds()
        ticked = tick_all(cutover, web.port, cookies, items)
        used = server_cpu_seconds() - before[0], web.cpu_seconds() - before[1]
    print("Without the pool:" if environment else "With the pool:")
    print(bare.describe("a request for nothing", bare))
    print(ticked.describe("a tick, each sent twice", bare))
    return used, what_is_wrong(cutover, items)


if __name__ == "__main__":
    sys.exit(main())
