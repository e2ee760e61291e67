"""A sample reads the same rows of both sides, says that it is a sample, and is never called equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.parity.engine.comparison import compare_before
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.engine.recheck import compare_and_keep_pass
from integrations.parity.errors import ParityError
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.snapshot import Snapshot
from tests.integrations.parity.conftest import Pair, only

ROWS = 10_000


@pytest.fixture
def rows(pair: Pair) -> Pair:
    pair.both(
        "create table t (id int primary key, v text)", "create table u (id uuid primary key, v text)",
        f"insert into t select i, 'v' || i from generate_series(1, {ROWS}) i",
        f"insert into u select md5(i::text)::uuid, 'v' || i from generate_series(1, {ROWS}) i",
    )  # fmt: skip
    return pair


def test_equal_samples_are_not_called_equal(rows: Pair) -> None:
    result = rows.compare(sample=10)
    assert (result.mode, result.equal) == ("sample", False)
    for table in result.tables:
        assert table.differing == 0
        assert 700 < table.source_rows == table.target_rows < 1300
        assert (table.mode, table.equal) == ("sample", False)
        assert table.unsound == ["only a sample of about 10 % of its rows was read"]


def test_rows_of_the_sample_that_differ_are_named(rows: Pair) -> None:
    rows.target.run("update t set v = 'x'", "update u set v = 'x'", "delete from t where id % 2 = 0")
    result = rows.compare(sample=5)
    table = only(result, "t")
    assert table.changed + table.missing == table.source_rows < 800
    assert len(table.examples) == 100
    assert only(result, "u").changed == only(result, "u").source_rows > 300


def test_a_sample_of_all_rows_finds_the_one_that_differs(rows: Pair) -> None:
    rows.target.run("update t set v = 'x' where id = 777")
    assert only(rows.compare(sample=100), "t").changed == 1


def test_an_impossible_percentage_is_refused(rows: Pair) -> None:
    with pytest.raises(ParityError, match="cannot be taken"):
        rows.compare(sample=101)


def test_neither_fingerprint_nor_kept_pass_can_be_a_sample(rows: Pair, tmp_path: Path) -> None:
    with Snapshot(rows.source.server) as snapshot:
        before = take_fingerprint(snapshot)
    with pytest.raises(ParityError, match="two live databases only"):
        compare_before(before, rows.target.server, ComparisonOptions(sample=5))
    with pytest.raises(ParityError, match="two live databases only"):
        compare_and_keep_pass(
            rows.source.server, rows.target.server, tmp_path / "pass", ComparisonOptions(sample=5)
        )
    assert not (tmp_path / "pass").exists()
