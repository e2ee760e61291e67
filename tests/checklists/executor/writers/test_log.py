"""Lines are masked and stored whole; whether a piece of a line goes on is told beside its text."""

from __future__ import annotations

import json
import os
import threading
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from checklists.executor.process.action_process import PipeReport
from checklists.executor.process.child import Channel
from checklists.executor.timings import LOG_BATCH
from checklists.executor.writers import log
from checklists.executor.writers.log import CONTINUED, LogWriter
from integrations.redact import MASK, Redactor
from integrations.storable_values import LONGEST_TEXT, make_storable
from tests.checklists.executor.actions import HOSTILE_TEXT

SECRET = "Zq9rT4mKe7PwX2vB"


class Pipe:
    """The action's end of the pipe to its guard; here the guard takes each message at once."""

    def __init__(self, writer: LogWriter) -> None:
        self.writer = writer

    def send_line(self, piece: str, stream: str, *, more: bool) -> None:
        self.writer.add(piece, stream=stream, more=more)


def make_report(*secrets: str) -> tuple[PipeReport, LogWriter]:
    writer = LogWriter(uuid4(), 1, 1, Redactor(secrets), None)
    return PipeReport(Pipe(writer), None, ""), writer


def test_lines_that_end_like_the_mark_of_a_piece_are_all_kept() -> None:
    report, writer = make_report()
    for line in ("first …+", "second", "the last words …+"):
        report.log(line)
    assert writer.waiting == ["first …+", "second", "the last words …+"]


def test_a_line_of_another_output_in_the_middle_of_a_secret_does_not_show_it() -> None:
    report, writer = make_report(SECRET)
    report.log("x" * 1_000_000 + SECRET[:8], stream="1 stdout", more=True)
    report.log("some warning", stream="1 stderr")
    report.log(SECRET[8:] + " end", stream="1 stdout")
    text = "".join(line.removesuffix(CONTINUED) for line in writer.waiting if line != "some warning")
    assert text == "x" * 1_000_000 + f"{MASK} end"
    assert "some warning" in writer.waiting
    assert max(map(len, writer.waiting)) <= 16 * 1024 + len(CONTINUED)


def test_a_secret_with_an_unusual_end_of_line_inside_is_masked() -> None:
    for end in ("\x0b", "\x1c", "\x85", "\u2028"):
        report, writer = make_report(f"abc{end}defgh")
        report.log(f"it is abc{end}defgh there\r\nnext")
        assert writer.waiting == [f"it is {MASK} there", "next"]


def test_what_a_killed_action_had_begun_to_say_is_kept() -> None:
    report, writer = make_report(SECRET)
    report.log(f"the cause is {SECRET}", stream="1 stdout", more=True)
    assert writer.waiting == []
    writer.end_lines()
    assert writer.waiting == [f"the cause is {MASK}"]


class Kept:
    """A spool in memory: (number, text) of each line that it was given."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def add(self, first: int, texts: list[str]) -> None:
        self.lines += enumerate(texts, first)

    def clear(self) -> None:
        """It stays for the test to read."""


class Database:
    """A cursor of a database that takes every batch, and counts its lines."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is open."""

    def execute(self, statement: str, values: dict[str, Any]) -> None:
        self.rowcount = len(json.loads(values["texts"]))
        self.batches.append(self.rowcount)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    made = Database()
    monkeypatch.setattr(log, "connection", SimpleNamespace(cursor=lambda: made))
    return made


def make_writer(lines: int) -> LogWriter:
    _, writer = make_report()
    writer.spool, writer.announcer = Kept(), SimpleNamespace(announce=lambda what: None)
    for number in range(1, lines + 1):
        writer.add(f"line {number}")
    return writer


def test_a_fast_stream_is_written_in_whole_batches(database: Database) -> None:
    writer = make_writer(3 * LOG_BATCH + 7)
    writer.flush()
    assert database.batches == [LOG_BATCH] * 3  # the rest may become a batch
    writer.flush(everything=True)
    assert database.batches[3:] == [7]


def test_a_round_ends_in_time_for_the_lease(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LOG_FLUSH_SECONDS", -1.0)
    make_writer(3 * LOG_BATCH).flush()
    assert database.batches == [LOG_BATCH]


def test_long_lines_are_written_in_batches_that_take_no_long_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "LOG_BATCH_CHARACTERS", 20)  # “line 1” has six
    writer = make_writer(7)
    writer.add("a line that is longer than all of a batch may be")
    writer.flush(everything=True)
    assert database.batches == [3, 3, 1, 1]


def test_the_spool_is_given_each_line_once_with_its_number(database: Database) -> None:
    writer = make_writer(LOG_BATCH + 7)
    writer.flush()
    writer.add(f"line {LOG_BATCH + 8}")
    writer.save()
    writer.flush(everything=True)
    assert writer.spool.lines == [(n, f"line {n}") for n in range(1, LOG_BATCH + 9)]


@pytest.mark.parametrize(
    "text", [HOSTILE_TEXT, "\0", '"\\', "é\u2028😀", "", "x" * (LONGEST_TEXT + 1)], ids=ascii
)
def test_a_line_is_sent_as_every_other_message(text: str) -> None:
    up, sent = os.pipe()
    channel, read = Channel(sent, -1), b""
    sender = threading.Thread(target=lambda: channel.send_line(text, "1 stdout", more=True))
    sender.start()
    while not read.endswith(b"\n"):
        read += os.read(up, 1 << 16)
    sender.join()
    os.close(up)
    os.close(sent)
    assert json.loads(read) == make_storable({"log": [text, "1 stdout", True]})
