"""Foreign tables, and tables that inherit: compared where another table holds their rows, or named."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from integrations.parity.engine.comparison import compare_before
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.engine.recheck import compare_and_keep_pass, recheck
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import COULD_NOT, EQUAL, exit_code
from integrations.parity.server.snapshot import Snapshot
from tests.integrations.parity.conftest import Database, Pair, only

UNREAD = "far is a foreign table: its rows are another server's"


def add_foreign_server(side: Database) -> None:
    """A foreign server that is the database itself, with the rows in the schema away."""
    place = conninfo_to_dict(side.url)
    side.run(
        "create extension postgres_fdw",
        f"create server s foreign data wrapper postgres_fdw options (host '{place['host']}',"
        f" port '{place['port']}', dbname '{place['dbname']}')",
        f"create user mapping for current_user server s options (user '{place['user']}',"
        f" password '{place['password']}')",
        "create schema away",
        "create table away.far (id int not null, v int)",
    )


@pytest.fixture
def partitioned(pair: Pair) -> Pair:
    for side in (pair.source, pair.target):
        add_foreign_server(side)
    pair.both(
        "create table m (id int not null, v int) partition by range (id)",
        "create table near partition of m for values from (0) to (10)",
        "create foreign table far partition of m for values from (10) to (20) server s"
        " options (schema_name 'away')",
        "insert into m values (1, 1)",
        "insert into away.far values (11, 1)",
    )
    return pair


def test_a_foreign_partition_is_compared_through_its_table(partitioned: Pair) -> None:
    result = partitioned.compare(schemas=("public",))
    assert exit_code(result) == EQUAL
    assert [note[:56] for note in result.notes] == [
        "far is a foreign table: its rows were read through m, as"
    ]
    partitioned.target.run("update away.far set v = 2")
    result = partitioned.compare(schemas=("public",))
    assert only(result, "m").differing == 2
    assert result.unsound == []


def test_a_foreign_table_by_itself_is_not_compared(pair: Pair) -> None:
    add_foreign_server(pair.target)
    pair.both("create table t (id int)")
    pair.target.run("create foreign table far (id int) server s options (schema_name 'away')")
    assert pair.compare(schemas=("public",)).unsound == [UNREAD]


def test_a_foreign_table_that_only_one_side_reads_is_not_compared(partitioned: Pair) -> None:
    partitioned.target.run("alter table m detach partition far")
    assert partitioned.compare(schemas=("public",)).unsound == [UNREAD]


def test_a_fingerprint_holds_the_rows_of_foreign_partitions(partitioned: Pair) -> None:
    with Snapshot(partitioned.source.server) as snapshot:
        taken = take_fingerprint(snapshot, schemas=("public",))
    options = ComparisonOptions(schemas=("public",))
    result = compare_before(taken, partitioned.target.server, options)
    assert (exit_code(result), result.unsound) == (EQUAL, [])
    partitioned.target.run("delete from away.far")
    assert only(compare_before(taken, partitioned.target.server, options), "m").differing


def test_a_recheck_reads_them_in_full(partitioned: Pair, tmp_path: Path) -> None:
    """Their rows have no versions here. The other side has a key, by which sums could be kept."""
    partitioned.source.run("drop table m cascade", "create table m (id int primary key, v int)")
    partitioned.source.run("insert into m values (1, 1), (11, 1)")
    sides, options = (partitioned.source.server, partitioned.target.server), ComparisonOptions()
    compare_and_keep_pass(*sides, tmp_path / "pass", options)
    partitioned.target.run("update away.far set v = 2")
    table = only(recheck(*sides, tmp_path / "pass", options), "m")
    assert table.differing == 1
    assert "read in full: some of its rows are in foreign tables, and have no versions" in table.notes


def test_children_that_one_side_lacks_name_the_rule_that_helps(pair: Pair) -> None:
    pair.both("create table m (id int, v int)")
    pair.source.run(
        "create table a () inherits (m)", "create table b () inherits (a)", "insert into b values (1, 1)"
    )
    pair.target.run("insert into m values (1, 1)")
    (note,) = pair.compare().notes
    assert note == (
        "a, b inherit from m: to compare its rows together with theirs, declare"
        " {kind: with_children, table: m}"
    )
    result = pair.compare([{"kind": "with_children", "table": "m"}])
    assert (exit_code(result), result.notes) == (EQUAL, [])


def test_foreign_children_are_read_with_their_table(pair: Pair) -> None:
    add_foreign_server(pair.source)
    pair.both("create table m (id int not null, v int)")
    pair.source.run(
        "create foreign table far () inherits (m) server s options (schema_name 'away')",
        "insert into away.far values (1, 1)",
    )
    pair.target.run("insert into m values (1, 1)")
    assert exit_code(pair.compare(schemas=("public",))) not in (EQUAL, COULD_NOT)
    rules = [{"kind": "with_children", "table": "m"}, {"kind": "structure", "table": "*"}]
    result = pair.compare(
        [*rules, {"kind": "not_compared", "table": "(database)", "column": "foreign tables"}],
        schemas=("public",),
    )
    assert (only(result, "m").equal, result.unsound) == (True, [])
