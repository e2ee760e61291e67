"""A terminal shows a progress line; a file or a pipe gets only complete lines."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

from integrations.parity.model.personal import PersonalColumns
from integrations.parity.observer import ReadProgress
from integrations.parity.report.facts import build_facts
from integrations.parity.report.terminal import MAX_ROWS, ProgressLine, render_text
from integrations.parity.result import ComparisonResult, DifferingRow, TableResult
from tests.integrations.parity.conftest import Pair

ROOT = Path(__file__).parents[4]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_progress_line_shows_table_pages_rate_and_time_left() -> None:
    screen = Terminal()
    live = ProgressLine(screen)
    live.progress(1, 4, "")
    live.table(ReadProgress("donations", "reading", 1000, 250, 4000, 2.0, 6.0))
    assert "25 %  donations: reading · 250 of 1,000 pages · 1 MB/s · 6 s left" in screen.getvalue()
    live.clear()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_a_pipe_gets_no_progress_line() -> None:
    pipe = io.StringIO()
    live = ProgressLine(pipe)
    live.table(ReadProgress("donations", "reading"))
    live.log("donations: equal")
    live.clear()
    assert pipe.getvalue() == "donations: equal\n"


def test_many_rows_are_counted_and_not_all_printed() -> None:
    rows = [DifferingRow({"id": str(n)}, "missing", {"id": [str(n), None]}) for n in range(MAX_ROWS + 5)]
    table = TableResult("t", missing=50, examples=rows)
    result = ComparisonResult("live", {}, {}, tables=[table])
    said = render_text(build_facts(result, {}, PersonalColumns(), 1000))
    assert said.count("] missing:") == MAX_ROWS
    assert "t: and 30 rows more" in said


def test_a_row_that_one_side_lacks_is_shown_as_the_other_has_it() -> None:
    rows = [
        DifferingRow({"id": "1"}, "missing", {"v": ["x", None]}),
        DifferingRow({"id": "2"}, "extra", {"v": [None, None]}),
        DifferingRow({"id": "3"}, "changed", {"v": ["x", None]}),
    ]
    table = TableResult("t", changed=1, missing=1, extra=1, examples=rows)
    said = render_text(
        build_facts(ComparisonResult("live", {}, {}, tables=[table]), {}, PersonalColumns(), 10)
    )
    assert "t [id=1] missing: v: 'x'\n" in said
    assert "t [id=2] extra: v: None\n" in said
    assert "t [id=3] changed: v: 'x' → None\n" in said


def test_a_real_terminal_shows_the_progress(pair: Pair) -> None:
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
