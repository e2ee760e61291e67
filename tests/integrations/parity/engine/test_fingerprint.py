"""A fingerprint taken before is compared with the database after, also when its types changed in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.parity.beyond_rows.totals import parse_totals
from integrations.parity.engine.comparison import compare_before
from integrations.parity.engine.fingerprint import (
    Fingerprint,
    read_fingerprint,
    take_fingerprint,
    write_fingerprint,
)
from integrations.parity.errors import ParityError
from integrations.parity.model.declared import parse_rules
from integrations.parity.observer import ComparisonObserver, ReadProgress
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.snapshot import PostgresServer, Snapshot
from tests.integrations.parity.conftest import Database, Pair

RULES = parse_rules(
    [
        {"kind": "null_is_default", "table": "t", "column": "meta", "default": {}},
        {"kind": "rounded", "table": "t", "column": "at"},
        {"kind": "new_column", "table": "t", "column": "extra"},
    ]
)
OPTIONS = ComparisonOptions(RULES, parse_totals([{"table": "t", "sum": "amount"}]))
MIGRATION = (
    "update t set meta = '{}' where meta is null",
    "alter table t alter name type text, alter meta type jsonb, alter meta set not null,"
    " alter at type timestamp(3), add extra text",
)


def take(database: Database, **more: Any) -> Fingerprint:
    with Snapshot(database.server) as snapshot:
        return take_fingerprint(snapshot, RULES, OPTIONS.totals, **more)


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


def after(
    before: Fingerprint, pair: Pair, *, backup: bool = False, options: ComparisonOptions = OPTIONS
) -> ComparisonResult:
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


def test_other_changes_are_counted_as_a_lower_bound_with_their_key_ranges(
    before: Fingerprint, pair: Pair
) -> None:
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


def test_a_backup_of_another_moment_is_refused(before: Fingerprint, pair: Pair) -> None:
    pair.both("update t set amount = 0 where id = 2000")
    result = after(before, pair, backup=True)
    assert result.tables[0].unsound == [
        "the restored backup is not the state of which the fingerprint was taken"
    ]
    assert not result.equal


def test_other_rules_than_those_of_the_fingerprint_need_the_backup(before: Fingerprint, pair: Pair) -> None:
    pair.target.run(*MIGRATION)
    options = ComparisonOptions(
        (*RULES, *parse_rules([{"kind": "not_compared", "table": "t", "column": "amount"}]))
    )
    assert "the fingerprint cannot be used" in after(before, pair, options=options).tables[0].unsound[0]
    with_backup = after(before, pair, backup=True, options=options)
    assert with_backup.equal
    assert with_backup.tables[0].notes == ["compared with the restored backup, not with the fingerprint"]


def test_values_filled_by_the_migration_are_proven_by_the_backup_only(pair: Pair) -> None:
    pair.both("create table t (id int primary key, at timestamp, amount int)",
              "insert into t values (1, null, 1), (2, '2024-01-01', 2)")  # fmt: skip
    rules = parse_rules([{"kind": "null_is_filled", "table": "t", "column": "at"}])
    with Snapshot(pair.target.server) as snapshot:
        before = take_fingerprint(snapshot, rules)
    pair.target.run("update t set at = now() where at is null")
    alone = after(before, pair, options=ComparisonOptions(rules))
    assert "in 1 of 1 parts it is open whether differences are declared" in alone.tables[0].unsound[0]
    proven = after(before, pair, backup=True, options=ComparisonOptions(rules))
    assert (proven.equal, proven.declared_count) == (True, 1)


def test_a_dropped_table_is_reported(before: Fingerprint, pair: Pair) -> None:
    pair.target.run("drop table t", "create table other (id int)")
    assert after(before, pair).schema["undeclared"] == ["new table other", "missing table t"]


def test_a_changed_file_is_detected(before: Fingerprint, tmp_path: Path) -> None:
    path = tmp_path / "fingerprint.json"
    sha256 = write_fingerprint(before, path)
    assert read_fingerprint(path, sha256) == before
    assert read_fingerprint(path, sha256).digest == before.digest
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(path.read_text().replace("5000", "5001", 1))
    with pytest.raises(ParityError, match="not the file that was written"):
        read_fingerprint(path, sha256)
    with pytest.raises(ParityError, match="cannot be read"):
        read_fingerprint(tmp_path / "none")
    whole = path.read_bytes()
    for content in (b"", whole[:473], whole[:-1], b"root:x:0:0:root:/root:/bin/bash\n"):
        path.write_bytes(content)
        with pytest.raises(ParityError, match=f"{path} cannot be read: it is no JSON") as refused:
            read_fingerprint(path)
        assert refused.value.next.startswith("Restore the file, or ")


def test_the_digest_depends_only_on_the_content(before: Fingerprint, pair: Pair) -> None:
    assert take(pair.source).digest == before.digest
    pair.source.run("update t set name = 'x' where id = 1")
    assert take(pair.source).digest != before.digest


def test_the_digest_does_not_depend_on_the_number_of_buckets(before: Fingerprint, pair: Pair) -> None:
    pair.source.run("update t set id = 90000 where id = 5000")
    few = take(pair.source)
    pair.source.run("update pg_class set reltuples = 9000000 where relname = 't'")  # as autovacuum may do
    many = take(pair.source)
    assert many.tables[0].buckets != few.tables[0].buckets
    assert many.digest == few.digest != before.digest


def test_it_can_be_taken_in_the_snapshot_of_another_session(pair: Pair) -> None:
    pair.source.run("create table t (id int primary key, amount int)", "insert into t values (1, 1)")
    with psycopg.connect(pair.source.url) as dump:
        dump.execute("set transaction isolation level repeatable read")
        row = dump.execute("select pg_export_snapshot()").fetchone()
        assert row is not None
        pair.source.run("insert into t values (2, 2)")
        with Snapshot(PostgresServer.from_url(pair.source.url), exported_id=row[0]) as snapshot:
            assert take_fingerprint(snapshot).rows == 1


def test_a_large_table_reports_progress_and_gives_the_same_fingerprint(
    before: Fingerprint, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.parity.engine.reader.PAGES_PER_PART", 8)
    monkeypatch.setattr("integrations.parity.engine.progress.REPORT_SECONDS", 0)
    told: list[ReadProgress] = []
    assert take(pair.target, observer=ComparisonObserver(on_table=told.append)).digest == before.digest
    pages = [one.pages_done for one in told if one.state == "reading"]
    assert pages == sorted(pages)
    assert len(set(pages)) > 3
    assert told[-1].state == "done"
