"""From differing buckets to rows: packed records of both sides, then the keys of those that differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from integrations.parity.choosing import OF_NULL
from integrations.parity.differences import Tally, judge
from integrations.parity.plan import TablePlan
from integrations.parity.questions import Hashed, Key, Questions, asked
from integrations.parity.records import Packed, Unlike, first_number, unlike

ROWS_AT_ONCE = 700_000  # of one side that are held, packed: 15 MB
JUDGED_AT_ONCE = 10_000  # of one side whose keys are held

Records = dict[int, Packed]


@dataclass
class Drill:
    """Goes through the differing buckets of one table and tallies their rows; memory stays flat."""

    plan: TablePlan
    source: Questions
    target: Questions
    tally: Tally
    extra_declared: bool = False
    keep: int = 10_000
    check: Callable[[], None] = lambda: None
    _keys_told: bool = field(default=False, init=False)  # by the records at hand

    def run(self, buckets: Mapping[int, int]) -> None:
        """Of ``buckets``, bucket → rows of the larger side, tallies every row that differs."""
        for some in _batches(buckets):
            self.check()
            self._keys_told = self._can_tell_keys(some)
            ask = partial(Questions.records_of, buckets=some, keys=self._keys_told)
            self._tally(*asked(self.source, self.target, ask))
        self.tally.keys.sort(key=_natural)

    @property
    def _judges_rows(self) -> bool:
        """Whether rules may explain a difference, so that each of the rows has to be looked at."""
        return bool(self.plan.tracks or self.extra_declared)

    def _can_tell_keys(self, buckets: Collection[int]) -> bool:
        """Whether records can have the key itself: nothing but the keys of some will be asked for then."""
        plain = self.source.buckets.how == "range" and OF_NULL not in buckets
        return plain and not self._judges_rows

    def _tally(self, before: Records, after: Records) -> None:
        waiting = Unlike()
        for shelf in sorted(before.keys() | after.keys()):
            waiting += unlike(before.pop(shelf, Packed()), after.pop(shelf, Packed()))
            if len(waiting) > JUDGED_AT_ONCE:
                self._judge_in_parts(waiting)
                waiting = Unlike()
        self._judge_in_parts(waiting)

    def _judge_in_parts(self, found: Unlike) -> None:
        for part in found.parts(JUDGED_AT_ONCE):
            self._judge(part)

    def _judge(self, found: Unlike) -> None:
        if not found:
            return
        if self._judges_rows:
            self._judge_rows(found)
        else:
            self._count(found)

    def _judge_rows(self, found: Unlike) -> None:
        keys: dict[Key, tuple[list[Hashed], list[Hashed]]] = {}
        for place, (side, records) in enumerate(((self.source, found.source), (self.target, found.target))):
            for key, hashed in side.rows_by(records):
                keys.setdefault(key, ([], []))[place].append(hashed)
        for key in sorted(keys, key=_natural):
            judge(self.plan, key, *keys[key], self.tally, self.extra_declared)

    def _count(self, found: Unlike) -> None:
        """Without rules the hashes alone tell what a row is; keys are asked for only while they are kept."""
        shown = Unlike()
        for ours, theirs in found.by_key():
            both = min(len(ours), len(theirs)) if self.plan.key else 0
            self.tally.changed += both
            self.tally.missing += len(ours) - both
            self.tally.extra += len(theirs) - both
            if ours:
                shown.source.append(ours[0])
            else:
                shown.target.append(theirs[0])
        room = self.keep - len(self.tally.keys)
        self.tally.overflow |= len(shown) > room
        if room > 0:
            kept = Unlike(shown.source[:room], shown.target[: max(0, room - len(shown.source))])
            self.tally.keys += self._keys_of(kept)

    def _keys_of(self, found: Unlike) -> Iterator[Key]:
        for side, records in ((self.source, found.source), (self.target, found.target)):
            if self._keys_told or not self.plan.key:
                yield from ((str(first_number(record)),) for record in records)
            else:
                yield from side.keys_by(records)


def _batches(buckets: Mapping[int, int]) -> Iterator[list[int]]:
    batch: list[int] = []
    rows = 0
    for bucket in sorted(buckets):
        if batch and rows + buckets[bucket] > ROWS_AT_ONCE:
            yield batch
            batch, rows = [], 0
        batch.append(bucket)
        rows += buckets[bucket]
    if batch:
        yield batch


def _natural(key: Key) -> list[tuple[int, str]]:
    """Keys in an order that is the same each time, and for numbers the natural one."""
    return [(len(value or ""), value or "") for value in key]
