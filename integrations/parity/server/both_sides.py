"""Both sides at the same time: their snapshots, and queries that run in two threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any, TypeVar

from integrations.parity.server.snapshot import PostgresServer, Snapshot

First = TypeVar("First")
Second = TypeVar("Second")

POLL_SECONDS = 0.5  # between two calls of the function that cancels a comparison
CANCEL_SECONDS = 0.1  # between two cancels of what has to end

_pools = count(1)


@contextmanager
def open_snapshots(
    source: PostgresServer, target: PostgresServer, statement_timeout: int
) -> Iterator[tuple[Snapshot, Snapshot]]:
    """Snapshots of both sides, taken at the same time."""
    one, other = (Snapshot(side, statement_timeout=statement_timeout) for side in (source, target))
    sides = (one, other)
    with ThreadPoolExecutor(2, thread_name_prefix="parity") as pool:
        entered = [pool.submit(side.__enter__) for side in sides]
    with ExitStack() as stack:
        # Both calls have ended here. The one that succeeded must be closed even if the other one failed.
        for side, call in zip(sides, entered, strict=True):
            if call.exception() is None:
                stack.push(side)
        for call in entered:
            call.result()
        yield sides


def run_both(
    first: Snapshot,
    query_first: Callable[[], First],
    second: Snapshot,
    query_second: Callable[[], Second],
    check_cancelled: Callable[[], None] = lambda: None,
) -> tuple[First, Second]:
    """Runs both functions at the same time, each in a thread, and returns both answers.

    When one fails, or ``check_cancelled`` raises, the query of the other one is cancelled.
    """
    name = f"parity-{next(_pools)}"
    with ThreadPoolExecutor(2, thread_name_prefix=name) as pool:
        try:
            one, other = pool.submit(query_first), pool.submit(query_second)
            while _are_running(one, other):
                check_cancelled()
            if other.done():
                # Raises its error if it has one: the error of ``one`` may be only our own cancel.
                other.result()
            return one.result(), other.result()
        except BaseException:
            pool.shutdown(wait=False)
            _cancel_until_gone(name, first, second)
            raise


def _cancel_until_gone(threads: str, *snapshots: Snapshot) -> None:
    """Cancels what these threads run until they have ended: between two queries a cancel does nothing."""
    while any(thread.name.startswith(f"{threads}_") for thread in threading.enumerate()):
        for snapshot in snapshots:
            snapshot.cancel()
        time.sleep(CANCEL_SECONDS)


def _are_running(*calls: Future[Any]) -> bool:
    """Waits a moment; whether both calls still run or wait, and neither has failed."""
    unfinished = wait(calls, POLL_SECONDS, FIRST_EXCEPTION).not_done
    return bool(unfinished) and not any(call.done() and call.exception() for call in calls)


def query_both_snapshots(
    first: Snapshot, second: Snapshot, query: Callable[[Snapshot], First]
) -> tuple[First, First]:
    """The answers of both sides to the same query, run at the same time."""
    return run_both(first, lambda: query(first), second, lambda: query(second))
