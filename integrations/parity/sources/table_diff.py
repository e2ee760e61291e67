"""Compares one table with a source of another kind: sums first, then the rows of the buckets that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from typing import Protocol, TypeVar

from integrations.parity.result import EXAMPLES, DifferingRow, TableResult
from integrations.parity.sources.row_buckets import (
    MOST_DIGITS,
    ROWS_PER_BUCKET,
    ReadableRow,
    RowGrouping,
    RowRecord,
    SummedBuckets,
    list_suspicious,
    split_labels,
)
from integrations.parity.sources.source_tables import MatchedTable

ROWS_PER_GROUP = {"range": 200_000, "key": 1_000_000, "row": 1_000_000}  # whose hashes are in memory
LARGE_BUCKET = 200_000  # rows of one range of keys, which is split again
ROWS_SHOWN_AT_ONCE = 1000
POLL_SECONDS = 0.2

Answer = TypeVar("Answer")


class TableReader(Protocol):
    """One side of a table, in the form that both have in common."""

    def read_range(self, scheme: RowGrouping) -> tuple[int, int, int] | None:
        """Lowest and highest integer key, and the number of rows; None without rows."""

    def read_sums(self, scheme: RowGrouping) -> SummedBuckets:
        """The sums of all buckets within the scheme."""

    def read_rows(self, scheme: RowGrouping, labels: Sequence[str] | None = None) -> Iterator[RowRecord]:
        """The rows of these buckets, or all within the scheme."""

    def read_values(self, scheme: RowGrouping, identities: Sequence[str]) -> Iterator[ReadableRow]:
        """The rows with these identities, for people."""


@dataclass
class TableDiff:
    """One table; ``check_cancelled`` raises to stop, and ``cancel`` then ends the queries of both sides."""

    match: MatchedTable
    source: TableReader
    target: TableReader
    keep: int
    check_cancelled: Callable[[], None]
    cancel: Callable[[], None]
    on_row: Callable[[DifferingRow], None] = lambda row: None
    explained: Counter[int] = field(default_factory=Counter)  # place of an adjustment → values
    new_rows: int = 0
    shown: int = 0

    def run(self, result: TableResult) -> None:
        """Fills counts and differing rows in; everything else of the result is the caller's."""
        scheme = self._choose_scheme()
        self._compare_buckets(scheme, result, is_first=True)
        for place, (_, adjustment) in enumerate(self.match.adjusted):
            if count := self.explained[place]:
                known = result.declared_by.get(adjustment.description, 0)
                result.declared_by[adjustment.description] = known + count
        if self.new_rows and self.match.new_rows:
            result.declared_by[self.match.new_rows.description] = self.new_rows
        result.declared = sum(result.declared_by.values())

    def both(self, query: Callable[[TableReader], Answer]) -> tuple[Answer, Answer]:
        """The answers of both sides to the same question, asked at the same time."""
        with ThreadPoolExecutor(2, thread_name_prefix="parity") as pool:
            calls: list[Future[Answer]] = [pool.submit(query, side) for side in (self.source, self.target)]
            try:
                while wait(calls, POLL_SECONDS).not_done:
                    self.check_cancelled()
                    if any(call.done() and call.exception() for call in calls):
                        break
                failed = [call for call in calls if call.done() and call.exception()]
                return (failed or calls)[0].result(), calls[1].result()
            except BaseException:
                self._cancel_until_done(calls)
                raise

    def _cancel_until_done(self, calls: Sequence[Future[Answer]]) -> None:
        while wait(calls, 0).not_done:
            self.cancel()
            wait(calls, POLL_SECONDS)

    def _choose_scheme(self) -> RowGrouping:
        keys = self.match.key_columns
        if len(keys) == 1 and keys[0].form == "integer" and keys[0].target.family == "integer":
            return self._ranges(RowGrouping("range"))
        digits = _digits_for(max(self.match.source.estimate, self.match.target.estimate))
        return RowGrouping("key" if keys else "row", digits=digits)

    def _ranges(self, scheme: RowGrouping) -> RowGrouping:
        """Ranges of keys that hold about `ROWS_PER_BUCKET` rows each, if the keys are spread evenly."""
        found = [each for each in self.both(lambda side: side.read_range(scheme)) if each]
        if not found:
            return scheme
        low, high = min(each[0] for each in found), max(each[1] for each in found)
        buckets = max(1, max(each[2] for each in found) // ROWS_PER_BUCKET)
        return replace(scheme, width=max(1, -(-(high - low + 1) // buckets)))

    def _compare_buckets(self, scheme: RowGrouping, result: TableResult, *, is_first: bool = False) -> None:
        before, after = self.both(lambda side: side.read_sums(scheme))
        if is_first:
            result.source_rows = sum(bucket.rows for bucket in before.values())
            result.target_rows = sum(bucket.rows for bucket in after.values())
            for bucket in before.values():
                self.explained.update({place: count for place, count in enumerate(bucket.touched) if count})
        suspicious = list_suspicious(before, after, self.match)
        for label in [label for label, rows in suspicious.items() if rows > LARGE_BUCKET]:
            if narrower := self._narrow(scheme, label):
                del suspicious[label]
                self._compare_buckets(narrower, result)
        for labels in split_labels(suspicious, ROWS_PER_GROUP[scheme.how]):
            self._compare_rows(scheme, labels, result)

    def _narrow(self, scheme: RowGrouping, label: str) -> RowGrouping | None:
        """Ranges within a bucket that holds too many rows; None where it cannot be split."""
        if scheme.how != "range" or not label or scheme.width == 1:
            return None
        low, high = scheme.bounds(label)
        narrower = self._ranges(replace(scheme, low=low, high=high))
        return narrower if narrower.width < scheme.width else None

    def _compare_rows(self, scheme: RowGrouping, labels: Sequence[str], result: TableResult) -> None:
        before: Counter[RowRecord] = Counter()
        after: Counter[RowRecord] = Counter()

        def collect(side: TableReader) -> None:
            (before if side is self.source else after).update(side.read_rows(scheme, labels))

        self.both(collect)
        tracked = [place for place, (_, each) in enumerate(self.match.adjusted) if each.is_tracked]
        for row in before.keys() & after.keys():
            self._forget([row] * min(before[row], after[row]), tracked)
        left, right = _by_identity(before - after), _by_identity(after - before)
        found: dict[str, tuple[int, int]] = {}
        for identity in sorted(left.keys() | right.keys(), key=lambda name: (len(name), name)):
            gone, new = self._pair_rows(left.get(identity, []), right.get(identity, []), tracked)
            if counts := self._count(gone, new, result):
                found[identity] = counts
        self._show_rows(scheme, found, result)

    def _forget(self, rows: Sequence[RowRecord], places: Iterable[int]) -> None:
        """A rule explains nothing in a row that is not there, or that is the same on both sides."""
        for row in rows if self.match.adjusted else ():
            for place in places:
                self.explained[place] -= row.touched[place] == "1"

    def _pair_rows(
        self, before: Sequence[RowRecord], after: Sequence[RowRecord], tracked: Sequence[int]
    ) -> tuple[list[RowRecord], list[RowRecord]]:
        """The rows of one identity that have no counterpart."""
        gone, new = [], list(after)
        for row in before:
            same = next((other for other in new if _are_same(row, other, tracked)), None)
            if same is None:
                gone.append(row)
            else:
                new.remove(same)
        return gone, new

    def _count(
        self, gone: Sequence[RowRecord], new: Sequence[RowRecord], result: TableResult
    ) -> tuple[int, int] | None:
        """Adds the rows of one identity to the counts; how many of each side differ, None for none."""
        changed = min(len(gone), len(new)) if self.match.key else 0
        missing, extra = len(gone) - changed, len(new) - changed
        self._forget(gone[changed:], range(len(self.match.adjusted)))
        if self.match.new_rows:
            self.new_rows += extra
            extra = 0
        result.changed, result.missing = result.changed + changed, result.missing + missing
        result.extra += extra
        return (changed + missing, changed + extra) if changed + missing + extra else None

    def _show_rows(
        self, scheme: RowGrouping, found: Mapping[str, tuple[int, int]], result: TableResult
    ) -> None:
        wanted = list(found)[: max(0, self.keep - self.shown)]
        step = ROWS_SHOWN_AT_ONCE if scheme.how == "range" else max(1, len(wanted))
        for start in range(0, len(wanted), step):
            some = wanted[start : start + step]
            before, after = self.both(partial(_read_shown, scheme=scheme, identities=some))
            for identity in some:
                for row in self._describe(before.get(identity, []), after.get(identity, []), found[identity]):
                    if self.shown < self.keep:
                        self.shown += 1
                        self.on_row(row)
                        result.examples += [row] if len(result.examples) < EXAMPLES else []

    def _describe(
        self, before: list[ReadableRow], after: list[ReadableRow], counts: tuple[int, int]
    ) -> Iterator[DifferingRow]:
        """The rows of one identity that differ, with their values."""
        if not self.match.key:
            known = (before or after)[:1]
            yield from [_differing_row(self.match, one, None) for one in known * counts[0]]
            yield from [_differing_row(self.match, None, one) for one in known * counts[1]]
            return
        left, right = list(before), list(after)
        for row in before:
            if same := next(
                (other for other in right if not _differing_places(self.match, row, other)), None
            ):
                left.remove(row)
                right.remove(same)
        for one, other in zip_longest(left, right):
            yield _differing_row(self.match, one, other)


def _by_identity(rows: Counter[RowRecord]) -> dict[str, list[RowRecord]]:
    found: dict[str, list[RowRecord]] = {}
    for row in rows.elements():
        found.setdefault(row.identity, []).append(row)
    return found


def _read_shown(
    side: TableReader, *, scheme: RowGrouping, identities: Sequence[str]
) -> dict[str, list[ReadableRow]]:
    found: dict[str, list[ReadableRow]] = {}
    for row in side.read_values(scheme, identities):
        found.setdefault(row.record.identity, []).append(row)
    return found


def _digits_for(rows: int) -> int:
    digits = 2
    while digits < MOST_DIGITS and rows > ROWS_PER_BUCKET * 16**digits:
        digits += 1
    return digits


def _are_same(row: RowRecord, other: RowRecord, tracked: Sequence[int]) -> bool:
    """Whether two rows are the same but for what is declared, in the direction in which it is declared."""
    if row.hash != other.hash:
        return False
    exact = zip(tracked, row.exact, other.exact, strict=True)
    return all(one == two or other.touched[place] != "1" for place, one, two in exact)


def _differing_places(match: MatchedTable, one: ReadableRow, other: ReadableRow) -> set[int]:
    """The columns that differ: by their values, or against the direction of a rule."""
    places = {
        place
        for place, (mine, theirs) in enumerate(zip(one.compared, other.compared, strict=True))
        if mine != theirs
    }
    tracked = [(place, column) for place, (column, each) in enumerate(match.adjusted) if each.is_tracked]
    exact = zip(tracked, one.record.exact, other.record.exact, strict=True)
    for (place, column), mine, theirs in exact:
        if mine != theirs and other.record.touched[place] == "1":
            places.add(match.columns.index(column))
    return places


def _differing_row(match: MatchedTable, one: ReadableRow | None, other: ReadableRow | None) -> DifferingRow:
    names = [column.name for column in match.columns]
    known = one or other
    assert known is not None
    key = {name: known.shown[names.index(name)] for name in match.key}
    places: Iterable[int] = range(len(names))
    if one and other:
        places = sorted(_differing_places(match, one, other))
    columns: dict[str, list[str | None]] = {
        names[place]: [one.shown[place] if one else None, other.shown[place] if other else None]
        for place in places
    }
    return DifferingRow(key, "changed" if one and other else "missing" if one else "extra", columns)
