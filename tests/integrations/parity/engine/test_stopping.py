"""Ctrl-C ends the sessions on the servers, and says that there is no result."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from integrations.errors import Unreachable
from integrations.parity.__main__ import COULD_NOT
from integrations.parity.compare import Options, compare_live
from integrations.parity.snapshot import Server
from tests.integrations.parity.conftest import Pair

ROOT = Path(__file__).parents[3]
SESSIONS = (
    "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'parity'"
)
AT_WORK = f"{SESSIONS} and state = 'active'"


def count(url: str, question: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
        return int(row[0])


def wait_for(url: str, question: str, number: int) -> None:
    until = time.monotonic() + 60
    while count(url, question) != number:
        assert time.monotonic() < until, f"not {number} within a minute: {question}"
        time.sleep(0.05)


@pytest.mark.slow
def test_control_c_ends_what_the_servers_do_for_us(pair: Pair) -> None:
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
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        for side in (pair.source, pair.target):
            wait_for(side.url, AT_WORK, 1)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (COULD_NOT, "")
    assert "Stopped" in said
    assert "Traceback" not in said
    for side in (pair.source, pair.target):
        wait_for(side.url, SESSIONS, 0)


def test_a_side_that_cannot_be_reached_leaves_no_session_on_the_other(pair: Pair) -> None:
    nobody = Server.at("postgresql://nobody@127.0.0.1:1/nothing")
    for sides in ((pair.source.server, nobody), (nobody, pair.source.server)):
        with pytest.raises(Unreachable, match="nothing cannot be reached"):
            compare_live(*sides, Options())
    wait_for(pair.source.url, SESSIONS, 0)
