"""How rows fall into buckets: few enough to be held, small enough that little has to be read again."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from integrations.parity.plan import Buckets
from integrations.parity.snapshot import Snapshot
from integrations.parity.tables import Table

ROWS_A_RANGE = 5  # as a power of two, 32: neighbours lie together, so small buckets cost the pass little
ROWS_A_HASH = 6  # 64: each row of a table meets another bucket, which costs more with every bucket
MOST_RANGES, MOST_HASHES = 17, 13  # powers of two: what a server sums in memory without spilling to disk
SPARSE = 16  # integer keys spread over more than this times the rows go into hash buckets
BYTES_A_ROW = 100  # to guess rows from bytes where the planner's statistics are old
FEW = 1024


def choose_buckets(
    snapshot: Snapshot, table: Table, key: Sequence[str], pages: int, *, whole: bool = True
) -> Buckets:
    """Ranges for a dense integer key (their rows are read by its index), else low bits of the key's hash.

    ``whole``: the key holds integers on the other side, too; 1.5 would lie in no range of them.
    """
    column = table.column(key[0]) if len(key) == 1 else None
    rows = max(table.estimate, pages * 8192 // BYTES_A_ROW)
    hashed = Buckets("hash", min((rows >> ROWS_A_HASH).bit_length(), MOST_HASHES))
    if column is None or column.family != "integer" or not whole:
        return hashed
    name = sql.Identifier("r", column.name)
    question = sql.SQL("SELECT min({0})::bigint, max({0})::bigint FROM {1} AS r").format(name, table.source)
    low, high = snapshot.rows(question)[0]
    if low is None:
        return Buckets("range", ROWS_A_RANGE)
    if high - low > SPARSE * max(rows, FEW):
        return hashed
    most = min(max(rows, FEW) >> ROWS_A_RANGE, 1 << MOST_RANGES)
    return Buckets("range", max(ROWS_A_RANGE, ((high - low) // most).bit_length() - 1))
