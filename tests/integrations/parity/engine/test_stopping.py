"""Ctrl-C ends the sessions on the servers, and says that there is no result."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from integrations.parity.__main__ import COULD_NOT
from integrations.parity.engine.comparison import compare_live
from integrations.parity.errors import ServerUnreachable
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.both_sides import POLL_SECONDS, open_snapshots, run_both
from integrations.parity.server.snapshot import PostgresServer, Snapshot
from tests.integrations.parity.conftest import Pair
from tests.waiting import wait_for

ROOT = Path(__file__).parents[4]
SESSIONS = (
    "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'parity'"
)
AT_WORK = f"{SESSIONS} and state = 'active'"


def count(url: str, question: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question).fetchone()
        return int(row[0])


def wait_for_count(url: str, question: str, number: int) -> None:
    wait_for(lambda: count(url, question) == number, message=f"{number} sessions: {question}")


def test_control_c_ends_the_sessions_on_both_servers(pair: Pair) -> None:
    pair.both(
        "create view slow as select i as id, pg_sleep(0.02)::text as v from generate_series(1, 100000) i"
    )
    command = [
        sys.executable,
        "-m",
        "integrations.parity",
        pair.source.url,
        pair.target.url,
        "--view",
        "slow",
    ]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A shell's job in the background ignores Ctrl-C, and hands that down to what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        for side in (pair.source, pair.target):
            wait_for_count(side.url, AT_WORK, 1)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out) == (COULD_NOT, "")
    assert "Stopped" in said
    assert "Traceback" not in said
    for side in (pair.source, pair.target):
        wait_for_count(side.url, SESSIONS, 0)


@pytest.mark.timeout(60)
def test_a_cancel_that_comes_between_two_queries_ends_the_next_one(pair: Pair) -> None:
    between = threading.Event()

    def read(snapshot: Snapshot) -> None:
        between.set()
        time.sleep(3 * POLL_SECONDS)  # the cancel comes now, and finds nothing to cancel
        snapshot.connection.execute("select pg_sleep(600)")

    def stop() -> None:
        if between.is_set():
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        open_snapshots(pair.source.server, pair.target.server, 600) as (one, other),
    ):
        run_both(one, lambda: read(one), other, lambda: None, stop)
    wait_for_count(pair.source.url, SESSIONS, 0)


def test_a_side_that_cannot_be_reached_leaves_no_session_on_the_other(pair: Pair) -> None:
    nobody = PostgresServer.from_url("postgresql://nobody@127.0.0.1:1/nothing")
    for sides in ((pair.source.server, nobody), (nobody, pair.source.server)):
        with pytest.raises(ServerUnreachable, match="nothing cannot be reached"):
            compare_live(*sides, ComparisonOptions())
    wait_for_count(pair.source.url, SESSIONS, 0)
