"""Queries about one table on one side: bucket sums, rows of buckets, rows and values by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import LiteralString, NamedTuple, TypeVar

from psycopg import sql

from integrations.parity.model.buckets import BucketScheme
from integrations.parity.model.packed_rows import PackedRows, read_location
from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BLOCK_BITS, BucketSums, packed_sums_query
from integrations.parity.server.both_sides import run_both
from integrations.parity.server.snapshot import Row, Snapshot
from integrations.parity.sql.bucket_conditions import bucket_number, bucket_predicate
from integrations.parity.sql.keys import RowKey, key_predicate
from integrations.parity.sql.row_hash import SideExpressions

Answer = TypeVar("Answer")
Location = tuple[int, str]  # of a row: its partition (0: the table has none) and its ctid

LOCATIONS_PER_QUERY = 2000
SAMPLE_SHARES = 1 << 16  # a sample is a number of these shares of the rows
# Compiling the query pays only for many rows. For few buckets an index is used, and few rows are hashed.
COMPILE_FROM_ROWS = 1_000_000
COMPILE_FROM_BUCKETS = 5_000


class RowHashes(NamedTuple):
    """The hash of a row, and a token for each tracked rule that applies to it (else None)."""

    row: int
    tokens: tuple[int | None, ...]


def token_name(number: int) -> sql.Identifier:
    """The column with the token of the rule of that number, in `SideQueries.hashed_rows`."""
    return sql.Identifier(f"token_{number}")


class SideQueries:
    """All queries about one table in one side's snapshot; ``side`` is ``source`` or ``target``.

    ``sample`` is the percentage of rows to read, 0 for all. ``sums`` are those of all buckets in this
    snapshot, once they are read; ``common`` has number and location of rows that are there very often, by
    their hash (common_rows.py).
    """

    def __init__(
        self, snapshot: Snapshot, plan: TablePlan, side: str, scheme: BucketScheme, sample: float = 0
    ) -> None:
        self.snapshot, self.plan, self.scheme, self.sample = snapshot, plan, scheme, sample
        self.expressions = SideExpressions(plan, side)
        self.sums: BucketSums | None = None
        self.common: dict[int, tuple[int, Location]] = {}

    def with_snapshot(self, snapshot: Snapshot) -> SideQueries:
        """The same queries in another session that sees the same."""
        return SideQueries(snapshot, self.plan, self.expressions.side, self.scheme, self.sample)

    @property
    def bucket(self) -> sql.Composable:
        """The number of a row's bucket."""
        return bucket_number(self.expressions, self.scheme)

    def read_sums(self, condition: sql.Composable | None = None) -> BucketSums:
        """The sums of all buckets, over all rows or those that meet a condition: the expensive query."""
        return self._read_sums(condition, COMPILE_FROM_BUCKETS)

    def read_sums_of(self, buckets: Collection[int]) -> BucketSums:
        """The sums of these buckets only."""
        condition = bucket_predicate(self.expressions, self.scheme, buckets)
        return self._read_sums(condition, len(buckets))

    def _read_sums(self, condition: sql.Composable | None, buckets: int) -> BucketSums:
        bucket = sql.SQL("{} AS bucket")
        rows = self.hashed_rows(*[bucket.format(self.bucket)] * bool(self.plan.key), condition=condition)
        columns = [
            # Without a key, the hash of the row is all that decides.
            sql.SQL("h.bucket") if self.plan.key else bucket.format(self.bucket),
            sql.SQL("count(*) AS row_count"),
            sql.SQL("sum(h.value) AS hash_sum"),
        ]
        for number in range(len(self.plan.tracked_rules)):
            shape = sql.SQL("count(h.{token}) AS {touched}, sum(h.{token}) AS {token_sum}")
            columns.append(shape.format(
                token=token_name(number),
                touched=sql.Identifier(f"touched_{number}"),
                token_sum=sql.Identifier(f"token_sum_{number}"),
            ))  # fmt: skip
        sums = sql.SQL("SELECT {} FROM {} GROUP BY 1").format(sql.SQL(", ").join(columns), rows)
        return self.fetch_sums(sums, len(self.plan.tracked_rules), buckets)

    def hashed_rows(
        self, *columns: sql.Composable, condition: sql.Composable | None = None
    ) -> sql.Composable:
        """The rows ``h`` that meet a condition: ``h.value`` is the hash of a row, the others are its tokens
        (`token_name`) and these ``columns`` of it.

        Each of them is computed once. It is a query of its own, as OFFSET says, which PostgreSQL carries out
        while it scans the table. To group its rows takes less time than to group those of the table itself:
        only what is named here is handed on, and the planner does not expect as many buckets as keys, for
        which it would spread them over a table of 20 MB.
        """
        side = self.expressions
        alone = not self.plan.key and not self.plan.tracked_rules and not self.sample
        shape = sql.SQL("CASE WHEN {} THEN {} END AS {}")
        tokens = [shape.format(*token, token_name(number)) for number, token in enumerate(side.tokens)]
        return sql.SQL("(SELECT {} FROM {} WHERE {} OFFSET 0) AS h").format(
            # A join would have to hand on the hash as ``h.value``, which takes as long as to compute it.
            sql.SQL(", ").join(
                [
                    sql.SQL("{} AS value").format(side.content_hash if alone else side.row_hash),
                    *tokens,
                    *columns,
                ]
            ),
            side.plain_from_clause if alone else side.from_clause,
            self.in_sample_and(condition),
        )

    def fetch_sums(
        self, sums: sql.Composable, tracked: int, buckets: int = COMPILE_FROM_BUCKETS
    ) -> BucketSums:
        """The answer to a query for sums of so many buckets, with the columns of `packed_sums_query`."""
        return BucketSums(dict(self._fetch_hashed(packed_sums_query(sums, tracked), buckets)), tracked)

    def _fetch_hashed(self, query: sql.Composable, buckets: int) -> list[Row]:
        """Runs a query that hashes all rows of so many buckets."""
        rows = self.plan.table(self.expressions.side).estimate
        compiled = buckets >= COMPILE_FROM_BUCKETS and rows > COMPILE_FROM_ROWS
        return self.snapshot.fetch_rows(query, binary=True, compiled=compiled)

    def in_sample_and(self, condition: sql.Composable | None) -> sql.Composable:
        """The condition, and that the row is in the sample, which depends only on the hash of its key."""
        conditions = [condition] if condition else []
        if self.sample:
            share = sql.Literal(max(1, round(self.sample / 100 * SAMPLE_SHARES)))
            # The low bits of the hash choose the bucket. Other bits choose the sample, so that every
            # bucket has its share of it.
            shape = sql.SQL("(({} >> 20) & {}) < {}")
            last = sql.Literal(SAMPLE_SHARES - 1)
            conditions.append(shape.format(self.expressions.key_hash, last, share))
        return sql.SQL(" AND ").join(conditions or [sql.SQL("true")])

    def read_records(self, buckets: Collection[int], *, keys: bool = False) -> dict[int, PackedRows]:
        """The rows of these buckets as packed records, by block: small enough to compare in the CPU cache.

        ``keys``: with the key itself instead of its hash and location. The key must be an integer, and none
        of the rows may have NULL there.
        """
        row = self.expressions.row_hash
        if self.plan.tracked_rules:
            row = sql.SQL('hashtextextended(textin(array_out({})) COLLATE "C", {})').format(
                self.token_array, row
            )
        query = sql.SQL(
            "SELECT block, string_agg(hash, ''::bytea), string_agg(rest, ''::bytea)"
            " FROM (SELECT {} >> {} AS block, int8send({}) AS hash, {} AS rest FROM {} WHERE {} OFFSET 0)"
            " AS packed GROUP BY 1"
        ).format(
            self.bucket,
            sql.Literal(BLOCK_BITS),
            row,
            self._integer_key if keys else self._key_hash_and_location,
            self.expressions.from_clause,
            self.in_sample_and(bucket_predicate(self.expressions, self.scheme, buckets)),
        )
        return {row[0]: PackedRows(*row[1:]) for row in self._fetch_hashed(query, len(buckets))}

    @property
    def _integer_key(self) -> sql.Composable:
        return sql.SQL("int8send({}::bigint)").format(self.expressions.column(self.plan.key_pairs[0]))

    @property
    def _key_hash_and_location(self) -> sql.Composable:
        return sql.SQL("int8send({}) || {}").format(self._key_identity, self._location)

    @property
    def _location(self) -> sql.Composable:
        table = self.plan.table(self.expressions.side)
        if table.is_view:
            return sql.SQL("''::bytea")
        return sql.SQL("oidsend(r.tableoid) || tidsend(r.ctid)" if table.partitioned else "tidsend(r.ctid)")

    @property
    def _key_identity(self) -> sql.Composable:
        """The hash of the key, in which NULL differs from the value that replaces it in the key hash."""
        nulls = [
            sql.SQL("({} IS NULL)::int::bigint << {}").format(
                self.expressions.column(pair), sql.Literal(bit % 60)
            )
            for bit, pair in enumerate(self.plan.key_pairs)
        ]
        words = [sql.SQL("({})").format(part) for part in (self.expressions.key_hash, *nulls)]
        return sql.SQL("({})").format(sql.SQL(" # ").join(words))

    def read_keys(self, records: Collection[bytes]) -> Iterator[RowKey]:
        """The keys of the rows of these records, which must be of the same snapshot."""
        for condition in self._location_conditions(records):
            query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
                self.expressions.key_texts, self.expressions.from_clause, condition
            )
            for (key,) in self.snapshot.fetch_rows(query):
                yield tuple(key)

    def read_hashes_of(self, records: Collection[bytes]) -> Iterator[tuple[RowKey, RowHashes]]:
        """Key and hashes of the rows of these records, which must be of the same snapshot."""
        for condition in self._location_conditions(records):
            for key, row, tokens in self.snapshot.fetch_rows(self._select_hashes(condition)):
                yield tuple(key), RowHashes(row, tuple(tokens))

    def _select_hashes(self, condition: sql.Composable) -> sql.Composable:
        side = self.expressions
        return sql.SQL("SELECT {}, {}, {} FROM {} WHERE {}").format(
            side.key_texts, side.row_hash, self.token_array, side.from_clause, condition
        )

    def _location_conditions(self, records: Collection[bytes]) -> Iterator[sql.Composable]:
        """Conditions that together find the rows of these records."""
        if self.plan.table(self.expressions.side).is_view:
            # Rows of a view have no location: read it as a whole, for the hashes of these keys.
            wanted = sorted({int.from_bytes(record[:8], signed=True) for record in records})
            yield sql.SQL("{} = ANY({}::bigint[])").format(self._key_identity, sql.Literal(wanted))
            return
        by_partition: dict[int, list[str]] = {}
        for partition, line in map(read_location, records):
            by_partition.setdefault(partition, []).append(line)
        for partition, lines in by_partition.items():
            in_partition: sql.Composable = sql.SQL("")
            if partition:
                in_partition = sql.SQL(" AND r.tableoid = {}::oid").format(sql.Literal(partition))
            for start in range(0, len(lines), LOCATIONS_PER_QUERY):
                some = sql.Literal(lines[start : start + LOCATIONS_PER_QUERY])
                yield sql.SQL("r.ctid = ANY({}::tid[])").format(some) + in_partition

    @property
    def token_array(self) -> sql.Composable:
        """The token of each tracked rule, or NULL where it does not apply."""
        shape = sql.SQL("CASE WHEN {} THEN {} END")
        tokens = (shape.format(token.applies, token.hash) for token in self.expressions.tokens)
        return sql.SQL("ARRAY[{}]::bigint[]").format(sql.SQL(", ").join(tokens))

    def read_hashes_at(self, keys: Collection[RowKey]) -> dict[RowKey, Counter[RowHashes]]:
        """The rows that have these keys now, counted; several under one key where nothing keeps it unique."""
        found: dict[RowKey, Counter[RowHashes]] = {key: Counter() for key in keys}
        for key, row, tokens, rows in self.snapshot.stream_rows(self.select_groups(keys)):
            if tuple(key) in found:
                found[tuple(key)][RowHashes(row, tuple(tokens))] = rows
        return found

    def select_groups(self, keys: Collection[RowKey], *more: sql.Composable) -> sql.Composable:
        """Key, hashes and number of the rows that are the same, and more aggregates of them.

        A million rows may have the same hash where there is no key, or no unique one.
        """
        side = self.expressions
        # Columns may have collations that cannot be mixed, or that take two texts for the same.
        columns = [side.key_texts + sql.SQL(' COLLATE "C"'), side.row_hash, self.token_array]
        return sql.SQL("SELECT {}, {} FROM {} WHERE {} GROUP BY 1, 2, 3 ORDER BY 2, 3").format(
            sql.SQL(", ").join(columns),
            sql.SQL(", ").join([sql.SQL("count(*)"), *more]),
            side.from_clause,
            key_predicate(side, keys),
        )


def query_both(
    source: SideQueries, target: SideQueries, query: Callable[[SideQueries], Answer]
) -> tuple[Answer, Answer]:
    """The answers of both sides of a table to the same query, run at the same time."""
    return run_both(source.snapshot, lambda: query(source), target.snapshot, lambda: query(target))


def array_expression(values: Iterable[sql.Composable], kind: LiteralString) -> sql.Composable:
    """An array of that type."""
    return sql.SQL("ARRAY[{}]::{}[]").format(sql.SQL(", ").join(values), sql.SQL(kind))
