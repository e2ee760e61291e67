"""A large table goes on where its reading was ended, and the result is that of the last snapshot."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integrations.parity.engine import reader
from integrations.parity.engine.comparison import compare_live
from integrations.parity.engine.kept_pass import read_kept_pass
from integrations.parity.engine.kept_ranges import KeptRanges, RangeStore
from integrations.parity.engine.reader import SumReader
from integrations.parity.engine.recheck import compare_and_keep_pass, recheck
from integrations.parity.engine.renewal import RenewedReading
from integrations.parity.model.declared import parse_rules
from integrations.parity.model.personal import PersonalColumns
from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BucketSums
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import build_facts
from integrations.parity.report.formats import FORMATS
from integrations.parity.result import ComparisonResult
from integrations.parity.server import server_state
from integrations.parity.server.snapshot import Snapshot
from tests.integrations.parity.conftest import Pair, only, when

ROOT = Path(__file__).parents[4]
ROWS = 20_000
OPTIONS = ComparisonOptions(renew_snapshots=True, structure="off")
LOSE = (
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
    " where application_name = 'parity' and datname = current_database()"
)
#: A program that reads each range in a snapshot of its own, and is killed when so many were kept.
KILLED = """
import os, signal, sys
from integrations.parity.__main__ import main
from integrations.parity.engine import reader
from integrations.parity.engine.kept_ranges import RangeStore
from integrations.parity.engine.reader import SumReader
from integrations.parity.engine.renewal import RenewedReading
reader.PAGES_PER_PART = 64
RenewedReading._is_old = lambda *_: True
keep, left = RangeStore.keep, [int(sys.argv[1])]
def keep_and_die(*arguments):
    keep(*arguments)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
