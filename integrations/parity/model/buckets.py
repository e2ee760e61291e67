"""How rows fall into buckets: few enough to hold in memory, small enough that little has to be read again."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from integrations.parity.model.plan import TablePlan
from integrations.parity.server.snapshot import Snapshot

# Powers of two. Neighbours of a key range lie on the same pages, so small ranges cost the pass little.
# Rows of a hash bucket lie anywhere, and every additional bucket slows the pass down.
ROWS_PER_RANGE_BITS = 4
ROWS_PER_HASH_BITS = 9
# What a server sums up in memory without spilling to disk; powers of two as well.
MAX_RANGE_BITS, MAX_HASH_BITS = 17, 13
MAX_SPREAD = 16  # integer keys spread over more than this times the rows go into hash buckets
BYTES_PER_ROW = 100  # to estimate rows from bytes where the planner's statistics are old
MIN_ROWS = 1024


@dataclass(frozen=True)
class BucketScheme:
    """How rows fall into buckets.

    ``how`` is ``range`` (integer key shifted right by ``bits``) or ``hash`` (the low ``bits`` of the hash
    of the key).
    """

    how: str
    bits: int


def choose_bucket_scheme(snapshot: Snapshot, plan: TablePlan, pages: int) -> BucketScheme:
    """Ranges for a dense integer key, whose rows an index finds; the hash of the key for all others.

    The key must be an integer on both sides: 1.5 lies in no range of integers. ``snapshot`` is that of the
    source, ``pages`` is the size of the table in pages of 8 kB.
    """
    table = plan.source
    pair = plan.key_pairs[0] if len(plan.key) == 1 else None
    rows = max(table.estimate, pages * 8192 // BYTES_PER_ROW)
    by_hash = BucketScheme("hash", min((rows >> ROWS_PER_HASH_BITS).bit_length(), MAX_HASH_BITS))
    if pair is None or pair.form.name != "integer":
        return by_hash
    if pair.source.expression:
        return by_hash
    name = pair.source.identifier
    query = sql.SQL("SELECT min({0})::bigint, max({0})::bigint FROM {1} AS r").format(name, table.from_clause)
    low, high = snapshot.fetch_rows(query)[0]
    if low is None:
        return BucketScheme("range", ROWS_PER_RANGE_BITS)
    if high - low > MAX_SPREAD * max(rows, MIN_ROWS):
        return by_hash
    # Each tracked rule has a sum of its own in each bucket, and memory holds only so many sums.
    most_bits = MAX_RANGE_BITS - len(plan.tracked_rules).bit_length()
    most = min(max(rows, MIN_ROWS) >> ROWS_PER_RANGE_BITS, 1 << most_bits)
    return BucketScheme("range", max(ROWS_PER_RANGE_BITS, ((high - low) // most).bit_length() - 1))
