"""Which buckets of a table were written to since a pass: by their counts, and their youngest row."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from psycopg import sql

from integrations.parity.questions import Questions
from integrations.parity.sums import SHELF, Sums

COUNTED = struct.Struct(">hi")
YOUNG = struct.Struct(">h")


def touched(questions: Questions, sums: Sums, horizon: int) -> set[int]:
    """The buckets that may have changed since sums were taken of which ``horizon`` was the horizon.

    A row version is old when its transaction had ended before the horizon. A row that was changed or
    added has a young one, frozen or not; one that was deleted is missing in the count of its bucket.
    """
    seen = {
        place: (counts, young)
        for place, counts, young in questions.snapshot.rows(_asked(questions, horizon), binary=True)
    }
    found = set()
    for place in sums.shelves.keys() | seen.keys():
        counts, young = seen.get(place, (b"", None))
        found |= {place << SHELF | low for low in _recounted(sums.counts(place), counts)}
        found |= {place << SHELF | low for (low,) in YOUNG.iter_unpack(young or b"")}
    return found


def _asked(questions: Questions, horizon: int) -> sql.Composable:
    low = sql.SQL("(b & {})::int2").format(sql.Literal((1 << SHELF) - 1))
    return sql.SQL(
        "SELECT b >> {shelf}, string_agg(int2send({low}) || int4send(n::int4), ''::bytea ORDER BY b),"
        " string_agg(CASE WHEN youngest <= age({horizon}::xid8::xid) THEN int2send({low}) END, ''::bytea)"
        " FROM (SELECT {bucket} AS b, count(*) AS n, min(age(r.xmin)) AS youngest FROM {rows} GROUP BY 1)"
        " AS fine GROUP BY 1"
    ).format(
        shelf=sql.Literal(SHELF), low=low, horizon=sql.Literal(str(horizon)),
        bucket=questions.bucket, rows=questions.side.rows,
    )  # fmt: skip


def _recounted(then: bytes, now: bytes) -> Iterator[int]:
    if then == now:
        return
    before, after = dict(COUNTED.iter_unpack(then)), dict(COUNTED.iter_unpack(now))
    yield from (low for low in before.keys() | after.keys() if before.get(low) != after.get(low))
