"""A comparison that ends before its time tells what it found, and a later one goes on from there."""

from __future__ import annotations

import errno
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from integrations.parity.__main__ import COULD_NOT, DIFFERENT, main
from integrations.parity.engine.pass_journal import PassJournal
from integrations.parity.engine.recheck import recheck
from integrations.parity.errors import ParityError
from integrations.parity.observer import ReadProgress
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.terminal import ProgressLine
from tests.integrations.parity.conftest import Pair

Text = pytest.CaptureFixture[str]
CHANGED_ROW = "WHERE &quot;id&quot; = &#x27;2&#x27;"


@pytest.fixture
def three(pair: Pair) -> Pair:
    """Tables a to c; one row of a differs."""
    pair.both(*(f"create table {name} (id int primary key, v text)" for name in "abc"),
              *(f"insert into {name} values (1, 'x'), (2, 'y')" for name in "abc"))  # fmt: skip
    pair.target.run("update a set v = 'z' where id = 2")
    return pair


def end_at(monkeypatch: pytest.MonkeyPatch, table: str, error: BaseException) -> None:
    """The command line meets this error when it begins with a table."""

    def told(self: ProgressLine, progress: ReadProgress) -> None:
        if (progress.table, progress.state) == (table, "reading"):
            raise error

    monkeypatch.setattr(ProgressLine, "table", told)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyboardInterrupt(), "it was stopped"),
        (ParityError("The pooler went away."), "The pooler went away."),
    ],
)
def test_what_was_found_before_the_end_is_told(
    three: Pair,
    error: BaseException,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Text,
) -> None:
    end_at(monkeypatch, "c", error)
    page = tmp_path / "page.html"
    assert main([three.source.url, three.target.url, "--html", str(page)]) == DIFFERENT
    told = capsys.readouterr().out
    assert "a: 1 changed" in told
    assert f"Not all of it was compared: after 2 tables it ended: {words}" in told
    assert CHANGED_ROW in page.read_text()
    assert main([three.source.url, three.target.url, "--json"]) == DIFFERENT
    facts = json.loads(capsys.readouterr().out)
    assert [table["table"] for table in facts["tables"]] == ["a", "b"]
    assert not facts["equal"]


def test_nothing_is_called_equal_by_a_part(
    three: Pair, monkeypatch: pytest.MonkeyPatch, capsys: Text
) -> None:
    three.both("delete from a")
    end_at(monkeypatch, "c", KeyboardInterrupt())
    assert main([three.source.url, three.target.url]) == COULD_NOT
    assert capsys.readouterr().out.startswith("Could not compare all of it: 2 tables")


def test_a_recheck_goes_on_where_a_pass_was_stopped(
    three: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Text
) -> None:
    file, sides = tmp_path / "pass.json", (three.source.url, three.target.url)
    with monkeypatch.context() as patched:
        end_at(patched, "c", KeyboardInterrupt())
        assert main([*sides, "--keep-pass", str(file)]) == DIFFERENT
    assert f"--resume {file} goes on from there" in capsys.readouterr().out
    three.target.run("update a set v = 'y' where id = 2", "update c set v = 'w' where id = 1")
    result = recheck(three.source.server, three.target.server, file, ComparisonOptions())
    assert [(table.table, table.mode, table.changed) for table in result.tables] == [
        ("a", "recheck", 0), ("b", "recheck", 0), ("c", "full", 1)
    ]  # fmt: skip


def test_an_older_pass_is_not_taken_for_the_one_that_was_stopped(
    three: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Text
) -> None:
    """It ended with the first table: nothing was kept this time."""
    file = tmp_path / "pass"
    assert main([three.source.url, three.target.url, "--keep-pass", str(file)]) == DIFFERENT
    older = file.read_bytes()
    capsys.readouterr()
    end_at(monkeypatch, "a", KeyboardInterrupt())
    assert main([three.source.url, three.target.url, "--keep-pass", str(file)]) == COULD_NOT
    told = capsys.readouterr()
    assert "goes on from there" not in told.out + told.err
    assert file.read_bytes() == older


def no_room(*_: Any) -> str:
    raise OSError(errno.ENOSPC, "No space left on device")


class FullDisk(io.StringIO):
    """Takes what is written, and finds no room when it has to keep it."""

    def flush(self) -> None:
        no_room()


def test_a_full_disk_costs_the_pass_and_not_the_result(
    three: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Text
) -> None:
    monkeypatch.setattr(PassJournal, "_write_line", no_room)
    file = tmp_path / "pass.json"
    assert main([three.source.url, three.target.url, "--keep-pass", str(file)]) == COULD_NOT
    told = capsys.readouterr()
    assert "a: 1 changed" in told.out
    assert f"The pass could not be kept in {file}: No space left on device." in told.err


def test_output_that_finds_no_room_costs_the_page_nothing(
    three: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", FullDisk())
        assert main([three.source.url, three.target.url, "--html", str(page)]) == COULD_NOT
    assert CHANGED_ROW in page.read_text()


def test_a_page_that_finds_no_room_costs_the_output_nothing(three: Pair, capsys: Text) -> None:
    assert main([three.source.url, three.target.url, "--html", "/dev/full"]) == COULD_NOT
    told = capsys.readouterr()
    assert "a: 1 changed" in told.out
    assert "No space left" in told.err
