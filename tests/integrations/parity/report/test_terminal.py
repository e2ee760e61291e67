"""A terminal shows one line that moves; a file or a pipe gets only lines that stay."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from integrations.parity.personal import Personal
from integrations.parity.report import facts_of
from integrations.parity.result import Example, Result, TableResult
from integrations.parity.terminal import ROWS, Live, text
from integrations.parity.watch import TableProgress
from tests.integrations.parity.conftest import Pair

ROOT = Path(__file__).parents[3]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_moving_line_says_table_pages_rate_and_time_left() -> None:
    screen = Terminal()
    live = Live(screen)
    live.progress(1, 4, "")
    live.table(TableProgress("donations", "reading", 1000, 250, 4000, 2.0, 6.0))
    assert "25 %  donations: reading · 250 of 1,000 pages · 1 MB/s · 6 s left" in screen.getvalue()
    live.clear()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_a_pipe_gets_no_moving_line() -> None:
    pipe = io.StringIO()
    live = Live(pipe)
    live.table(TableProgress("donations", "reading"))
    live.log("donations: equal")
    live.clear()
    assert pipe.getvalue() == "donations: equal\n"


def test_many_rows_are_counted_and_not_all_printed() -> None:
    rows = [Example({"id": str(n)}, "missing", {"id": [str(n), None]}) for n in range(ROWS + 5)]
    table = TableResult("t", missing=50, examples=rows)
    result = Result("live", {}, {}, tables=[table])
    said = text(facts_of(result, {}, Personal(), 1000))
    assert said.count("] missing:") == ROWS
    assert "t: and 30 rows more" in said


def test_a_row_that_one_side_lacks_is_shown_as_the_other_has_it() -> None:
    rows = [
        Example({"id": "1"}, "missing", {"v": ["x", None]}),
        Example({"id": "2"}, "extra", {"v": [None, None]}),
        Example({"id": "3"}, "changed", {"v": ["x", None]}),
    ]
    table = TableResult("t", changed=1, missing=1, extra=1, examples=rows)
    said = text(facts_of(Result("live", {}, {}, tables=[table]), {}, Personal(), 10))
    assert "t [id=1] missing: v: 'x'\n" in said
    assert "t [id=2] extra: v: None\n" in said
    assert "t [id=3] changed: v: 'x' → None\n" in said


@pytest.mark.slow
def test_a_real_terminal_sees_the_comparison_move(pair: Pair) -> None:
    pair.both("create table t as select i as id, repeat('x', 200) as v from generate_series(1, 20000) i")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "integrations.parity", pair.source.url, pair.target.url]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, text=True, cwd=ROOT, timeout=120)
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    assert done.returncode == 0, seen
    assert b"\r" in seen
    assert b" %  t" in seen
