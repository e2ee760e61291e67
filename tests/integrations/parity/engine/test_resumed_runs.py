"""A run that was stopped, killed or ran out of room goes on later, and says what it did not read again."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integrations.parity.engine.kept_pass import read_kept_pass
from integrations.parity.engine.pass_journal import path_while_written
from integrations.parity.engine.recheck import PassNotKept, compare_and_keep_pass, recheck
from integrations.parity.errors import ParityError
from integrations.parity.model.declared import parse_rules
from integrations.parity.observer import ComparisonObserver, ReadProgress
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import exit_code
from integrations.parity.result import ComparisonResult
from integrations.parity.server import server_state
from tests.integrations.parity.conftest import Pair, only, when
from tests.waiting import wait_for

ROOT = Path(__file__).parents[4]
#: Tables a to d: a differs, b has no key. Then a view that takes its time, in which a run is stopped.
TABLES = [
    *(f"create table {name} (id int primary key, v text)" for name in "acd"),
    "create table b (id int, v text)",
    *(f"insert into {name} select i, 'v' || i from generate_series(1, 2000) i" for name in "abcd"),
    "create view z as select i as id, pg_sleep(0.05)::text as v from generate_series(1, 2000) i",
]
#: A server notices only at the end of its statement that a client was killed.
KILL = (
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
    " where application_name = 'parity' and datname = current_database()"
)
VIEW = ComparisonOptions(views=("z",))


@pytest.fixture
def four(pair: Pair) -> Pair:
    pair.both(*TABLES)
    pair.target.run("update a set v = 'x' where id = 7")
    return pair


@pytest.fixture
def stopped(four: Pair, tmp_path: Path) -> Path:
    """A run that was stopped as it began with d."""

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep(four, tmp_path / "pass", when("d", "reading", stop))
    return tmp_path / "pass"


def keep(
    pair: Pair,
    file: Path,
    observer: ComparisonObserver | None = None,
    *,
    resume: bool = False,
    **more: Any,
) -> ComparisonResult:
    options = ComparisonOptions(**more)
    return compare_and_keep_pass(
        pair.source.server, pair.target.server, file, options, observer, resume=resume
    )[0]


def modes(result: ComparisonResult) -> dict[str, str]:
    return {
        table.table: "restored" if any("not read again" in note for note in table.notes) else table.mode
        for table in result.tables
    }


def restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as a comparison can see, the servers were started again."""
    query = server_state.IDENTITY.replace("pg_postmaster_start_time()::text", "'later'")
    monkeypatch.setattr(server_state, "IDENTITY", query)


def test_a_later_run_updates_what_it_can_and_says_what_it_did_not_read_again(
    four: Pair, stopped: Path
) -> None:
    four.both("update c set v = 'y' where id = 5", "delete from a where id = 7", "update b set v = 'y'")
    result = keep(four, stopped, resume=True)
    assert modes(result) == {"a": "recheck", "b": "restored", "c": "recheck", "d": "full"}
    assert [table.equal for table in result.tables] == [True] * 4
    (note,) = result.notes
    assert note.startswith("the tables were read in the snapshots of 2 runs between 2")
    assert "1 of them by an earlier run" in note
    assert only(result, "b").source_rows == 2000


