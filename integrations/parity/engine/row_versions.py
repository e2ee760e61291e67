"""The sums of a table now, from those of a pass: only buckets that were written to since are read again."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from psycopg import sql

from integrations.parity.questions import Questions
from integrations.parity.sums import SHELF, Sums

COUNTED = struct.Struct(">hi")


def refreshed(questions: Questions, sums: Sums, horizon: int) -> Sums:
    """The sums as they are now, of which ``sums`` were taken when ``horizon`` was the horizon.

    A row version is old when its transaction had ended before the horizon: it was seen then, in the same
    bucket. A row that was changed or added has a young one, frozen or not, and gives its bucket away.
    Beside those a bucket can only have lost rows; when the rows of all buckets add up, none has.
    """
    rows, young = _written(questions, horizon)
    now = _with(questions, sums, young)
    return now if now.rows == rows else _with(questions, now, _recounted(questions, now))


def _with(questions: Questions, sums: Sums, buckets: set[int]) -> Sums:
    return sums.replaced(buckets, questions.sums_of(buckets)) if buckets else sums


def _written(questions: Questions, horizon: int) -> tuple[int, set[int]]:
    """How many rows there are, and the buckets of those with a young version.

    The scan gives back the young ones only. How many rows it met the server counts itself, which costs
    nothing; `count(*)` in the same scan would take half as long again, for every row.
    """
    before = _met(questions)
    question = sql.SQL(
        "SELECT DISTINCT {bucket} FROM {rows}"
        " WHERE age(r.xmin) <= (SELECT age({horizon}::xid8::xid) OFFSET 0)"
    ).format(bucket=questions.bucket, rows=questions.side.rows, horizon=sql.Literal(str(horizon)))
    young = {bucket for (bucket,) in questions.snapshot.rows(question, binary=True)}
    return _met(questions) - before, young


def _met(questions: Questions) -> int:
    """Rows that scans of the table met in this transaction; 0 where the server does not count them.

    (That is `track_counts`, which autovacuum needs, too. Other numbers than those of the pass only make
    buckets be counted one by one.)
    """
    table = questions.plan.table(questions.side.side)
    name = sql.Identifier(table.schema, table.name).as_string(questions.snapshot.connection)
    question = sql.SQL(
        "SELECT sum(pg_stat_get_xact_tuples_returned(oid))::bigint FROM (SELECT {table}::regclass::oid AS oid"
        " UNION SELECT relid FROM pg_partition_tree({table}::regclass)) AS files"
    ).format(table=sql.Literal(name))
    return int(questions.snapshot.value(question))


def _recounted(questions: Questions, sums: Sums) -> set[int]:
    """The buckets that have other numbers of rows than in ``sums``."""
    question = sql.SQL(
        "SELECT b >> {shelf}, string_agg(int2send((b & {low})::int2) || int4send(n::int4), ''::bytea"
        " ORDER BY b) FROM (SELECT {bucket} AS b, count(*) AS n FROM {rows} GROUP BY 1) AS fine GROUP BY 1"
    ).format(
        shelf=sql.Literal(SHELF), low=sql.Literal((1 << SHELF) - 1), bucket=questions.bucket,
        rows=questions.side.rows,
    )  # fmt: skip
    now: dict[int, bytes] = dict(questions.snapshot.rows(question, binary=True))
    return {
        place << SHELF | low
        for place in sums.shelves.keys() | now.keys()
        for low in _unlike(sums.counts(place), now.get(place, b""))
    }


def _unlike(then: bytes, now: bytes) -> Iterator[int]:
    if then == now:
        return
    before, after = dict(COUNTED.iter_unpack(then)), dict(COUNTED.iter_unpack(now))
    yield from (low for low in before.keys() | after.keys() if before.get(low) != after.get(low))
