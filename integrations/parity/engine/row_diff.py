"""Compares the rows of differing buckets: packed records of both sides first, then keys of differing rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from integrations.parity.engine.differences import MAX_KEYS, DifferenceTally, tally_rows
from integrations.parity.model.packed_rows import (
    PackedRows,
    UnmatchedRows,
    find_unmatched,
    read_first_number,
)
from integrations.parity.model.plan import TablePlan
from integrations.parity.sql.bucket_conditions import NULL_KEY_BUCKET
from integrations.parity.sql.keys import RowKey
from integrations.parity.sql.queries import RowHashes, SideQueries, query_both
from integrations.parity.sql.row_counts import find_differing_counts, read_row_counts

ROWS_PER_BATCH = 700_000  # packed rows of one side in memory: 15 MB
ROWS_PER_TALLY = 10_000  # rows of one side whose keys are in memory

RecordsByBlock = dict[int, PackedRows]


@dataclass
class RowDiff:
    """Compares the differing buckets of one table and tallies their rows; memory stays flat.

    ``extra_declared``: rows that only the target has are declared. ``keep``: keys to remember. ``limit``:
    differing rows after which no further batch is read (0: none); the tally is then a lower bound.
    """

    plan: TablePlan
    source: SideQueries
    target: SideQueries
    tally: DifferenceTally
    extra_declared: bool = False
    keep: int = 10_000
    check_cancelled: Callable[[], None] = lambda: None
    limit: int = 0
    _records_have_keys: bool = field(default=False, init=False)  # those of the current batch

    def run(self, buckets: Mapping[int, int]) -> bool:
        """Tallies the differing rows of ``buckets``: bucket → its rows on the larger side.

        Returns whether these are all.
        """
        complete = True
        self.tally.most_keys = MAX_KEYS if self._needs_rows else self.keep
        for batch in _split_into_batches(buckets, without_key=not self.plan.key):
            if self.limit and self.tally.differing >= self.limit:
                complete = False
                break
            self.check_cancelled()
            if not self.plan.key:
                self._tally_counts(batch)
                continue
            self._records_have_keys = self._can_read_keys(batch)
            read = partial(SideQueries.read_records, buckets=batch, keys=self._records_have_keys)
            self._tally_blocks(*query_both(self.source, self.target, read))
        self.tally.keys.sort(key=_sort_key)
        return complete

    def _tally_counts(self, buckets: Collection[int]) -> None:
        """Without a key, a row is its content: rows that are the same are counted by the servers."""
        before, after = query_both(self.source, self.target, lambda side: read_row_counts(side, buckets))
        for block in sorted(before.keys() | after.keys()):
            rows: dict[int, tuple[Counter[RowHashes], Counter[RowHashes]]] = {}
            here, there = find_differing_counts(before.pop(block, b""), after.pop(block, b""), self.plan)
            for number, counts in enumerate((here, there)):
                for hashes, count in counts:
                    rows.setdefault(hashes.row, (Counter(), Counter()))[number][hashes] = count
            for row in sorted(rows):
                tally_rows(self.plan, (str(row),), *rows[row], self.tally, self.extra_declared)

    @property
    def _needs_rows(self) -> bool:
        """Whether a rule may explain a difference, so that the hashes of each row have to be read."""
        return bool(self.plan.tracked_rules or self.extra_declared)

    def _can_read_keys(self, buckets: Collection[int]) -> bool:
        """Whether records can contain the key itself: nothing else of the rows will be needed then."""
        integer_keys = self.source.scheme.how == "range" and NULL_KEY_BUCKET not in buckets
        return integer_keys and not self._needs_rows

    def _tally_blocks(self, before: RecordsByBlock, after: RecordsByBlock) -> None:
        unmatched = UnmatchedRows()
        for block in sorted(before.keys() | after.keys()):
            unmatched += find_unmatched(before.pop(block, PackedRows()), after.pop(block, PackedRows()))
            if len(unmatched) > ROWS_PER_TALLY:
                self._tally_in_parts(unmatched)
                unmatched = UnmatchedRows()
        self._tally_in_parts(unmatched)

    def _tally_in_parts(self, unmatched: UnmatchedRows) -> None:
        for part in unmatched.split(ROWS_PER_TALLY):
            if part and self._needs_rows:
                self._tally_by_rules(part)
            elif part:
                self._tally_by_hashes(part)

    def _tally_by_rules(self, unmatched: UnmatchedRows) -> None:
        keys: dict[RowKey, tuple[Counter[RowHashes], Counter[RowHashes]]] = {}
        sides = ((self.source, unmatched.source), (self.target, unmatched.target))
        for number, (side, records) in enumerate(sides):
            for key, hashes in side.read_hashes_of(records):
                keys.setdefault(key, (Counter(), Counter()))[number][hashes] += 1
        for key in sorted(keys, key=_sort_key):
            tally_rows(self.plan, key, *keys[key], self.tally, self.extra_declared)

    def _tally_by_hashes(self, unmatched: UnmatchedRows) -> None:
        """Without rules, the hashes tell the kind of each row; keys are read only as far as they are kept."""
        one_per_key = UnmatchedRows()
        for ours, theirs in unmatched.group_by_key():
            changed = min(len(ours), len(theirs))
            self.tally.changed += changed
            self.tally.missing += len(ours) - changed
            self.tally.extra += len(theirs) - changed
            if ours:
                one_per_key.source.append(ours[0])
            else:
                one_per_key.target.append(theirs[0])
        room = self.keep - len(self.tally.keys)
        self.tally.overflow |= len(one_per_key) > room
        if room > 0:
            from_source = one_per_key.source[:room]
            from_target = one_per_key.target[: room - len(from_source)]
            self.tally.keys += self._keys_of(UnmatchedRows(from_source, from_target))

    def _keys_of(self, unmatched: UnmatchedRows) -> Iterator[RowKey]:
        for side, records in ((self.source, unmatched.source), (self.target, unmatched.target)):
            if self._records_have_keys:
                yield from ((str(read_first_number(record)),) for record in records)
            else:
                yield from side.read_keys(records)


def _split_into_batches(buckets: Mapping[int, int], *, without_key: bool) -> Iterator[list[int]]:
    """Buckets in their order, so many at once that their rows fit into memory.

    Each batch of a table without a key takes a scan of it, and rows that are the same are in one bucket. So
    the largest buckets are the last ones, and one that does not fit is read together with others.
    """
    batch: list[int] = []
    rows = 0
    for bucket in sorted(buckets, key=buckets.__getitem__ if without_key else None):
        if batch and rows + buckets[bucket] > ROWS_PER_BATCH and not without_key:
            yield batch
            batch, rows = [], 0
        batch.append(bucket)
        rows += buckets[bucket]
        if without_key and rows > ROWS_PER_BATCH:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


def _sort_key(key: RowKey) -> list[tuple[int, str]]:
    """Orders keys the same way each time, and numbers by their value."""
    return [(len(value or ""), value or "") for value in key]