def test_after_a_restart_only_equal_tables_are_not_read_again(
    four: Pair, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restart(monkeypatch)
    result = keep(four, stopped, resume=True)
    assert modes(result) == {"a": "full", "b": "restored", "c": "restored", "d": "full"}
    assert only(result, "a").examples[0].columns == {"v": ["v7", "x"]}
    assert "2 of them by an earlier run, and not again" in result.notes[0]
    assert "started again" in result.notes[0]
    assert not result.unsound


def test_what_was_restored_is_kept_once_more(
    four: Pair, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restart(monkeypatch)
    keep(four, stopped, resume=True)
    restart(monkeypatch)
    again = keep(four, stopped, resume=True)
    assert modes(again) == {"a": "recheck", "b": "restored", "c": "restored", "d": "recheck"}
    assert [note.count("not read again") for note in only(again, "c").notes] == [1]


def test_values_of_rows_are_not_in_the_file(four: Pair, stopped: Path) -> None:
    for line in stopped.read_text().splitlines()[1:]:
        kept = json.loads(line.partition(" ")[2])
        assert "x" not in str(kept["finished"]["facts"]).split("'")
        assert not {"examples", "repair"} & kept["finished"]["facts"].keys()
    assert stopped.stat().st_mode & 0o077 == 0


def test_a_pass_of_other_databases_or_rules_is_refused(four: Pair, stopped: Path) -> None:
    turned = Pair(four.target, four.source)
    with pytest.raises(ParityError, match="is of another source"):
        keep(turned, stopped, resume=True)
    rule = {"kind": "null_is_filled", "table": "a", "column": "v"}
    with pytest.raises(ParityError, match="was made by other rules"):
        keep(four, stopped, resume=True, rules=parse_rules([rule]))
    assert modes(keep(four, stopped, resume=True))["c"] == "recheck"  # the file is still there


def test_a_torn_last_line_costs_its_table_and_a_damaged_one_the_file(four: Pair, stopped: Path) -> None:
    whole = stopped.read_bytes()
    assert {name for _, name in read_kept_pass(stopped).finished} == {"a", "b", "c"}
    stopped.write_bytes(whole[:-9])
    assert {name for _, name in read_kept_pass(stopped).finished} == {"a", "b"}
    lines = whole.splitlines(keepends=True)
    damaged = [
        lines[0] + lines[2] + lines[3],  # one is missing
        lines[0] + lines[2] + lines[1] + lines[3],  # two have changed places
        whole.replace(b'"source_rows": 2000', b'"source_rows": 2001', 1),
        b"root:x:0:0\nbin:x:1:1\n",
    ]
    for content in damaged:
        stopped.write_bytes(content)
        with pytest.raises(ParityError, match=f"{stopped} is damaged: line"):
            recheck(four.source.server, four.target.server, stopped, ComparisonOptions())
    for content in (b"", whole[:40], b'{"format": 1, "tab'):
        stopped.write_bytes(content)
        with pytest.raises(ParityError, match=str(stopped)):
            keep(four, stopped, resume=True)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_result_and_the_tables_that_had_room(four: Pair, tmp_path: Path) -> None:
    file = tmp_path / "pass"
    keep(four, file)
    lines = file.read_bytes().splitlines(keepends=True)
    file.unlink()
    with room_for(sum(map(len, lines[:3])) + 100), pytest.raises(PassNotKept) as failed:
        keep(four, file)
    assert [table.equal for table in failed.value.result.tables] == [False, True, True, True]
    assert {name for _, name in read_kept_pass(file).finished} == {"a", "b"}
    assert modes(keep(four, file, resume=True)) == {"a": "recheck", "b": "restored", "c": "full", "d": "full"}


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_ended_leaves_a_pass_to_go_on_from(four: Pair, tmp_path: Path, sent: int) -> None:
    file = tmp_path / "pass"
    command = [sys.executable, "-m", "integrations.parity", four.source.url, four.target.url]
    said = tmp_path / "said"
    with said.open("w") as stdout:
        process = subprocess.Popen(
            [*command, "--view", "z", "--keep-pass", str(file)], cwd=ROOT, stdout=stdout, stderr=stdout
        )
    try:
        growing = path_while_written(file)
        wait_for(lambda: growing.is_file() and growing.read_bytes().count(b"\n") == 5)
        process.send_signal(sent)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    if sent == signal.SIGTERM:
        assert "a: 1 changed" in said.read_text()
        assert f"it was stopped; --resume {file} goes on from there" in said.read_text()
    four.both(KILL, "create or replace view z as select 1 as id, 'v'::text as v")
    reading: list[str] = []

    def note(progress: ReadProgress) -> None:
        reading.extend([progress.table] * (progress.state == "reading"))

    result, _ = compare_and_keep_pass(
        four.source.server, four.target.server, file, VIEW, ComparisonObserver(on_table=note), resume=True
    )
    assert modes(result) == {"a": "recheck", "b": "restored", "c": "recheck", "d": "recheck", "z": "full"}
    assert "b" not in reading
    assert exit_code(result) == 1
