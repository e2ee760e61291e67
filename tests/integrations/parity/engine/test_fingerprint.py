"""A fingerprint taken before is compared with the database after, also when its types changed in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.errors import Problem
from integrations.parity import baseline
from integrations.parity.baseline import Fingerprint
from integrations.parity.compare import Options, compare_before
from integrations.parity.declared import read_rules
from integrations.parity.result import Result
from integrations.parity.snapshot import Server, Snapshot
from integrations.parity.totals import read_totals
from integrations.parity.watch import TableProgress, Watch
from tests.integrations.parity.conftest import Database, Pair

RULES = read_rules(
    [
        {"kind": "null_is_default", "table": "t", "column": "meta", "default": {}},
        {"kind": "rounded", "table": "t", "column": "at"},
        {"kind": "new_column", "table": "t", "column": "extra"},
    ]
)
OPTIONS = Options(RULES, read_totals([{"table": "t", "sum": "amount"}]))
MIGRATION = (
    "update t set meta = '{}' where meta is null",
    "alter table t alter name type text, alter meta type jsonb, alter meta set not null,"
    " alter at type timestamp(3), add extra text",
)


def take(database: Database, **more: Any) -> Fingerprint:
    with Snapshot(database.server) as snapshot:
        return baseline.take(snapshot, RULES, OPTIONS.totals, **more)


@pytest.fixture
def before(pair: Pair) -> Fingerprint:
    """Of the target, as the source still is: the restored backup."""
    pair.both(
        "create table t (id serial primary key, name varchar(40), meta json, at timestamp(6),"
        " amount numeric(10,2))",
        """insert into t (name, meta, at, amount)
             select 'ü' || i, case when i % 3 > 0 then '{"b":1,"a":2}'::json end,
             timestamp '2024-01-01' + i * interval '1.000123 s', i / 7.0 from generate_series(1, 5000) i""",
    )
    return take(pair.target)


def after(before: Fingerprint, pair: Pair, *, backup: bool = False, options: Options = OPTIONS) -> Result:
    server = pair.source.server if backup else None
    return compare_before(before, pair.target.server, options, backup=server)


def test_a_migration_that_keeps_every_value_is_equal(before: Fingerprint, pair: Pair) -> None:
    pair.target.run(*MIGRATION)
    result = after(before, pair)
    assert result.equal, result.summary
    assert result.mode == "before"
    assert result.tables[0].declared_by == {
        "t.at: rounded to 3 digits of a second": 4995,
        "t.meta: NULL is {}": 1666,
    }
    assert result.totals[0]["equal"]


def test_what_else_changed_is_at_least_counted_and_placed(before: Fingerprint, pair: Pair) -> None:
    pair.target.run(
        *MIGRATION, "update t set amount = -amount where id = 2000", "delete from t where id = 4711"
    )
    result = after(before, pair)
    assert not result.equal
    table = result.tables[0]
    assert (table.changed, table.missing, table.at_least) == (1, 1, True)
    assert table.places == ["id 2000 to 2015", "id 4704 to 4719"]
    assert "at least 2 rows differ in 1 table" in result.summary
    assert "1 total not the same (t)" in result.summary


def test_the_restored_backup_names_the_rows(before: Fingerprint, pair: Pair) -> None:
    pair.target.run(
        *MIGRATION, "update t set amount = -amount where id = 2000", "delete from t where id = 4711"
    )
    table = after(before, pair, backup=True).tables[0]
    assert (table.changed, table.missing, table.at_least, table.unsound) == (1, 1, False, [])
    assert [(example.key, example.kind) for example in table.examples] == [
        ({"id": "2000"}, "changed"),
        ({"id": "4711"}, "missing"),
    ]
    assert table.examples[0].columns == {"amount": ["285.71", "-285.71"]}


def test_a_backup_of_another_moment_is_not_taken_for_the_state_before(
    before: Fingerprint, pair: Pair
) -> None:
    pair.both("update t set amount = 0 where id = 2000")
    result = after(before, pair, backup=True)
    assert result.tables[0].unsound == [
        "the restored backup is not the state of which the fingerprint was taken"
    ]
    assert not result.equal


def test_other_rules_than_at_the_time_need_the_backup(before: Fingerprint, pair: Pair) -> None:
    pair.target.run(*MIGRATION)
    options = Options((*RULES, *read_rules([{"kind": "not_compared", "table": "t", "column": "amount"}])))
    assert "the fingerprint cannot be used" in after(before, pair, options=options).tables[0].unsound[0]
    with_backup = after(before, pair, backup=True, options=options)
    assert with_backup.equal
    assert with_backup.tables[0].notes == ["compared with the restored backup, not with the fingerprint"]


def test_values_filled_by_the_migration_are_proven_by_the_backup_only(pair: Pair) -> None:
    pair.both("create table t (id int primary key, at timestamp, amount int)",
              "insert into t values (1, null, 1), (2, '2024-01-01', 2)")  # fmt: skip
    rules = read_rules([{"kind": "null_is_filled", "table": "t", "column": "at"}])
    with Snapshot(pair.target.server) as snapshot:
        before = baseline.take(snapshot, rules)
    pair.target.run("update t set at = now() where at is null")
    alone = after(before, pair, options=Options(rules))
    assert "in 1 of 1 parts it is open whether differences are declared" in alone.tables[0].unsound[0]
    proven = after(before, pair, backup=True, options=Options(rules))
    assert (proven.equal, proven.declared_count) == (True, 1)


def test_a_dropped_table_is_missed(before: Fingerprint, pair: Pair) -> None:
    pair.target.run("drop table t", "create table other (id int)")
    assert after(before, pair).schema["undeclared"] == ["new table other", "missing table t"]


def test_it_is_kept_as_a_file_that_cannot_be_changed_unseen(before: Fingerprint, tmp_path: Path) -> None:
    path = tmp_path / "fingerprint.json"
    sha256 = baseline.write(before, path)
    assert baseline.read(path, sha256) == before
    assert baseline.read(path, sha256).digest == before.digest
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(path.read_text().replace("5000", "5001", 1))
    with pytest.raises(Problem, match="not the file that was written"):
        baseline.read(path, sha256)
    with pytest.raises(Problem, match="cannot be read"):
        baseline.read(tmp_path / "none")


def test_the_same_content_has_the_same_digest_and_another_has_not(before: Fingerprint, pair: Pair) -> None:
    assert take(pair.source).digest == before.digest
    pair.source.run("update t set name = 'x' where id = 1")
    assert take(pair.source).digest != before.digest


def test_it_can_be_taken_in_the_snapshot_of_another_session(pair: Pair) -> None:
    pair.source.run("create table t (id int primary key, amount int)", "insert into t values (1, 1)")
    with psycopg.connect(pair.source.url) as dump:
        dump.execute("set transaction isolation level repeatable read")
        row = dump.execute("select pg_export_snapshot()").fetchone()
        assert row is not None
        pair.source.run("insert into t values (2, 2)")
        with Snapshot(Server.at(pair.source.url), exported=row[0]) as snapshot:
            assert baseline.take(snapshot).rows == 1


def test_a_large_table_tells_how_far_it_is_and_gives_the_same_fingerprint(
    before: Fingerprint, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.parity.reading.PART", 8)
    monkeypatch.setattr("integrations.parity.progress.OFTEN", 0)
    told: list[TableProgress] = []
    assert take(pair.target, watch=Watch(table=told.append)).digest == before.digest
    pages = [one.pages_done for one in told if one.state == "reading"]
    assert pages == sorted(pages)
    assert len(set(pages)) > 3
    assert told[-1].state == "done"
