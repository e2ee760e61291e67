"""The number of a row's bucket in SQL, and the condition that a row lies in one of some buckets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from psycopg import sql

from integrations.parity.model.buckets import BucketScheme
from integrations.parity.sql.row_hash import SideExpressions

NULL_KEY_BUCKET = 1 << 62  # rows whose integer key is NULL: possible where only the other side forbids it
MAX_BITMAP_BITS = 1 << 20  # 128 kB in a statement
MAX_RANGES = 200  # ranges of keys in one statement


def bucket_number(side: SideExpressions, scheme: BucketScheme) -> sql.Composable:
    """The number of the bucket of a row of that side."""
    if scheme.how == "range":
        shape = sql.SQL("coalesce({}::bigint >> {}, {})")
        return shape.format(_key(side), sql.Literal(scheme.bits), sql.Literal(NULL_KEY_BUCKET))
    return sql.SQL("({} & {})").format(side.key_hash, sql.Literal((1 << scheme.bits) - 1))


def bucket_predicate(side: SideExpressions, scheme: BucketScheme, buckets: Collection[int]) -> sql.Composable:
    """The condition that a row is in one of ``buckets``; for ranges of keys an index can help."""
    number, wanted = bucket_number(side, scheme), sorted(buckets)
    if scheme.how == "hash":
        # Computing a hash costs more than looking it up, so it must appear only once in the condition.
        # There are at most 8192 hash buckets: a bitmap of all of them is short.
        shape = sql.SQL("get_bit({}, {}::int) = 1")
        return shape.format(sql.Literal(_bitmap(wanted, 0, (1 << scheme.bits) - 1)), number)
    if NULL_KEY_BUCKET in buckets or not wanted:
        return _in_list(number, wanted)
    ranges = _merge_neighbours(wanted)
    if len(ranges) <= MAX_RANGES:
        conditions = (_between(side, scheme.bits, *bounds) for bounds in ranges)
        return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions))
    return _in_bitmap_or_list(side, scheme.bits, number, wanted)


def _in_bitmap_or_list(
    side: SideExpressions, bits: int, number: sql.Composable, wanted: Sequence[int]
) -> sql.Composable:
    bounds = _between(side, bits, wanted[0], wanted[-1])
    if wanted[-1] - wanted[0] >= MAX_BITMAP_BITS:
        return sql.SQL("{} AND {}").format(bounds, _in_list(number, wanted))
    # get_bit() raises an error for a key outside of the bitmap, and PostgreSQL may evaluate the two sides
    # of AND in any order. CASE is the only thing that guarantees that the bounds are checked first.
    # The same bounds stand before it once more, because an index is never used for a CASE.
    return sql.SQL("{bounds} AND CASE WHEN {bounds} THEN {in_bitmap} END").format(
        bounds=bounds, in_bitmap=_in_bitmap(side, bits, wanted)
    )


def _key(side: SideExpressions) -> sql.Composable:
    return side.column(side.plan.key_pairs[0])


def _between(side: SideExpressions, bits: int, low: int, high: int) -> sql.Composable:
    bounds = sql.Literal(low << bits), sql.Literal((high + 1 << bits) - 1)
    return sql.SQL("{} BETWEEN {} AND {}").format(_key(side), *bounds)


def _in_list(number: sql.Composable, wanted: Sequence[int]) -> sql.Composable:
    return sql.SQL("{} IN (SELECT unnest({}::bigint[]))").format(number, sql.Literal(list(wanted)))


def _in_bitmap(side: SideExpressions, bits: int, wanted: Sequence[int]) -> sql.Composable:
    """By a bit for each number from the first to the last; the key has to lie between those two."""
    shape = sql.SQL("get_bit({}, (({}::bigint >> {}) - {})::int) = 1")
    bitmap = _bitmap(wanted, wanted[0], wanted[-1])
    return shape.format(sql.Literal(bitmap), _key(side), sql.Literal(bits), sql.Literal(wanted[0]))


def _bitmap(numbers: Iterable[int], first: int, last: int) -> bytes:
    """A bit for each number from ``first`` to ``last``, set for ``numbers``, in the order of get_bit()."""
    bits = bytearray((last - first) // 8 + 1)
    for number in numbers:
        bits[(number - first) // 8] |= 1 << (number - first) % 8
    return bytes(bits)


def _merge_neighbours(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Ranges (first, last) of neighbours among ordered numbers."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