RangeStore.keep = keep_and_die
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def big(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Some hundred pages in ranges of 64, in another order on the target; a row differs."""
    monkeypatch.setattr(reader, "PAGES_PER_PART", 64)
    monkeypatch.setattr(RenewedReading, "_is_old", lambda *_: True)
    pair.both("create table a (id int primary key)", "create table t (id int primary key, v text)"
              " with (fillfactor = 70)")  # fmt: skip
    insert = "insert into t select i, repeat('v' || i, 20) from generate_series({}) i"
    pair.source.run(insert.format(f"1, {ROWS}"))
    pair.target.run(insert.format(f"{ROWS}, 1, -1"), "update t set v = 'x' where id = 777")
    return pair


@pytest.fixture
def after_each(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], None]], list[int]]:
    """Arranges that something is done each time that ranges were kept, with their number."""

    def arrange(what: Callable[[int], None]) -> list[int]:
        keep, kept = RangeStore.keep, list[int]()

        def keep_and_do(
            self: RangeStore, plan: TablePlan, ranges: KeptRanges, latest: tuple[BucketSums, BucketSums]
        ) -> None:
            keep(self, plan, ranges, latest)
            kept.append(ranges.snapshots)
            what(len(kept))

        monkeypatch.setattr(RangeStore, "keep", keep_and_do)
        return kept

    return arrange


def stop_at(number: int) -> Callable[[int], None]:
    def stop(kept: int) -> None:
        if kept == number:
            raise KeyboardInterrupt

    return stop


def keep_pass(pair: Pair, file: Path, *, resume: bool = False) -> ComparisonResult:
    return compare_and_keep_pass(pair.source.server, pair.target.server, file, OPTIONS, resume=resume)[0]


def resume(pair: Pair, file: Path) -> ComparisonResult:
    return keep_pass(pair, file, resume=True)


@pytest.fixture
def stopped(big: Pair, tmp_path: Path, after_each: Callable[[Callable[[int], None]], list[int]]) -> Path:
    """A run that was stopped when three ranges of each side were kept."""
    after_each(stop_at(3))
    with pytest.raises(KeyboardInterrupt):
        compare_and_keep_pass(big.source.server, big.target.server, tmp_path / "pass", OPTIONS)
    return tmp_path / "pass"


def found(result: ComparisonResult) -> tuple[object, ...]:
    table = only(result, "t")
    keys = sorted((str(row.key), row.kind) for row in table.examples)
    numbers = table.source_rows, table.target_rows, table.changed, table.missing, table.extra
    return *numbers, table.unsound, keys


def as_one_run_finds_it(pair: Pair) -> tuple[object, ...]:
    return found(compare_live(pair.source.server, pair.target.server, ComparisonOptions(structure="off")))


def pages_read(result: ComparisonResult) -> float:
    """The share of the pages of both sides."""
    return float(result.cost["pages_read"]) / (2 * only(result, "t").pages)


@pytest.mark.parametrize("killed_after", [1, 4, 99])
def test_a_killed_run_goes_on_behind_the_last_range(big: Pair, tmp_path: Path, killed_after: int) -> None:
    file, chance = tmp_path / "pass", random.Random(killed_after)
    command = [sys.executable, "-c", KILLED, str(killed_after), big.source.url, big.target.url]
    options = ["--keep-pass", str(file), "--renew-snapshots", "--structure", "off"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert done.returncode == (1 if killed_after == 99 else -signal.SIGKILL), done.stderr
    for side in (big.source, big.target):
        side.run(LOSE)
        low = chance.randrange(ROWS - 3000)
        side.run(
            f"update t set v = v || 'moved' where id between {low} and {low + 300}",
            f"update t set v = v where id between {low + 1000} and {low + 2000}",
            f"insert into t values ({low + ROWS}, 'came')",
            f"delete from t where id between {low + 400} and {low + 420}",
            f"update t set id = -id where id = {low + 500}",
        )
    result = resume(big, file)
    assert found(result) == as_one_run_finds_it(big)
    if killed_after != 99:
        assert pages_read(result) < 1 - 0.1 * killed_after
        assert " by 2 runs; what was written meanwhile was read again" in only(result, "t").notes[0]


@pytest.mark.property
@pytest.mark.timeout(1200)
def test_whatever_is_written_and_wherever_it_is_stopped_the_result_is_right(
    big: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    chosen: str | None = pytestconfig.getoption("--property-round")
    keep, chance = RangeStore.keep, random.Random(f"{chosen}")

    def keep_and_disturb(
        self: RangeStore, plan: TablePlan, ranges: KeptRanges, latest: tuple[BucketSums, BucketSums]
    ) -> None:
        keep(self, plan, ranges, latest)
        # What is written when all is read comes after the last snapshot.
        if not ranges.complete and chance.random() < 0.5:
            write_anywhere(chance, big)
        if chance.random() < 0.2:
            raise KeyboardInterrupt

    monkeypatch.setattr(RangeStore, "keep", keep_and_disturb)
    for run in range(60 if chosen else 3):
        result, stops = None, 0
        while result is None:
            try:
                result = keep_pass(big, tmp_path / f"pass {run}", resume=stops > 0)
            except KeyboardInterrupt:
                stops += 1
        assert found(result) == as_one_run_finds_it(big), f"seed {chosen}, run {run}"


def write_anywhere(chance: random.Random, pair: Pair) -> None:
    """Changes, moves, adds and removes rows on one side or both."""
    low, new = chance.randrange(ROWS), chance.randrange(ROWS, 3 * ROWS)
    statements = [
        f"update t set v = v || '{low}' where id between {low} and {low + chance.choice([3, 300])}",
        f"update t set v = v where id between {low} and {low + 2000}",
        f"insert into t values ({new}, 'came') on conflict do nothing",
        f"delete from t where id between {low + 400} and {low + chance.choice([400, 420])}",
        f"update t set id = {-new} where id = {low + 500} and not exists (select from t where id = {-new})",
    ]
    for side in chance.choice([[pair.source], [pair.target], [pair.source, pair.target]]):
        side.run(*chance.sample(statements, chance.randint(1, 5)), *["vacuum t"] * (chance.random() < 0.1))


def test_a_lost_connection_costs_the_ranges_of_its_snapshot_only(
    big: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, calls = SumReader.read_parts_of_both, list[int]()

    def lose_the_fourth(self: SumReader, *arguments: Any) -> tuple[BucketSums, BucketSums]:
        calls.append(1)
        if len(calls) == 4:
            big.source.run(LOSE, "update t set v = 'y' where id in (1, 5000, 19000)")
        return read(self, *arguments)

    monkeypatch.setattr(SumReader, "read_parts_of_both", lose_the_fourth)
    result = compare_live(big.source.server, big.target.server, OPTIONS)
    assert found(result) == as_one_run_finds_it(big)
    assert only(result, "t").changed == 4
    assert pages_read(result) < 1.1
    in_snapshots, lost = only(result, "t").notes
    assert "snapshots between" in in_snapshots
    assert "after a connection was lost" in lost


def test_after_a_restart_a_table_is_read_from_its_beginning(
    big: Pair, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = server_state.IDENTITY.replace("pg_postmaster_start_time()::text", "'later'")
    monkeypatch.setattr(server_state, "IDENTITY", query)
    result = resume(big, stopped)
    assert found(result) == as_one_run_finds_it(big)
    assert "does not hold: the server was started again" in only(result, "t").notes[0]
    assert pages_read(result) > 0.99


def test_ranges_of_other_columns_are_not_added_to(
    big: Pair,
    stopped: Path,
    after_each: Callable[[Callable[[int], None]], list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    big.both("alter table t add w int default 1")
    before = read_kept_pass(stopped).ranges["public", "t"].sums
    monkeypatch.undo()
    monkeypatch.setattr(reader, "PAGES_PER_PART", 64)
    monkeypatch.setattr(RenewedReading, "_is_old", lambda *_: True)
    after_each(stop_at(2))
    with pytest.raises(KeyboardInterrupt):
        resume(big, stopped)
    after = read_kept_pass(stopped).ranges["public", "t"].sums
    assert after[0].rows < before[0].rows
    assert only(resume(big, stopped), "t").changed == 1


def test_ranges_of_a_table_that_was_rewritten_are_not_used(big: Pair, stopped: Path) -> None:
    big.target.run("vacuum full t")
    result = resume(big, stopped)
    assert found(result) == as_one_run_finds_it(big)
    assert "does not hold: it was rewritten" in only(result, "t").notes[0]


def test_a_run_that_does_not_reach_the_table_hands_its_ranges_on(big: Pair, stopped: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    left = read_kept_pass(stopped).ranges["public", "t"].left
    with pytest.raises(KeyboardInterrupt):
        compare_and_keep_pass(big.source.server, big.target.server, stopped, OPTIONS,
                              when("t", "reading", stop), resume=True)  # fmt: skip
    assert read_kept_pass(stopped).ranges["public", "t"].left == left
    result = resume(big, stopped)
    assert pages_read(result) < 0.7
    assert found(result) == as_one_run_finds_it(big)
    assert not read_kept_pass(stopped).ranges


def test_stopped_again_and_again_it_still_ends(
    big: Pair,
    stopped: Path,
    after_each: Callable[[Callable[[int], None]], list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep = RangeStore.keep
    for run in range(3):
        big.source.run(f"update t set v = 'run {run}' where id = {run * 5000 + 3}")
        monkeypatch.setattr(RangeStore, "keep", keep)
        after_each(stop_at(1))
        with pytest.raises(KeyboardInterrupt):
            resume(big, stopped)
    result = resume(big, stopped)
    assert only(result, "t").changed == 4
    assert " by 5 runs; " in only(result, "t").notes[0]


def test_a_pass_that_took_several_snapshots_can_be_rechecked(big: Pair, tmp_path: Path) -> None:
    compare_and_keep_pass(big.source.server, big.target.server, tmp_path / "pass", OPTIONS)
    big.source.run("update t set v = 'y' where id = 5", "delete from t where id = 6")
    big.target.run("update t set v = 'z' where id = 19000")
    result = recheck(big.source.server, big.target.server, tmp_path / "pass", OPTIONS)
    assert only(result, "t").mode == "recheck"
    assert found(result) == as_one_run_finds_it(big)


def test_the_file_has_no_values_and_each_sum_once(big: Pair, stopped: Path) -> None:
    lines = [json.loads(line.partition(" ")[2]) for line in stopped.read_text().splitlines()[1:]]
    lines = [line for line in lines if "ranges" in line]
    assert [line["adds"] for line in lines] == [False, True, True]
    assert "v777" not in stopped.read_text()
    rows = [sum(BucketSums.from_facts(side).rows for side in line["ranges"]["sums"]) for line in lines]
    assert max(rows) < 1.1 * min(rows)  # the ranges have as many pages
    assert sum(rows) == sum(side.rows for side in read_kept_pass(stopped).ranges["public", "t"].sums)


def test_every_output_says_in_which_snapshots_it_was_read(big: Pair) -> None:
    result = compare_live(big.source.server, big.target.server, OPTIONS)
    told = "snapshots between "
    facts = build_facts(result, {}, PersonalColumns(()), 10)
    silent = [name for name, write in FORMATS.items() if told not in write(facts)]
    assert not silent


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("alter table t drop constraint t_pkey", "it has no key by which its rows fall into buckets"),
        ("alter table t add r regclass", "it holds names of other objects"),
    ],
)
def test_where_ranges_cannot_be_put_together_a_table_is_refused(big: Pair, change: str, reason: str) -> None:
    big.both(change)
    options = ComparisonOptions(renew_snapshots=True, page_rate=10, snapshot_age=1, structure="off")
    refused = only(compare_live(big.source.server, big.target.server, options), "t")
    assert f"several snapshots cannot be used: {reason}" in refused.partial
    assert not refused.equal


def test_a_table_is_as_large_as_what_inherits_from_it_too(big: Pair) -> None:
    """It is read in ranges and refused by its size as partitions are."""
    big.both("create table m (id int primary key, v text)", "create table child () inherits (m)",
             "insert into child select * from t")  # fmt: skip
    rules = parse_rules([{"kind": "with_children", "table": "m"}])
    options = replace(OPTIONS, rules=rules, tables=("m",))
    table = only(compare_live(big.source.server, big.target.server, options), "m")
    assert (table.source_rows, table.changed, table.unsound) == (ROWS, 1, [])
    assert "snapshots between" in table.notes[0]
    refused = only(compare_live(big.source.server, big.target.server, replace(options, largest=100)), "m")
    assert "no table of more than 100 may be read" in refused.partial


def test_declared_rules_are_proven_in_the_last_snapshot_however_old_it_is(
    big: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To prove them, rows are read once more in it: a result late is better than none."""
    monkeypatch.setattr(Snapshot, "age", 10.0)
    big.source.run("update t set v = null where id % 200 = 0")
    rules = parse_rules([{"kind": "null_is_filled", "table": "t", "column": "v"}])
    options = replace(OPTIONS, rules=rules, snapshot_age=1)
    table = only(compare_live(big.source.server, big.target.server, options), "t")
    assert (table.changed, table.declared, table.unsound) == (1, ROWS // 200, [])
