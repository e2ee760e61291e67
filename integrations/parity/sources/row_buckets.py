"""Groups of rows that are summed and, where they differ, read: by ranges of an integer key, or by a hash.

A row is known by its ``identity``: its integer key, else the MD5 of its key, else the MD5 of all its values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from integrations.parity.sources.source_tables import MatchedTable

ROWS_PER_BUCKET = 1024
MOST_DIGITS = 5  # a million buckets
HASH_DIGITS = 15  # the last hex digits of an MD5 that are summed: 60 bits


@dataclass(frozen=True)
class RowGrouping:
    """``how``: ``range`` of an integer key, ``key`` (hash of the key) or ``row`` (hash of the whole row).

    ``width``: keys per bucket of a range. ``digits``: leading hex digits of a hash. ``low`` and ``high``
    limit what is read to these keys (None: everything).
    """

    how: str
    width: int = 1
    digits: int = 2
    low: int | None = None
    high: int | None = None

    def label_of(self, identity: str) -> str:
        """The bucket of a row; division as SQL does it, towards zero."""
        if self.how != "range":
            return identity[: self.digits]
        if not is_whole_number(identity):
            return ""
        number = int(identity)
        return str(-(-number // self.width) if number < 0 else number // self.width)

    def bounds(self, label: str) -> tuple[int, int]:
        """The first and the last key of a bucket of a range."""
        number = int(label)
        if number == 0:
            first, last = 1 - self.width, self.width - 1
        elif number > 0:
            first, last = number * self.width, (number + 1) * self.width - 1
        else:
            first, last = (number - 1) * self.width + 1, number * self.width
        if self.low is not None and self.high is not None:
            first, last = max(first, self.low), min(last, self.high)
        return first, last


class RowRecord(NamedTuple):
    """One row: ``touched`` has a “1” for each adjustment that applies, ``exact`` the values as they are.

    ``exact`` has the MD5 of one value for each tracked adjustment.
    """

    identity: str
    hash: str
    touched: str = ""
    exact: tuple[str, ...] = ()


class ReadableRow(NamedTuple):
    """One row for a person: by column, its text, and a text that is the same where the values are."""

    record: RowRecord
    shown: tuple[str | None, ...]
    compared: tuple[str, ...]


@dataclass
class SummedBucket:
    """Rows, the sum of their hashes, and how many values each adjustment touches."""

    rows: int = 0
    sum: int = 0
    touched: list[int] = field(default_factory=list)


SummedBuckets = dict[str, SummedBucket]


def is_whole_number(identity: str) -> bool:
    """Whether a row in ranges of an integer key has such a key: it may be NULL, and in SQLite any text."""
    return identity.removeprefix("-").isdigit() and identity.isascii()


def md5_of(text: str | bytes) -> str:
    """The MD5 of a text (as UTF-8) as 32 hex digits, as the servers compute it."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def sum_rows(match: MatchedTable, scheme: RowGrouping, rows: Iterable[RowRecord]) -> SummedBuckets:
    """The sums of rows that were hashed here."""
    sums: SummedBuckets = {}
    places = len(match.adjusted)
    for row in rows:
        label = scheme.label_of(row.identity)
        found = sums.get(label)
        if found is None:
            found = sums[label] = SummedBucket(touched=[0] * places)
        found.rows += 1
        found.sum += int(row.hash[-HASH_DIGITS:], 16)
        for place, digit in enumerate(row.touched):
            found.touched[place] += digit == "1"
    return sums


def list_suspicious(source: SummedBuckets, target: SummedBuckets, match: MatchedTable) -> dict[str, int]:
    """Buckets whose rows have to be read → rows of the larger side.

    These are buckets that differ, and those in which the target holds what a tracked rule says it should not.
    """
    tracked = [place for place, (_, each) in enumerate(match.adjusted) if each.is_tracked]
    empty = SummedBucket(touched=[0] * len(match.adjusted))
    found = {}
    for label in source.keys() | target.keys():
        one, other = source.get(label, empty), target.get(label, empty)
        if (one.rows, one.sum) != (other.rows, other.sum) or any(other.touched[place] for place in tracked):
            found[label] = max(one.rows, other.rows)
    return found


def split_labels(buckets: Mapping[str, int], most: int) -> Iterator[list[str]]:
    """Buckets in groups of at most so many rows, or of one bucket."""
    group: list[str] = []
    rows = 0
    for label in sorted(buckets, key=lambda label: (len(label), label)):
        if group and rows + buckets[label] > most:
            yield group
            group, rows = [], 0
        group.append(label)
        rows += buckets[label]
    if group:
        yield group
