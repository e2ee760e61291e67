"""Rows of differing buckets as packed hashes: rows that differ are found without reading their keys."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

HASH_BYTES = 8


class PackedRows(NamedTuple):
    """The rows of some buckets in two strings of bytes, in the same order.

    ``hashes`` has 8 bytes for each row: the hash of the row with its key and tokens. ``rest`` has the hash
    of its key and its location: a ctid; in a partitioned table the oid of the partition and a ctid; in a
    view nothing. Where an integer key is all that is needed, ``rest`` is that key.
    """

    hashes: bytes = b""
    rest: bytes = b""

    def __len__(self) -> int:
        return len(self.hashes) // HASH_BYTES

    def hash_numbers(self) -> array[int]:
        """The hashes as numbers, to compare with each other only: the byte order is that of the machine."""
        return array("q", self.hashes)

    def positions(self) -> dict[int, int]:
        """Hash → the position of its row, the last one where several rows have the same hash."""
        return dict(zip(self.hash_numbers(), count(), strict=False))

    def records(self, positions: Iterable[int]) -> list[bytes]:
        """Hash of the key (or the key itself), hash of the row, and location, for each of these rows."""
        size = len(self.rest) // max(len(self), 1)
        return [
            self.rest[n * size : n * size + HASH_BYTES]
            + self.hashes[n * HASH_BYTES : (n + 1) * HASH_BYTES]
            + self.rest[n * size + HASH_BYTES : (n + 1) * size]
            for n in positions
        ]


@dataclass
class UnmatchedRows:
    """Records (`PackedRows.records`) of rows that only one side has; a changed row is on both."""

    source: list[bytes] = field(default_factory=list)
    target: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.source) + len(self.target)

    def __iadd__(self, other: UnmatchedRows) -> UnmatchedRows:
        self.source += other.source
        self.target += other.target
        return self

    def split(self, most: int) -> Iterator[UnmatchedRows]:
        """The same rows in parts of about ``most`` rows; rows of one key are in the same part."""
        parts = len(self) // most + 1
        if parts == 1:
            yield self
            return
        for number in range(parts):
            source = [one for one in self.source if _key_number(one) % parts == number]
            target = [one for one in self.target if _key_number(one) % parts == number]
            yield UnmatchedRows(source, target)

    def group_by_key(self) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """The records of each key on both sides."""
        keys: dict[bytes, tuple[list[bytes], list[bytes]]] = defaultdict(lambda: ([], []))
        for record in self.source:
            keys[record[:HASH_BYTES]][0].append(record)
        for record in self.target:
            keys[record[:HASH_BYTES]][1].append(record)
        yield from keys.values()


def find_unmatched(source: PackedRows, target: PackedRows) -> UnmatchedRows:
    """The rows that the two sides do not share; of a row that is twice here and once there, one is left."""
    here, there = source.positions(), target.positions()
    if len(here) == len(source) and len(there) == len(target):
        return UnmatchedRows(
            source.records(sorted(here[one] for one in here.keys() - there.keys())),
            target.records(sorted(there[one] for one in there.keys() - here.keys())),
        )
    return UnmatchedRows(_surplus(source, target), _surplus(target, source))


def _key_number(record: bytes) -> int:
    return int.from_bytes(record[:HASH_BYTES])


def _surplus(side: PackedRows, other: PackedRows) -> list[bytes]:
    """Records of one side that have no partner with the same hash on the other side."""
    partners, left = Counter(other.hash_numbers()), list[int]()
    for position, row_hash in enumerate(side.hash_numbers()):
        if partners[row_hash] > 0:
            partners[row_hash] -= 1
        else:
            left.append(position)
    return side.records(left)


def read_first_number(record: bytes) -> int:
    """The first number of a record: the hash of the key, or an integer key itself."""
    return int.from_bytes(record[:HASH_BYTES], signed=True)


def read_location(record: bytes) -> tuple[int, str]:
    """The location of a row: oid of its partition (0 in a plain table), and its ctid."""
    table, line = record[2 * HASH_BYTES : -6], record[-6:]
    return int.from_bytes(table), f"({int.from_bytes(line[:4])},{int.from_bytes(line[4:])})"
