"""The sums of a table now, from those of a kept pass: only buckets written to since are read again."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from psycopg import sql

from integrations.parity.model.sums import BLOCK_BITS, LOW_BITS, BucketSums
from integrations.parity.server.table_changes import require_unchanged
from integrations.parity.sql.queries import SideQueries

ROW_COUNT = struct.Struct(">hi")  # low bits of a bucket, its rows


def refresh_sums(queries: SideQueries, sums: BucketSums, horizon: int) -> BucketSums:
    """The sums as they are now; ``sums`` are those of the pass, ``horizon`` was its transaction horizon.

    A row version below the horizon was written by a transaction that had ended before the pass, so the
    pass has seen it, in the same bucket. A row that was changed or added since has a younger version
    (also when it is frozen), which tells its bucket. Apart from those, a bucket can only have lost rows:
    when the rows of all buckets add up to the rows of the table, it has lost none.
    """
    rows, written = _find_written_buckets(queries, horizon)
    now = _reread(queries, sums, written)
    if now.rows != rows:
        now = _reread(queries, now, _find_recounted_buckets(queries, now))
    side = queries.expressions.side
    require_unchanged(queries.snapshot, queries.plan.table(side), queries.plan.column_names(side))
    return now


def _reread(queries: SideQueries, sums: BucketSums, buckets: set[int]) -> BucketSums:
    return sums.with_replaced(buckets, queries.read_sums_of(buckets)) if buckets else sums


def _find_written_buckets(queries: SideQueries, horizon: int) -> tuple[int, set[int]]:
    """How many rows the table has, and the buckets that have a row version younger than the horizon."""
    # The scan returns only young rows. PostgreSQL's own statistics tell how many rows it went through;
    # a count(*) in the same scan would take half as long again.
    before = _count_scanned_rows(queries)
    query = sql.SQL(
        "SELECT DISTINCT {bucket} FROM {rows}"
        " WHERE age(r.xmin) <= (SELECT age({horizon}::xid8::xid) OFFSET 0)"
    ).format(
        bucket=queries.bucket,
        rows=queries.expressions.from_clause,
        horizon=sql.Literal(str(horizon)),
    )
    written = {bucket for (bucket,) in queries.snapshot.fetch_rows(query, binary=True)}
    return _count_scanned_rows(queries) - before, written


def _count_scanned_rows(queries: SideQueries) -> int:
    """Rows that scans of the table returned in this transaction; 0 where ``track_counts`` is off.

    Autovacuum needs that setting, too. A wrong number does no harm: the rows then do not add up, and
    each bucket is counted.
    """
    table = queries.plan.table(queries.expressions.side)
    name = sql.Identifier(table.schema, table.name).as_string(queries.snapshot.connection)
    query = sql.SQL(
        "SELECT sum(pg_stat_get_xact_tuples_returned(oid))::bigint FROM (SELECT {table}::regclass::oid AS oid"
        " UNION SELECT relid FROM pg_partition_tree({table}::regclass)) AS files"
    ).format(table=sql.Literal(name))
    return int(queries.snapshot.fetch_value(query))


def _find_recounted_buckets(queries: SideQueries, sums: BucketSums) -> set[int]:
    """The buckets that have another number of rows than in ``sums``."""
    query = sql.SQL(
        "SELECT bucket >> {bits}, string_agg(int2send((bucket & {low})::int2) || int4send(row_count::int4),"
        " ''::bytea ORDER BY bucket)"
        " FROM (SELECT bucket, count(*) AS row_count"
        " FROM (SELECT {bucket} AS bucket FROM {rows} OFFSET 0) AS each GROUP BY 1) AS counts GROUP BY 1"
    ).format(
        bits=sql.Literal(BLOCK_BITS),
        low=sql.Literal(LOW_BITS),
        bucket=queries.bucket,
        rows=queries.expressions.from_clause,
    )
    now: dict[int, bytes] = dict(queries.snapshot.fetch_rows(query, binary=True))
    return {
        number << BLOCK_BITS | low
        for number in sums.blocks.keys() | now.keys()
        for low in _compare_counts(sums.row_counts(number), now.get(number, b""))
    }


def _compare_counts(then: bytes, now: bytes) -> Iterator[int]:
    if then == now:
        return
    before, after = dict(ROW_COUNT.iter_unpack(then)), dict(ROW_COUNT.iter_unpack(now))
    yield from (low for low in before.keys() | after.keys() if before.get(low) != after.get(low))
