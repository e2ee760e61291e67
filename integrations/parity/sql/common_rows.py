"""Rows of a table without a key that are there very often, as a million that are all the same.

To group them takes a server longer than to pass them over, and their number is known without that: it is that
of the rows of their bucket, less the other ones in it. So one of them is looked for, and the others counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from psycopg import sql

from integrations.parity.model.sums import BucketSums, wrap_sum
from integrations.parity.sql.queries import Location, SideQueries

FEWEST = 10_000  # rows of a bucket from which on most of them may be the same
EXCESS = 16  # times the rows that a bucket would have if none were the same
MOST_BUCKETS = 8  # in which one is looked for; that ends with the first row that is found


def find_common_rows(queries: SideQueries, buckets: Collection[int]) -> dict[int, Location]:
    """Hash and location of one row of each of these buckets that has far too many of them."""
    sums, table = queries.sums, queries.plan.table(queries.expressions.side)
    if sums is None or queries.plan.tracked_rules or table.is_view:
        return {}
    fewest = max(FEWEST, EXCESS * (sums.rows >> queries.scheme.bits))
    large = [bucket for bucket in sorted(buckets) if bucket in sums and sums[bucket].rows >= fewest]
    found: dict[int, Location] = {}
    for bucket in large[:MOST_BUCKETS]:
        query = sql.SQL("SELECT h.value, h.partition, textin(tidout(h.line)) FROM {} WHERE {} = {} LIMIT 1")
        one = query.format(located_rows(queries), queries.bucket, sql.Literal(bucket))
        found |= {value: (partition, line) for value, partition, line in queries.snapshot.fetch_rows(one)}
    return found


def is_none_of(values: Iterable[int]) -> sql.Composable:
    """The condition that the hash of a row ``h`` is another one."""
    others = [sql.SQL("h.value <> {}").format(sql.Literal(value)) for value in values]
    return sql.SQL(" AND ").join(others) if others else sql.SQL("true")


def count_by_difference(
    values: Collection[int], sums: BucketSums, others: Mapping[int, Iterable[tuple[int, int]]], bits: int
) -> dict[int, int] | None:
    """The number of rows of each of these hashes, by what ``sums`` says of their buckets.

    ``others``: bucket → (hash, number) of all other rows in it. None where the sums of the hashes say that
    this is not what the bucket holds.
    """
    counts = {}
    for value in values:
        bucket = value & ((1 << bits) - 1)
        rows, total = sums[bucket][:2]
        for other, count in others[bucket]:
            rows, total = rows - count, total - count * other
        if rows < 1 or wrap_sum(total - rows * value):
            return None
        counts[value] = rows
    return counts


def located_rows(queries: SideQueries) -> sql.Composable:
    """`SideQueries.hashed_rows` with ``h.partition`` (0: the table has none) and the ctid ``h.line``."""
    partitioned = queries.plan.table(queries.expressions.side).partitioned
    partition = sql.SQL("r.tableoid::bigint AS partition" if partitioned else "0::bigint AS partition")
    return queries.hashed_rows(partition, sql.SQL("r.ctid AS line"))
