"""Keys whose collation takes two texts for one: each row is found once, by its own bytes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutover.embedded import Postgres
from tests.integrations.parity.conftest import Database, Pair
from tests.ports import free_port
from tests.servers import new_folder

#: To this collation k5 and K5 are the same.
COLLATION = "create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two databases of Debian's PostgreSQL, which knows collations of ICU."""
    programs = Path("/usr/lib/postgresql/15/bin")
    assert programs.is_dir(), "the tests need Debian's package postgresql-15"
    folder = new_folder("icu")
    server = Postgres(folder / "pg", port=free_port(), password="of-a-test", fsync=False, programs=programs)
    try:
        url = server.start().url
        Database(url()).run("create database other")
        yield Pair(Database(url()), Database(url("other")))
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.mark.parametrize("settle", [0, 0.01])
def test_a_key_that_changed_its_case_is_one_row_on_each_side(pair: Pair, settle: float) -> None:
    pair.both(
        COLLATION, "create table t (k text collate loose primary key, v text)",
        "insert into t select 'k' || i, 'v' from generate_series(1, 3000) i", "analyze t",
    )  # fmt: skip
    pair.target.run("update t set k = 'K5' where k = 'k5'", "update t set v = 'w' where k = 'k7'",
                    "update t set k = 'K9' where k = 'k9'")  # fmt: skip
    found = pair.table("t", settle=settle, structure="off")
    assert (found.changed, found.missing, found.extra) == (1, 2, 2)
    rows = sorted((row.kind, row.key["k"]) for row in found.examples)
    assert rows == [("changed", "k7"), ("extra", "K5"), ("extra", "K9"), ("missing", "k5"), ("missing", "k9")]
    assert len(found.repair) == len(set(found.repair))
