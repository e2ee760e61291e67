"""The rows of a table without a key, counted by their content: a million that are the same are one record."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable

from psycopg import sql

from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BLOCK_BITS
from integrations.parity.sql.bucket_conditions import bucket_predicate
from integrations.parity.sql.common_rows import (
    count_by_difference,
    find_common_rows,
    is_none_of,
)
from integrations.parity.sql.queries import RowHashes, SideQueries, token_name

#: Packed by the server: hash of the row, number of such rows; for each rule whether there is a token, and it.
RECORD, TOKEN = "qq", "?q"
PACKED = "CASE WHEN token_{0} IS NULL THEN '\\x{1}'::bytea ELSE '\\x01'::bytea || int8send(token_{0}) END"


def read_row_counts(queries: SideQueries, buckets: Collection[int]) -> dict[int, bytes]:
    """Block of buckets → its records, one for all rows with the same hashes."""
    places = find_common_rows(queries, buckets)
    counts = _read_counts(queries, buckets, places)
    if not places or queries.sums is None:
        return counts
    record, bits = struct.Struct(">" + RECORD), queries.scheme.bits
    others: dict[int, list[tuple[int, int]]] = {_bucket_of(value, bits): [] for value in places}
    for block in {bucket >> BLOCK_BITS for bucket in others}:
        for value, count in record.iter_unpack(counts.get(block, b"")):
            others.get(_bucket_of(value, bits), []).append((value, count))
    common = count_by_difference(places, queries.sums, others, bits)
    if common is None:
        return _read_counts(queries, buckets)
    for value, count in common.items():
        queries.common[value] = count, places[value]
        block = _bucket_of(value, bits) >> BLOCK_BITS
        counts[block] = counts.get(block, b"") + record.pack(value, count)
    return counts


def _bucket_of(value: int, bits: int) -> int:
    return value & ((1 << bits) - 1)


def _read_counts(
    queries: SideQueries, buckets: Collection[int], left_out: Collection[int] = ()
) -> dict[int, bytes]:
    """The same, without rows of these hashes."""
    names = [token_name(number) for number in range(len(queries.plan.tracked_rules))]
    packed = [sql.SQL(PACKED.format(number, "00" * 9)) for number in range(len(names))]
    query = sql.SQL(
        "SELECT (value & {last}) >> {bits}, string_agg({record}, ''::bytea)"
        " FROM (SELECT {rows}, count(*) AS row_count"
        " FROM {table} WHERE {condition} GROUP BY {rows}) AS counts GROUP BY 1"
    ).format(
        last=sql.Literal((1 << queries.scheme.bits) - 1),
        bits=sql.Literal(BLOCK_BITS),
        record=sql.SQL(" || ").join([sql.SQL("int8send(value) || int8send(row_count)"), *packed]),
        # Without the bucket: a million rows that are the same are looked up by it once more each.
        rows=sql.SQL(", ").join([sql.SQL("h.value"), *(sql.SQL("h.{}").format(name) for name in names)]),
        table=queries.hashed_rows(),
        condition=sql.SQL("{} AND {}").format(
            is_none_of(left_out), bucket_predicate(queries.expressions, queries.scheme, buckets)
        ),
    )
    return dict(queries.snapshot.fetch_rows(query, binary=True))


def find_differing_counts(
    source: bytes, target: bytes, plan: TablePlan
) -> tuple[list[tuple[RowHashes, int]], list[tuple[RowHashes, int]]]:
    """What one side has and the other one has not, or has in another number; with the number on each side."""
    record = struct.Struct(">" + RECORD + TOKEN * len(plan.tracked_rules))
    here, there = (
        {one for (one,) in struct.iter_unpack(f"{record.size}s", side)} for side in (source, target)
    )
    return _unpack(record, here - there), _unpack(record, there - here)


def _unpack(record: struct.Struct, packed: Iterable[bytes]) -> list[tuple[RowHashes, int]]:
    found = []
    for one in packed:
        row, count, *rest = record.unpack(one)
        tokens = tuple(token if there else None for there, token in zip(rest[::2], rest[1::2], strict=True))
        found.append((RowHashes(row, tokens), count))
    return found
