"""The number of a row's bucket in SQL, and the condition that a row is in one of some buckets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from psycopg import sql

from integrations.parity.plan import Buckets
from integrations.parity.rowhash import Side

OF_NULL = 1 << 62  # the bucket of rows whose integer key is NULL, which one side may not forbid
MOST_BITS = 1 << 20  # 128 kB in a statement
MOST_RANGES = 200  # of keys named in one statement; more are looked up in a list


def bucket_of(side: Side, buckets: Buckets) -> sql.Composable:
    """The number of the bucket of a row of that side."""
    if buckets.how == "range":
        shape = sql.SQL("coalesce({}::bigint >> {}, {})")
        return shape.format(_key(side), sql.Literal(buckets.bits), sql.Literal(OF_NULL))
    return sql.SQL("({} & {})").format(side.key_hash, sql.Literal((1 << buckets.bits) - 1))


def among(side: Side, buckets: Buckets, some: Collection[int]) -> sql.Composable:
    """The condition that a row is in some of the buckets; an index helps with ranges of keys."""
    bucket, wanted = bucket_of(side, buckets), sorted(some)
    if buckets.how == "hash":  # there are few, and a hash is dear to ask twice: a bit for each that there is
        shape = sql.SQL("get_bit({}, {}::int) = 1")
        return shape.format(sql.Literal(_bits(wanted, 0, (1 << buckets.bits) - 1)), bucket)
    if OF_NULL in some or not wanted:
        return _listed(bucket, wanted)
    runs = _runs(wanted)
    if len(runs) <= MOST_RANGES:
        within = (_within(side, buckets.bits, *bounds) for bounds in runs)
        return sql.SQL("({})").format(sql.SQL(" OR ").join(within))
    bounds = _within(side, buckets.bits, wanted[0], wanted[-1])
    if wanted[-1] - wanted[0] >= MOST_BITS:
        return sql.SQL("{} AND {}").format(bounds, _listed(bucket, wanted))
    # the first bounds are for an index; CASE keeps keys beyond its bits from get_bit(), in whatever order
    return sql.SQL("{bounds} AND CASE WHEN {bounds} THEN {marked} END").format(
        bounds=bounds, marked=_marked(side, buckets.bits, wanted)
    )


def _key(side: Side) -> sql.Composable:
    return side.column(side.plan.key_cells[0])


def _within(side: Side, bits: int, low: int, high: int) -> sql.Composable:
    bounds = sql.Literal(low << bits), sql.Literal((high + 1 << bits) - 1)
    return sql.SQL("{} BETWEEN {} AND {}").format(_key(side), *bounds)


def _listed(bucket: sql.Composable, wanted: Sequence[int]) -> sql.Composable:
    return sql.SQL("{} IN (SELECT unnest({}::bigint[]))").format(bucket, sql.Literal(list(wanted)))


def _marked(side: Side, bits: int, wanted: Sequence[int]) -> sql.Composable:
    """By a bit for each number between the first and the last: the key has to lie between them."""
    shape = sql.SQL("get_bit({}, (({}::bigint >> {}) - {})::int) = 1")
    marks = _bits(wanted, wanted[0], wanted[-1])
    return shape.format(sql.Literal(marks), _key(side), sql.Literal(bits), sql.Literal(wanted[0]))


def _bits(numbers: Iterable[int], first: int, last: int) -> bytes:
    """A bit for each number from the first to the last, set for these, as get_bit() counts them."""
    bits = bytearray((last - first) // 8 + 1)
    for number in numbers:
        bits[(number - first) // 8] |= 1 << (number - first) % 8
    return bytes(bits)


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Neighbours among ordered numbers, as (first, last)."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
