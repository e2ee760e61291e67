"""Pages with 500 items and 10,000 entries of the record: CPU time and queries, beside those of 50 items.

``./panel bench pages`` asks for every main page as a browser does, in this process. It fails when a page
needs more queries with 500 items than with 50; it is no timed test. ``written`` is the first request after
something was written: the rows of the board are read again. ``drawn`` is that of a new process: all that is
kept in memory is thrown away before it. ``bare`` is the answer of a page without
content. ``--profile PAGE`` prints where the time of one page goes. ``--no-statistics`` asks as in the first
minute after a cutover was opened, before PostgreSQL's autovacuum has been there.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.load.panel import new_panel, server_cpu_seconds
from tests.benchmarks.load.viewers import percentile

if TYPE_CHECKING:
    from django.test import Client

    from checklists.models import Cutover

SIZES = (50, 500)
ENTRIES = 20  # of the record, for each item: a night of 500 items has 10,000
LIMIT = 0.1  # seconds, of the 95th percentile: marked in the table, no failure
#: Name → address behind that of the cutover; one that begins with “/” is complete.
PAGES = {
    "overview": "",
    "wall": "?wall",
    "runbook": "runbook/",
    "item": "items/i0-0/",
    "gate": "gates/g0/",
    "status": "status/",
    "waiting for me": "/waiting/",
    "problems": "problems/",
    "record": "record/",
    "backups": "backups/",
    "parity": "parity/",
    "rollback": "rollback/",
    "people": "people/",
}


@dataclass
class Cost:
    """Of one page: seconds of CPU time, and the queries of one request while nothing is written."""

    seconds: list[float]
    drawn: list[float]
    of_server: float
    queries: int
    written: list[float] = field(default_factory=list)

    @property
    def most(self) -> float:
        """Seconds, 95 %."""
        return percentile(self.seconds, 0.95)


def forget_rows() -> None:
    """Throws away what pages keep until something is written."""
    from checklists.board.kept_rows import kept_rows

    kept_rows.cache_clear()


def forget() -> None:
    """Throws away all that pages keep in memory because nothing of it changed."""
    from checklists import phase_graph
    from checklists.board import kept_rows
    from checklists.timeline import drawing
    from checklists.views import overview_rows, record_link, runbook_phase, runbook_row, task_row

    of_views = (overview_rows, record_link, runbook_phase, runbook_row, task_row)
    for module in (kept_rows, phase_graph, drawing, *of_views):
        for kept in vars(module).values():
            if hasattr(kept, "cache_clear") and not isinstance(kept, type):
                kept.cache_clear()


def cost_of(ask: Callable[[], object], times: int) -> Cost:
    """What a page costs; the first requests are left out."""
    from django.db import connection

    asked = list[str]()

    def count(execute: Callable[..., object], sql: str, *rest: object) -> object:
        asked.append(sql)
        return execute(sql, *rest)

    for _ in range(2):
        ask()
    with connection.execute_wrapper(count):
        ask()
    found = Cost([], [], 0.0, len(asked))
    few = max(3, times // 5)
    served = server_cpu_seconds()
    repeat(ask, times, found.seconds, lambda: None)
    found.of_server = (server_cpu_seconds() - served) / times
    repeat(ask, few, found.written, forget_rows)
    repeat(ask, few, found.drawn, forget)
    return found


def repeat(ask: Callable[[], object], times: int, found: list[float], before: Callable[[], None]) -> None:
    """Adds the seconds of CPU time of so many requests; ``before`` each of them, which does not count."""
    for _ in range(times):
        before()
        began = time.process_time()
        ask()
        found.append(time.process_time() - began)


def asker(client: Client, address: str) -> Callable[[], object]:
    """A request that has to be answered with a page."""

    def ask() -> object:
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        return answer.content

    return ask


def write_record(cutover: Cutover, entries: int) -> None:
    """A chain of that many entries, as notes leave them."""
    from django.db import transaction

    from checklists.models import AuditEntry
    from tests.checklists.histories import person

    ama = person("ama")
    with transaction.atomic():
        for number in range(entries):
            AuditEntry.objects.append(
                cutover, "item.noted", by=ama, item="i0-0", title="Item", text=f"Note {number}."
            )


def measure(items: int, times: int, only: str, statistics: bool) -> tuple[dict[str, Cost], float]:
    """Each page of a night of that size, and seconds of a bare page."""
    from django.test import Client
    from django.utils import timezone

    from checklists.models import Cutover
    from cutover.garbage import spare_imports
    from tests.by_hand import by_hand
    from tests.checklists.histories import person
    from tests.checklists.sized import analyze, make_busy_night

    spare_imports()  # as the web process does
    with by_hand():  # *Waiting for me* reads every open cutover
        Cutover.objects.update(status="ABANDONED", closed_at=timezone.now())
    cutover = make_busy_night(items)
    write_record(cutover, items * ENTRIES)
    if statistics:
        analyze()
    ama, base = Client(SERVER_NAME="localhost"), cutover.get_absolute_url()
    ama.force_login(person("ama"), backend="django.contrib.auth.backends.ModelBackend")
    bare = percentile(cost_of(asker(ama, "/health/live"), times).seconds, 0.5)
    found = {}
    for name, path in PAGES.items():
        if only in ("", name):
            print(f"  {items} items: {name}", file=sys.stderr, flush=True)
            found[name] = cost_of(asker(ama, path if path.startswith("/") else base + path), times)
    return found, bare


def print_profile(name: str, items: int) -> None:
    """The functions in which one page spends its time."""
    from django.test import Client

    from tests.checklists.histories import person
    from tests.checklists.sized import analyze, make_busy_night

    cutover, ama = make_busy_night(items), Client(SERVER_NAME="localhost")
    write_record(cutover, items * ENTRIES)
    analyze()
    ama.force_login(person("ama"), backend="django.contrib.auth.backends.ModelBackend")
    path = PAGES[name]
    ask = asker(ama, path if path.startswith("/") else cutover.get_absolute_url() + path)
    for _ in range(2):
        ask()
    profile = cProfile.Profile()
    for _ in range(10):
        profile.runcall(ask)
    statistics = pstats.Stats(profile)
    statistics.sort_stats("cumulative").print_stats(60)
    statistics.sort_stats("tottime").print_stats(35)


def print_table(small: dict[str, Cost], large: dict[str, Cost], bare: float) -> int:
    """One line for each page; gives the number of pages whose queries grow with the runbook."""
    wrong = 0
    names = ("median", "95 %", "written", "drawn", "server", "× bare")
    print(
        f"{'milliseconds of CPU time':24} {''.join(f'{name:>8}' for name in names)}{'× 50':>7}{'queries':>9}"
    )
    for name, cost in large.items():
        few, median = small[name], percentile(cost.seconds, 0.5)
        grows = few.queries != cost.queries
        wrong += grows
        note = f"  GROWS: {few.queries} with 50 items" if grows else ""
        note += "  over 100 ms" if cost.most >= LIMIT else ""
        written = percentile(cost.written, 0.5) if cost.written else 0.0
        times = [median, cost.most, written, percentile(cost.drawn, 0.5), cost.of_server]
        ratios = f"{median / bare:8.0f}{median / percentile(few.seconds, 0.5):7.1f}"
        values = "".join(f"{one * 1000:8.1f}" for one in times)
        print(f"{name:24} {values}{ratios}{cost.queries:9}{note}")
    return wrong


def main() -> int:
    """Prints the table; exit code 1 when the queries of a page grow with the runbook."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=40, help="requests for each page")
    parser.add_argument("--page", default="", choices=["", *PAGES])
    parser.add_argument("--profile", default="", choices=["", *PAGES])
    parser.add_argument("--no-statistics", action="store_true")
    arguments = parser.parse_args()
    with new_panel():
        if arguments.profile:
            print_profile(arguments.profile, SIZES[1])
            return 0
        (small, _), (large, bare) = (
            measure(items, arguments.times, arguments.page, not arguments.no_statistics) for items in SIZES
        )
        return int(print_table(small, large, bare) > 0)


if __name__ == "__main__":
    sys.exit(main())
