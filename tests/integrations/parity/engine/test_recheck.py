"""A recheck finds exactly what a full comparison finds, whatever was written in between and however."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cutover.embedded import Postgres
from integrations.parity.engine import row_versions
from integrations.parity.engine.kept_pass import read_kept_pass
from integrations.parity.engine.recheck import compare_and_keep_pass, recheck
from integrations.parity.engine.row_versions import _find_recounted_buckets
from integrations.parity.errors import ParityError
from integrations.parity.model.declared import parse_rules
from integrations.parity.model.sums import BucketSums
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.snapshot import PostgresServer
from integrations.parity.sql.queries import SideQueries
from tests.integrations.parity.conftest import Database, Pair, only
from tests.ports import free_port
from tests.servers import new_folder

TABLES = (
    "create table t (id int primary key, v text, n numeric)",
    "insert into t select i, 'v' || i, i / 7.0 from generate_series(1, 5000) i",
    "create table u (id uuid primary key, v text)",
    "insert into u select md5(i::text)::uuid, 'v' || i from generate_series(1, 3000) i",
)


@pytest.fixture
def file(pair: Pair, tmp_path: Path) -> Path:
    """A pass over two equal databases."""
    pair.both(*TABLES)
    result, _ = compare_and_keep_pass(
        pair.source.server, pair.target.server, tmp_path / "pass", ComparisonOptions()
    )
    assert result.equal, result.summary
    return tmp_path / "pass"


def again(pair: Pair, file: Path, options: ComparisonOptions = ComparisonOptions()) -> ComparisonResult:  # noqa: B008  # frozen
    """A recheck, which must find what a full comparison finds at the same moment."""
    result = recheck(pair.source.server, pair.target.server, file, options)
    full = pair.compare(declared=[rule.as_facts() for rule in options.rules])
    assert [_found(table) for table in result.tables] == [_found(table) for table in full.tables]
    assert (result.mode, result.equal) == ("recheck", full.equal)
    return result


def _found(table: Any) -> Any:
    kept = ("table", "source_rows", "target_rows", "changed", "missing", "extra", "declared", "unsound")
    keys = sorted((tuple(one.key.items()), one.kind, str(one.columns)) for one in table.examples)
    return [getattr(table, name) for name in kept], keys


def modes(result: ComparisonResult) -> dict[str, str]:
    return {table.table: table.mode for table in result.tables}


def test_nothing_written_is_equal_again(pair: Pair, file: Path) -> None:
    result = again(pair, file)
    assert result.equal
    assert modes(result) == {"t": "recheck", "u": "recheck"}
    assert result.cost["pages_read"] == 2 * sum(table.pages for table in result.tables)


def test_updates_deletes_and_inserts_of_either_side_are_found(pair: Pair, file: Path) -> None:
    pair.source.run("update t set v = 'x' where id = 7", "delete from u where v = 'v17'")
    pair.target.run(
        "delete from t where id = 8", "insert into t values (-5, 'below', 0), (70000, 'above', 0)",
        "update u set id = md5('moved')::uuid where v = 'v30'",
    )  # fmt: skip
    result = again(pair, file)
    table = only(result, "t")
    assert (table.changed, table.missing, table.extra, table.mode) == (1, 1, 2, "recheck")
    table = only(result, "u")
    assert (table.changed, table.missing, table.extra, table.mode) == (0, 1, 2, "recheck")


def test_a_delete_and_an_insert_that_keep_the_count_are_found(pair: Pair, file: Path) -> None:
    pair.target.run("delete from t where id = 100", "insert into t values (100, 'again', 1)")
    assert only(again(pair, file), "t").changed == 1


def test_a_delete_is_found_though_an_insert_elsewhere_keeps_the_number_of_all_rows(
    pair: Pair, file: Path
) -> None:
    pair.target.run("delete from t where id = 100", "insert into t values (70001, 'far away', 1)")
    table = only(again(pair, file), "t")
    assert (table.changed, table.missing, table.extra) == (0, 1, 1)


def test_buckets_are_counted_only_where_the_number_of_rows_does_not_add_up(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.both(
        *TABLES, "create table p (id int primary key, v text) partition by range (id)",
        "create table p1 partition of p for values from (0) to (2000)",
        "create table p2 partition of p for values from (2000) to (9000)",
        "insert into p select i, 'v' || i from generate_series(1, 5000) i",
    )  # fmt: skip
    compare_and_keep_pass(pair.source.server, pair.target.server, tmp_path / "pass", ComparisonOptions())
    counted: list[str] = []

    def noted(questions: SideQueries, sums: BucketSums) -> set[int]:
        counted.append(f"{questions.expressions.side} {questions.plan.label}")
        return _find_recounted_buckets(questions, sums)

    monkeypatch.setattr(row_versions, "_find_recounted_buckets", noted)
    pair.target.run("update p set v = 'x' where id % 1000 = 0", "insert into t values (70000, 'above', 0)")
    assert (only(again(pair, tmp_path / "pass"), "p").changed, counted) == (5, [])
    pair.source.run("delete from p where id = 2500")
    assert (only(again(pair, tmp_path / "pass"), "p").extra, counted) == (1, ["source p"])


def test_without_track_counts_rows_are_counted_bucket_by_bucket(pair: Pair, file: Path) -> None:
    pair.source.run(
        "alter database {} set track_counts to off".format(pair.source.value("select current_database()"))
    )
    pair.source.run("delete from t where id = 100", "update u set v = 'x' where v = 'v17'")
    result = again(pair, file)
    assert (only(result, "t").extra, only(result, "u").changed) == (1, 1)
    assert modes(result) == {"t": "recheck", "u": "recheck"}


def test_updates_that_change_nothing_change_nothing(pair: Pair, file: Path) -> None:
    pair.source.run("update t set v = v where id % 50 = 0", "update u set v = v")
    assert again(pair, file).equal


def test_frozen_rows_keep_their_age(pair: Pair, file: Path) -> None:
    pair.target.run("update t set v = 'x' where id = 9", "vacuum (freeze) t", "vacuum (freeze) u")
    result = again(pair, file)
    assert only(result, "t").changed == 1
    assert modes(result) == {"t": "recheck", "u": "recheck"}


def test_rolled_back_changes_are_ignored(pair: Pair, file: Path) -> None:
    with psycopg.connect(pair.target.url) as connection:
        connection.execute("update t set v = 'x'")
        connection.execute("delete from u")
        connection.rollback()
    assert again(pair, file).equal


def test_a_transaction_that_was_under_way_during_the_pass_is_found_when_it_commits(
    pair: Pair, tmp_path: Path
) -> None:
    pair.both(*TABLES)
    with psycopg.connect(pair.target.url) as early, psycopg.connect(pair.target.url) as late:
        early.execute("update t set v = 'early' where id = 11")
        late.execute("insert into t values (9000, 'late', 1)")
        pair.target.run("create table between_them (id int primary key)")  # moves the counter on
        pair.source.run("create table between_them (id int primary key)")
        with psycopg.connect(pair.target.url) as savepoints:
            savepoints.execute("delete from t where id = 12")
            compare_and_keep_pass(
                pair.source.server, pair.target.server, tmp_path / "pass", ComparisonOptions()
            )
            savepoints.commit()
        early.commit()
        late.commit()
    table = only(again(pair, tmp_path / "pass"), "t")
    assert (table.changed, table.missing, table.extra, table.mode) == (1, 1, 1, "recheck")


def test_differences_of_the_pass_are_reported_again_until_they_are_repaired(
    pair: Pair, tmp_path: Path
) -> None:
    pair.both(*TABLES)
    pair.target.run("update t set v = 'x' where id in (5, 4000)")
    compare_and_keep_pass(pair.source.server, pair.target.server, tmp_path / "pass", ComparisonOptions())
    assert only(again(pair, tmp_path / "pass"), "t").changed == 2
    pair.target.run("update t set v = 'v5' where id = 5")
    assert [one.key for one in only(again(pair, tmp_path / "pass"), "t").examples] == [{"id": "4000"}]


def test_declared_differences_are_counted_as_in_a_full_comparison(pair: Pair, tmp_path: Path) -> None:
    pair.both("create table t (id int primary key, v text)",
              "insert into t select i, nullif(i % 3, 0)::text from generate_series(1, 900) i")  # fmt: skip
    pair.target.run("update t set v = 'none' where v is null")
    rules = parse_rules([{"kind": "null_is_default", "table": "t", "column": "v", "default": "none"}])
    compare_and_keep_pass(pair.source.server, pair.target.server, tmp_path / "pass", ComparisonOptions(rules))
    pair.target.run("update t set v = 'other' where id = 3", "delete from t where id = 6")
    result = again(pair, tmp_path / "pass", ComparisonOptions(rules))
    assert (only(result, "t").changed, only(result, "t").missing) == (1, 1)
    assert result.declared_count == 298


def test_a_table_that_was_rewritten_is_read_in_full(pair: Pair, file: Path) -> None:
    pair.target.run("truncate u", "insert into u select md5(i::text)::uuid, 'v' || i"
                    " from generate_series(1, 3000) i where i <> 5")  # fmt: skip
    result = again(pair, file)
    assert modes(result) == {"t": "recheck", "u": "full"}
    assert only(result, "u").notes == [
        "read in full: it was rewritten since the pass, or its columns were altered"
    ]


def test_a_recreated_column_with_a_default_is_found_though_no_row_was_written(pair: Pair, file: Path) -> None:
    pair.target.run("alter table t drop v", "alter table t add v text default 'v1'")
    result = again(pair, file)
    assert only(result, "t").changed == 4999
    assert modes(result)["t"] == "full"


def test_other_rules_than_those_of_the_pass_read_in_full(pair: Pair, file: Path) -> None:
    rules = parse_rules([{"kind": "not_compared", "table": "t", "column": "v"}])
    result = again(pair, file, ComparisonOptions(rules))
    assert "the rules for them" in only(result, "t").notes[0]


def test_tables_without_key_and_new_tables_are_read_in_full(pair: Pair, tmp_path: Path) -> None:
    pair.both("create table bare (v text)", "insert into bare values ('a'), ('a')")
    compare_and_keep_pass(pair.source.server, pair.target.server, tmp_path / "pass", ComparisonOptions())
    pair.both("create table young (id int primary key)")
    pair.target.run("insert into bare values ('a')")
    result = again(pair, tmp_path / "pass")
    assert only(result, "bare").extra == 1
    assert "has no key" in only(result, "bare").notes[0]
    assert only(result, "young").notes == ["read in full: the pass did not read it"]


def test_a_renamed_label_of_an_enum_voids_the_pass(pair: Pair, tmp_path: Path) -> None:
    pair.both("create type mood as enum ('sad', 'ok')", "create table t (id int primary key, m mood)",
              "insert into t values (1, 'sad')")  # fmt: skip
    compare_and_keep_pass(pair.source.server, pair.target.server, tmp_path / "pass", ComparisonOptions())
    pair.target.run("alter type mood rename value 'sad' to 'bad'")
    with pytest.raises(ParityError, match="does not hold for the target any more: the labels of an enum"):
        recheck(pair.source.server, pair.target.server, tmp_path / "pass", ComparisonOptions())


def test_a_restored_database_voids_the_pass(pair: Pair, file: Path, new_database: Any) -> None:
    restored = Database(new_database())
    restored.run(*TABLES)
    with pytest.raises(ParityError, match="another database of that name: it was restored or made anew"):
        recheck(pair.source.server, restored.server, file, ComparisonOptions())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"system": "7"}, "another server"),
        ({"timeline": "2 false"}, "a new timeline"),
        ({"started": "2020-01-01"}, "started again"),
        ({"version": "13.1"}, "another version"),
        ({"upcoming": 3}, "a smaller number"),
        ({"upcoming": 1 << 40}, "two billion"),
    ],
)
def test_another_history_voids_the_pass(file: Path, change: dict[str, Any], words: str) -> None:
    then = read_kept_pass(file).target
    assert then.find_change(then) == ""
    assert words in then.find_change(replace(then, **change))


def test_a_restarted_server_voids_the_pass(pair: Pair, tmp_path: Path) -> None:
    folder = new_folder("again")
    postgres = Postgres(folder / "pg", port=free_port(), password="of-a-test", fsync=False)
    try:
        server = PostgresServer.from_url(postgres.start().url("postgres"))
        Database(postgres.url("postgres")).run(*TABLES)
        pair.source.run(*TABLES)
        compare_and_keep_pass(pair.source.server, server, tmp_path / "pass", ComparisonOptions())
        assert recheck(pair.source.server, server, tmp_path / "pass", ComparisonOptions()).equal
        postgres.stop()
        postgres.start()
        with pytest.raises(ParityError, match="the server was started again"):
            recheck(pair.source.server, server, tmp_path / "pass", ComparisonOptions())
    finally:
        postgres.stop()
        shutil.rmtree(folder)


def test_a_pass_that_was_changed_is_refused(pair: Pair, file: Path) -> None:
    with pytest.raises(ParityError, match="not the file that was written"):
        recheck(pair.source.server, pair.target.server, file, ComparisonOptions(), sha256="0" * 64)


def test_a_table_that_inherits_and_takes_the_place_of_another_is_read_in_full(
    pair: Pair, tmp_path: Path
) -> None:
    """Its rows were written before the pass, and are as many as those of the other one."""
    pair.both("create table m (id int primary key, v text)", "create table one () inherits (m)",
              "create table other (id int not null, v text)",
              "insert into one select i, 'v' || i from generate_series(1, 500) i",
              "insert into other select i, 'w' || i from generate_series(1, 500) i")  # fmt: skip
    options = ComparisonOptions(parse_rules([{"kind": "with_children", "table": "m"}]))
    compare_and_keep_pass(pair.source.server, pair.target.server, tmp_path / "pass", options)
    pair.target.run("alter table one no inherit m", "alter table other inherit m")
    result = recheck(pair.source.server, pair.target.server, tmp_path / "pass", options)
    assert (only(result, "m").changed, only(result, "m").missing) in {(500, 0), (0, 500)}
    assert "read in full: it was rewritten since the pass" in only(result, "m").notes[0]
