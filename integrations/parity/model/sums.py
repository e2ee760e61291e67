"""Bucket sums of one side of a table, packed: 100,000 buckets take two megabytes instead of a hundred."""

from __future__ import annotations

import base64
import hashlib
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import zip_longest
from typing import Any, NamedTuple

from psycopg import sql

BLOCK_BITS = 8  # 256 buckets are packed into one string of bytes, a block
LOW_BITS = (1 << BLOCK_BITS) - 1  # the part of a bucket's number that a record holds
PAIR_AT = 2  # the first pair of a record: a count of 4 bytes, a sum of 8; see `_record`
PAIR_BYTES = 12
SUM_MODULUS = 1 << 63  # sums of row hashes are kept modulo this, so that they fit into 8 bytes

EMPTY = b""


class BucketSum(NamedTuple):
    """One bucket: its rows, the sum of their hashes, and (count, sum of tokens) for each tracked rule.

    Both kinds of sums are kept modulo `SUM_MODULUS`.
    """

    rows: int
    sum: int
    tracked: tuple[tuple[int, int], ...]


def wrap_sum(total: int) -> int:
    """A sum modulo `SUM_MODULUS`; adding wrapped sums and wrapping again gives the wrapped total."""
    return total % SUM_MODULUS


class BucketSums(Mapping[int, BucketSum]):
    """Bucket → `BucketSum`.

    ``blocks`` maps the number of a block to its records, ordered by bucket; ``tracked`` is the number of
    tracked rules. Blocks that are the same on both sides are compared without being unpacked.
    """

    def __init__(self, blocks: Mapping[int, bytes], tracked: int = 0) -> None:
        self.blocks, self.tracked = dict(blocks), tracked
        self._record = _record(tracked)

    @classmethod
    def from_mapping(cls, sums: Mapping[int, BucketSum], tracked: int) -> BucketSums:
        """Packs a plain mapping."""
        record = _record(tracked)
        blocks: dict[int, bytearray] = {}
        for bucket, found in sorted(sums.items()):
            numbers = (number for pair in found.tracked for number in pair)
            packed = record.pack(bucket & LOW_BITS, found.rows, found.sum, *numbers)
            blocks.setdefault(bucket >> BLOCK_BITS, bytearray()).extend(packed)
        return cls({number: bytes(block) for number, block in blocks.items()}, tracked)

    def __getitem__(self, bucket: int) -> BucketSum:
        block = self.blocks[bucket >> BLOCK_BITS]
        for low, found in self._unpack(block):
            if low == bucket & LOW_BITS:
                return found
        raise KeyError(bucket)

    def __iter__(self) -> Iterator[int]:
        return (bucket for bucket, _ in self.sorted_items())

    def __len__(self) -> int:
        return sum(len(block) for block in self.blocks.values()) // self._record.size

    def sorted_items(self) -> Iterator[tuple[int, BucketSum]]:
        """Every bucket with its sum, in order; unpacks each block once."""
        for number in sorted(self.blocks):
            for low, found in self._unpack(self.blocks[number]):
                yield number << BLOCK_BITS | low, found

    def _unpack(self, block: bytes) -> Iterator[tuple[int, BucketSum]]:
        if not self.tracked:
            records = self._record.iter_unpack(block)
            yield from ((low, BucketSum(rows, total, ())) for low, rows, total in records)
            return
        for low, rows, total, *rest in self._record.iter_unpack(block):
            yield low, BucketSum(rows, total, tuple(zip(rest[::2], rest[1::2], strict=True)))

    def _differing_records(self, mine: bytes, other: bytes) -> tuple[set[bytes], set[bytes]]:
        """The records of two blocks, less those that are the same at the same position: nearly all are."""
        each = struct.Struct(f"{self._record.size}s").iter_unpack
        pairs = [pair for pair in zip_longest(each(mine), each(other)) if pair[0] != pair[1]]
        here, there = ({one[0] for one in side if one} for side in zip(*pairs, strict=True))
        return here, there

    @cached_property
    def rows(self) -> int:
        """Rows in all buckets."""
        return self.totals.rows

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the sums of all buckets together: the same content gives the same digest.

        The buckets themselves do not count: the server's estimate of the rows decides how many there are, and
        autovacuum corrects it at any time.
        """
        pairs = [self.totals[:2], *self.totals.tracked]
        return hashlib.sha256(str(pairs).encode()).hexdigest()

    @cached_property
    def totals(self) -> BucketSum:
        """All buckets together."""
        starts = [PAIR_AT + PAIR_BYTES * number for number in range(1 + self.tracked)]
        (rows, total), *tracked = [(self._add_up(at, 4), wrap_sum(self._add_up(at + 4, 8))) for at in starts]
        return BucketSum(rows, total, tuple(tracked))

    def _add_up(self, at: int, width: int) -> int:
        """The sum over all buckets of the big-endian number of so many bytes at a place of each record."""
        # Slicing adds up all records one byte position at a time, many times faster than unpacking them.
        together, size = self._together, self._record.size
        return sum(sum(together[at + byte :: size]) << 8 * (width - 1 - byte) for byte in range(width))

    @cached_property
    def _together(self) -> bytes:
        return b"".join(self.blocks.values())

    def differing_buckets(
        self, other: BucketSums
    ) -> Iterator[tuple[int, BucketSum | None, BucketSum | None]]:
        """Buckets whose sums differ, with both sums (None: no rows), in order."""
        for number in sorted(self.blocks.keys() | other.blocks.keys()):
            here, there = self.blocks.get(number, EMPTY), other.blocks.get(number, EMPTY)
            if here == there:
                continue
            mine, others = self._differing_records(here, there)
            ours = dict(self._unpack(b"".join(mine - others)))
            theirs = dict(other._unpack(b"".join(others - mine)))
            for low in sorted(ours.keys() | theirs.keys()):
                yield number << BLOCK_BITS | low, ours.get(low), theirs.get(low)

    def row_counts(self, block: int) -> bytes:
        """Low bits and row count (2 + 4 bytes) of each bucket of a block."""
        head = struct.Struct(f"6s{self._record.size - 6}x")
        return b"".join(counts for (counts,) in head.iter_unpack(self.blocks.get(block, EMPTY)))

    def with_replaced(self, buckets: Iterable[int], fresh: BucketSums) -> BucketSums:
        """These sums with those of ``buckets`` taken from ``fresh``; a bucket that it lacks is empty now."""
        blocks = dict(self.blocks)
        for bucket in buckets:
            number, low = bucket >> BLOCK_BITS, bucket & LOW_BITS
            block, newer = blocks.get(number, EMPTY), fresh.blocks.get(number, EMPTY)
            old, new = self._slice_of(block, low), self._slice_of(newer, low)
            blocks[number] = block[: old.start] + newer[new] + block[old.stop :]
        return BucketSums({number: block for number, block in blocks.items() if block}, self.tracked)

    def _slice_of(self, block: bytes, low: int) -> slice:
        """Where the record of a bucket lies in its block; an empty slice if it has none."""
        size = self._record.size
        number = bisect_left(range(len(block) // size), low, key=lambda n: block[n * size + 1])
        found = block[number * size + 1 : number * size + 2] == bytes((low,))
        return slice(number * size, (number + found) * size)

    def as_facts(self) -> dict[str, Any]:
        """JSON values; in hex, because a recheck reads them during the downtime, and base64 takes five times
        as long to read."""
        return {
            "tracks": self.tracked,
            "hex": {str(number): block.hex() for number, block in self.blocks.items()},
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> BucketSums:
        """Reads `as_facts`, and the base64 under ``shelves`` that older files have."""
        if "hex" in facts:
            blocks = {int(number): bytes.fromhex(block) for number, block in facts["hex"].items()}
        else:
            blocks = {int(number): base64.b64decode(block) for number, block in facts["shelves"].items()}
        return cls(blocks, facts["tracks"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BucketSums) and (self.blocks, self.tracked) == (other.blocks, other.tracked)

    __hash__ = None  # type: ignore[assignment]  # a mapping


def _record(tracked: int) -> struct.Struct:
    """Low bits of the bucket, rows, sum; then count and sum of tokens for each tracked rule."""
    return struct.Struct(">hiq" + "iq" * tracked)


def add_sums(parts: Iterable[BucketSums]) -> BucketSums:
    """Adds the sums of parts of a table: other rows in the same buckets."""
    whole: dict[int, bytes] = {}
    tracked = 0
    for part in parts:
        tracked = part.tracked
        for number, block in part.blocks.items():
            whole[number] = _add_blocks(whole[number], block, tracked) if number in whole else block
    return BucketSums(whole, tracked)


def _add_blocks(one: bytes, other: bytes, tracked: int) -> bytes:
    record = _record(tracked)
    found: dict[int, list[int]] = {}
    for block in (one, other):
        for low, *numbers in record.iter_unpack(block):
            known = found.get(low)
            found[low] = numbers if known is None else [a + b for a, b in zip(known, numbers, strict=True)]
    # Counts stand at even positions, sums at odd ones: only sums are wrapped.
    return b"".join(
        record.pack(low, *(wrap_sum(n) if place % 2 else n for place, n in enumerate(numbers)))
        for low, numbers in sorted(found.items())
    )


def packed_sums_query(sums: sql.Composable, tracked: int) -> sql.Composable:
    """Wraps a query for the sums of single buckets, so that the server packs them into blocks.

    ``sums`` has the columns ``bucket``, ``row_count``, ``hash_sum`` and, for each tracked rule,
    ``touched_0``, ``token_sum_0``, … The rows of the answer are (number of the block, its records).
    """
    parts = [
        "int2send((bucket & {low})::int2)",
        "int4send(row_count::int4)",
        "int8send((hash_sum % {modulus})::int8 & {positive})",
    ]
    for number in range(tracked):
        parts += [
            f"int4send(touched_{number}::int4)",
            f"int8send((coalesce(token_sum_{number}, 0) % {{modulus}})::int8 & {{positive}})",
        ]
    record = " || ".join(parts)
    query = f"SELECT bucket >> {{bits}}, string_agg({record}, ''::bytea ORDER BY bucket)"
    return sql.SQL(query + " FROM ({sums}) AS sums GROUP BY 1").format(
        low=sql.Literal(LOW_BITS),
        modulus=sql.SQL(str(SUM_MODULUS)),
        positive=sql.Literal(SUM_MODULUS - 1),
        bits=sql.Literal(BLOCK_BITS),
        sums=sums,
    )
