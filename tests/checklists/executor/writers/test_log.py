"""Lines are masked and stored whole; whether a piece of a line goes on is told beside its text."""

from __future__ import annotations

from uuid import uuid4

from checklists.executor.process.action_process import PipeReport
from checklists.executor.writers.log import CONTINUED, LogWriter
from integrations.redact import MASK, Redactor

SECRET = "Zq9rT4mKe7PwX2vB"


class Pipe:
    """The action's end of the pipe to its guard; here the guard takes each message at once."""

    def __init__(self, writer: LogWriter) -> None:
        self.writer = writer

    def send(self, *, log: list[object]) -> None:
        piece, stream, more = log
        self.writer.add(str(piece), stream=str(stream), more=bool(more))


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
