"""DDL that runs during a comparison takes rows out of sight of the snapshot: then nothing is called equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.parity.beyond_rows.totals import parse_totals
from integrations.parity.engine.comparison import compare_live
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.engine.recheck import compare_and_keep_pass, recheck
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import COULD_NOT, exit_code
from integrations.parity.result import ComparisonResult
from integrations.parity.server.snapshot import Snapshot
from tests.integrations.parity.conftest import Pair, only, when

CHANGED = "it changed while the comparison ran: "
REWRITTEN = f"{CHANGED}it was rewritten or truncated"
#: Statements that run on both sides after the snapshots were taken, and what is said of b. Without the check
#: both sides of b would look empty, or alike, which they are not.
CHANGES = {
    "truncated": (["truncate b"], REWRITTEN),
    "another type": (["drop view seen", "alter table b alter v type bigint"], REWRITTEN),
    "made anew": (
        ["drop table b cascade", "create table b (id int primary key, v int, w int)"],
        f"{CHANGED}its name leads to another table now",
    ),
    "swapped": (
        ["alter table b rename to b_old", "alter table b_new rename to b"],
        f"{CHANGED}its name leads to another table now",
    ),
    "another column of that name": (
        ["alter table b drop v cascade", "alter table b add v int"],
        f"{CHANGED}its columns are not those of then",
    ),
    "a partition less": (
        ["alter table parts detach partition parts_1"],
        f"{CHANGED}its partitions are not those of then",
    ),
    "a partition truncated": (["truncate parts_1"], REWRITTEN),
    "the table below a view": (["truncate b"], REWRITTEN),
}
NAMES = {"a partition less": "parts", "a partition truncated": "parts", "the table below a view": "seen"}


@pytest.fixture
def three(pair: Pair) -> Pair:
    """Tables a, which is equal, b and a partitioned one, which are not; b_new has the columns of b."""
    pair.both(
        "create table a (id int primary key)",
        "insert into a select generate_series(1, 100)",
        "create table b (id int primary key, v int, w int)",
        "create table b_new (id int primary key, v int, w int)",
        "create table parts (id int, v int) partition by range (id)",
        "create table parts_1 partition of parts for values from (0) to (1000)",
        "create table parts_2 partition of parts for values from (1000) to (2000)",
        "create view seen as select id, v from b",
    )
    pair.source.run(
        "insert into b select i, i, i from generate_series(1, 1000) i",
        "insert into parts select i, i from generate_series(1, 500) i",
    )
    pair.target.run(
        "insert into b select i, -i, i from generate_series(1, 900) i",
        "insert into parts select i, -i from generate_series(1, 400) i",
    )
    return pair


def compare_while(pair: Pair, *statements: str, state: str = "done", **options: object) -> ComparisonResult:
    """Runs the statements on both sides when table a has reached that state."""
    changing = when("a", state, lambda: pair.both(*statements))
    given = ComparisonOptions(**options)  # type: ignore[arg-type]  # any of its fields
    return compare_live(pair.source.server, pair.target.server, given, changing)


@pytest.mark.parametrize("case", CHANGES)
def test_a_table_that_changes_before_it_is_read_is_not_called_equal(three: Pair, case: str) -> None:
    statements, words = CHANGES[case]
    result = compare_while(three, *statements, views=("seen",))
    name = NAMES.get(case, "b")
    assert only(result, name).unsound[0].startswith(words)
    assert not only(result, name).equal
    assert only(result, "a").equal


def test_a_rewrite_on_one_side_is_no_difference(three: Pair) -> None:
    """It would be: all of its rows would be missing."""
    three.both("delete from b", "insert into b values (1, 1, 1)", "drop table parts")
    changing = when("a", "done", lambda: three.target.run("alter table b alter w type bigint"))
    result = compare_live(three.source.server, three.target.server, ComparisonOptions(), changing)
    assert only(result, "b").unsound[0].startswith(REWRITTEN)
    assert exit_code(result) == COULD_NOT


def test_what_does_not_hide_rows_is_no_reason(three: Pair) -> None:
    three.both("delete from b", "insert into b values (1, 1, 1)", "drop table parts")
    result = compare_while(
        three, "insert into b values (2, 2, 2)", "update b set v = 5", "create index on b (v)", "vacuum b",
        "alter table b add x int default 7", "create table c (id int)",
    )  # fmt: skip
    assert only(result, "b").equal
    assert result.equal


def test_a_fingerprint_holds_no_table_that_changed(three: Pair) -> None:
    with Snapshot(three.source.server) as snapshot:
        changing = when("a", "done", lambda: three.source.run("truncate b"))
        taken = take_fingerprint(snapshot, observer=changing)
    failed = {kept.table.label: kept.failed for kept in taken.tables if kept.failed}
    assert list(failed) == ["b"]
    assert failed["b"].startswith(REWRITTEN)


def test_a_kept_pass_holds_no_table_that_changed(three: Pair, tmp_path: Path) -> None:
    """Its sums would be those of an empty table, in the files of the table as it is now."""
    three.both("drop table parts", "delete from b")
    three.both("insert into b values (1, 1, 1)")
    sides = three.source.server, three.target.server
    changing = when("a", "waiting", lambda: three.both("alter table b alter w type bigint"))
    compare_and_keep_pass(*sides, tmp_path / "pass", ComparisonOptions(), changing)
    three.target.run("update b set v = 2")
    later = recheck(*sides, tmp_path / "pass", ComparisonOptions())
    assert only(later, "b").notes == ["read in full: the pass did not read it"]
    assert only(later, "b").changed == 1


def test_a_recheck_tells_that_a_table_changed(three: Pair, tmp_path: Path) -> None:
    sides = three.source.server, three.target.server
    compare_and_keep_pass(*sides, tmp_path / "pass", ComparisonOptions())
    changing = when("a", "done", lambda: three.both("truncate b"))
    later = recheck(*sides, tmp_path / "pass", ComparisonOptions(), changing)
    assert only(later, "b").mode == "recheck"
    assert only(later, "b").unsound[0].startswith(REWRITTEN)


def test_totals_of_a_table_that_was_truncated_after_it_was_read_prove_nothing(three: Pair) -> None:
    three.both("drop table parts", "drop view seen", "truncate b", "insert into b values (1, 1, 1)")
    three.both("create table c (id int primary key)")
    totals = parse_totals([{"table": "b", "sum": "v"}])
    changing = when("c", "reading", lambda: three.both("truncate b"))
    result = compare_live(
        three.source.server, three.target.server, ComparisonOptions(totals=totals), changing
    )
    assert only(result, "b").equal
    assert [line[:54] for line in result.unsound] == [
        "b was rewritten or truncated in the source after it wa",
        "b was rewritten or truncated in the target after it wa",
    ]
    assert exit_code(result) == COULD_NOT


SETS = (
    "create function sets() returns text language sql volatile"
    " as $$select set_config('extra_float_digits', '0', true)$$"
)


def test_a_function_that_changes_a_setting_proves_nothing_and_spoils_nothing(pair: Pair) -> None:
    pair.both(
        "create table t (id int primary key)",
        "insert into t values (1)",
        SETS,
        "create view a as select id, sets() as v from t",
    )
    result = pair.compare(views=("a",))
    assert "not in force are extra_float_digits" in only(result, "a").unsound[0]
    assert only(result, "t").equal
