"""How rows fall into buckets: few enough to be held, small enough that little has to be read again."""

from __future__ import annotations

from psycopg import sql

from integrations.parity.plan import Buckets, TablePlan
from integrations.parity.snapshot import Snapshot

ROWS_A_RANGE = 4  # as a power of two, 16: neighbours lie together, so small buckets cost the pass little
ROWS_A_HASH = 9  # 512: each row of a table meets another bucket, which costs more with every bucket
MOST_RANGES, MOST_HASHES = 17, 13  # powers of two: what a server sums in memory without spilling to disk
SPARSE = 16  # integer keys spread over more than this times the rows go into hash buckets
BYTES_A_ROW = 100  # to guess rows from bytes where the planner's statistics are old
FEW = 1024


def choose_buckets(snapshot: Snapshot, plan: TablePlan, pages: int) -> Buckets:
    """Ranges for a dense integer key (their rows are read by its index), else low bits of the key's hash.

    The key must be an integer on both sides: 1.5 lies in no range of them. ``snapshot`` is the source's.
    """
    table = plan.source
    cell = plan.key_cells[0] if len(plan.key) == 1 else None
    rows = max(table.estimate, pages * 8192 // BYTES_A_ROW)
    hashed = Buckets("hash", min((rows >> ROWS_A_HASH).bit_length(), MOST_HASHES))
    if cell is None or cell.form.name != "integer":
        return hashed
    name = sql.Identifier("r", cell.name)
    question = sql.SQL("SELECT min({0})::bigint, max({0})::bigint FROM {1} AS r").format(name, table.source)
    low, high = snapshot.rows(question)[0]
    if low is None:
        return Buckets("range", ROWS_A_RANGE)
    if high - low > SPARSE * max(rows, FEW):
        return hashed
    most = min(max(rows, FEW) >> ROWS_A_RANGE, 1 << MOST_RANGES)
    return Buckets("range", max(ROWS_A_RANGE, ((high - low) // most).bit_length() - 1))
