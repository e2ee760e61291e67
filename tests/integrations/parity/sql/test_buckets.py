"""The bucket of a row is the same in every session, on every server and in files that were kept: all compare
sums by it. And no bucket has many times the rows of another, also where keys follow the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import psycopg

from integrations.parity.model.buckets import BucketScheme
from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.plan import SchemaDifference, plan_table
from integrations.parity.model.sums import BucketSum
from integrations.parity.server.catalog import read_tables
from integrations.parity.server.snapshot import PostgresServer, Snapshot
from integrations.parity.sql.queries import SideQueries
from tests.integrations.parity.conftest import Pair

ROWS = 2000
TABLES = (
    "create table random as select md5(i::text)::uuid as id, 'v' || i as v from generate_series(1, {n}) i",
    # Version 7: milliseconds in the first six bytes, here one row each.
    "create table by_clock as select (lpad(to_hex(1764600000000 + i), 12, '0') || '7abc8'"
    " || left(md5(i::text), 15))::uuid as id, 'v' || i as v from generate_series(1, {n}) i",
    "create table keyless as select i as a from generate_series(1, {n}) i",
    "alter table random add primary key (id)",
    "alter table by_clock add primary key (id)",
)
#: Table → its buckets 0 and 63: rows and sum of hashes. As kept files have them, so never another value.
KEPT = {
    "random": [(34, 3388724837766193983), (28, 650521642492401773)],
    "by_clock": [(33, 8153574301430355407), (32, 4483614130350975524)],
    "keyless": [(28, 1368995637207747136), (34, 8409477874247276254)],
}
HOSTILE = "-c statement_timeout=7min -c datestyle=German -c enable_seqscan=off -c work_mem=128kB"


def read_sums(server: PostgresServer, table: str, timeout: int) -> Mapping[int, BucketSum]:
    with Snapshot(server, statement_timeout=timeout) as snapshot:
        found = read_tables(snapshot)["public", table]
        plan = plan_table(found, found, DeclaredRules(()), SchemaDifference())
        return SideQueries(snapshot, plan, "source", BucketScheme("hash", 6)).read_sums()


def test_buckets_are_those_of_every_other_session_and_of_kept_files(pair: Pair) -> None:
    pair.source.run(*(text.format(n=ROWS) for text in TABLES))

    def connect() -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(pair.source.url, autocommit=True, application_name="other", options=HOSTILE)

    other = replace(pair.source.server, open=connect)
    for table in KEPT:
        sums = read_sums(pair.source.server, table, 1800)
        assert sums == read_sums(other, table, 60)
        assert sums.keys() == set(range(64))
        rows = sorted(found.rows for found in sums.values())
        assert ROWS / 64 / 2.5 < rows[0] <= rows[-1] < ROWS / 64 * 2
        assert [tuple(sums[bucket])[:2] for bucket in (0, 63)] == KEPT[table]
