"""Queries that prove declared differences by sums: which rows a rule touches on one side, and sums of the
other side over these rows, or over all others.

A proof compares two sums of hashes. Which rows are summed only decides whether it succeeds: a wrong set of
rows makes the sums differ, and the rows are read.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from psycopg import sql

from integrations.parity.model.sums import BucketSums
from integrations.parity.sql.queries import SideQueries

MAX_NUMBERS = 1_000_000  # rows that are named one by one in a statement: 20 MB
MAX_SET_BITS = 1 << 25  # of a bitmap in a statement: 4 MB
MAX_KEYS = 4_000_000  # rows that are named by integer keys, which fit into a bitmap: 32 MB in memory


class TouchedRows(NamedTuple):
    """Rows that one tracked rule touches on one side, or (``others``) those that it does not touch there.

    ``rule`` is the position of the rule among the tracked ones.
    """

    rule: int
    others: bool


@dataclass
class RowSet:
    """The numbers of these rows: their integer keys, or hashes of their keys."""

    rows: TouchedRows
    numbers: array[int] = field(default_factory=lambda: array("q"))

    def add(self, packed: bytes | None) -> None:
        """Adds numbers of 8 bytes, the highest first."""
        more = array("q", packed or b"")
        if sys.byteorder == "little":
            more.byteswap()
        self.numbers.extend(more)

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest number; not to be asked before all are added, as all that follows."""
        return min(self.numbers, default=0), max(self.numbers, default=0)

    @property
    def is_short(self) -> bool:
        """Whether the set fits into a statement as a bitmap."""
        return self.bounds[1] - self.bounds[0] < MAX_SET_BITS

    @property
    def fits(self) -> bool:
        """Whether the set fits into a statement."""
        return self.is_short or len(self.numbers) <= MAX_NUMBERS

    @cached_property
    def bitmap(self) -> bytes:
        """A bit for each number from the lowest to the highest one, in the order of get_bit()."""
        first, last = self.bounds
        bits = bytearray((last - first) // 8 + 1)
        for number in self.numbers:
            bits[(number - first) >> 3] |= 1 << ((number - first) & 7)
        return bytes(bits)

    @cached_property
    def listed(self) -> str:
        """The numbers as the text of an array."""
        return f"{{{','.join(map(str, self.numbers))}}}"


def read_touched_rows(
    side: SideQueries, wanted: Iterable[TouchedRows], condition: sql.Composable | None
) -> list[bytes | None]:
    """The numbers of these rows of one side, for each of ``wanted``."""
    tokens = side.expressions.tokens
    shape = sql.SQL("string_agg(int8send({}), ''::bytea) FILTER (WHERE ({}) IS {} TRUE)")
    columns = [
        shape.format(_number(side), tokens[rows.rule].applies, sql.SQL("NOT" if rows.others else ""))
        for rows in wanted
    ]
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
        sql.SQL(", ").join(columns), side.expressions.from_clause, side.in_sample_and(condition)
    )
    ((*packed,),) = side.snapshot.fetch_rows(query, binary=True)
    return packed


def read_token_sums(
    side: SideQueries, sets: Sequence[RowSet], condition: sql.Composable | None
) -> BucketSums:
    """For each set, the tokens of its rule in each bucket, over the rows of this side that are in the set.

    The sums of row hashes are left out, and buckets that have no such row.
    """
    names = [f"token_{place}" for place in range(len(sets))]
    in_sets = sql.SQL(" OR ").join(sql.SQL("({})").format(_is_in(side, rows)) for rows in sets)
    named = sql.SQL("SELECT {} AS bucket, {} FROM {} WHERE ({}) AND {} OFFSET 0").format(
        side.bucket,
        sql.SQL(", ").join(_token_in(side, *each) for each in zip(names, sets, strict=True)),
        side.expressions.from_clause,
        in_sets,
        side.in_sample_and(condition),
    )  # OFFSET: each token is computed once
    columns = [sql.SQL("bucket, count(*) AS row_count, 0::numeric AS hash_sum").format()]
    for place, name in enumerate(names):
        told = (sql.Identifier(f"{what}_{place}") for what in ("touched", "token_sum"))
        columns.append(sql.SQL("count({0}) AS {1}, sum({0}) AS {2}").format(sql.Identifier(name), *told))
    sums = sql.SQL("SELECT {} FROM ({}) AS named GROUP BY 1").format(sql.SQL(", ").join(columns), named)
    return side.fetch_sums(sums, len(names))


def _token_in(side: SideQueries, name: str, rows: RowSet) -> sql.Composable:
    token = side.expressions.tokens[rows.rows.rule]
    return sql.SQL("CASE WHEN {} AND ({}) THEN {} END AS {}").format(
        token.applies, _is_in(side, rows), token.hash, sql.Identifier(name)
    )


def _number(side: SideQueries) -> sql.Composable:
    """What a row is known by: its integer key, if that decides its bucket, else the hash of its key."""
    if side.scheme.how == "range":
        return sql.SQL("{}::bigint").format(side.expressions.column(side.plan.key_pairs[0]))
    return side.expressions.key_hash


def _is_in(side: SideQueries, rows: RowSet) -> sql.Composable:
    number = _number(side)
    if not rows.numbers:
        return sql.SQL("false")
    if side.scheme.how == "range" and rows.is_short:
        # CASE keeps get_bit() from numbers outside of the bitmap, which are an error.
        shape = sql.SQL("CASE WHEN {0} BETWEEN {1} AND {2} THEN get_bit({3}, ({0} - {1})::int) = 1 END")
        return shape.format(number, *map(sql.Literal, rows.bounds), sql.Literal(rows.bitmap))
    return sql.SQL("{} IN (SELECT unnest({}::bigint[]))").format(number, sql.Literal(rows.listed))


def may_name(side: SideQueries, counts: Mapping[TouchedRows, int]) -> bool:
    """Whether sets of so many rows may be asked for."""
    most = MAX_KEYS if side.scheme.how == "range" else MAX_NUMBERS
    return max(counts.values(), default=0) <= most
