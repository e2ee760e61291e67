"""Rows of buckets as packed records of hashes and places: what differs shows without its keys."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

HALF = 8  # bytes of a hash


class Packed(NamedTuple):
    """The rows of some buckets: their hashes one after the other, and in the same order what else is known.

    ``hashes`` has 8 bytes a row (of the row, with its key and tokens), ``rest`` the hash of its key and its
    place: a ctid; of a partitioned table the oid of the partition and a ctid; of a view nothing. Where an
    integer key is all that will be asked for, ``rest`` is that key.
    """

    hashes: bytes = b""
    rest: bytes = b""

    def __len__(self) -> int:
        return len(self.hashes) // HALF

    def numbers(self) -> array[int]:
        """The hashes as numbers; which ones does not matter, so their bytes are not put in order."""
        return array("q", self.hashes)

    def by_hash(self) -> dict[int, int]:
        """Hash of a row → which row it is, the last where several have the same."""
        return dict(zip(self.numbers(), count(), strict=False))

    def records(self, rows: Iterable[int]) -> list[bytes]:
        """Hash of the key (or the key itself), hash of the row, and place of these rows."""
        size = len(self.rest) // max(len(self), 1)
        return [
            self.rest[n * size : n * size + HALF]
            + self.hashes[n * HALF : (n + 1) * HALF]
            + self.rest[n * size + HALF : (n + 1) * size]
            for n in rows
        ]


@dataclass
class Unlike:
    """Rows that only one side has, each as its record (`Packed.records`); a changed row is on both."""

    source: list[bytes] = field(default_factory=list)
    target: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.source) + len(self.target)

    def __iadd__(self, other: Unlike) -> Unlike:
        self.source += other.source
        self.target += other.target
        return self

    def parts(self, most: int) -> Iterator[Unlike]:
        """The same in parts of about so many rows; the rows of one key are in the same part."""
        count = len(self) // most + 1
        if count == 1:
            yield self
            return
        for number in range(count):
            yield Unlike(
                *(
                    [one for one in side if _spread(one) % count == number]
                    for side in (self.source, self.target)
                )
            )

    def by_key(self) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """The records of each key on both sides."""
        keys: dict[bytes, tuple[list[bytes], list[bytes]]] = defaultdict(lambda: ([], []))
        for record in self.source:
            keys[record[:HALF]][0].append(record)
        for record in self.target:
            keys[record[:HALF]][1].append(record)
        yield from keys.values()


def unlike(source: Packed, target: Packed) -> Unlike:
    """What two sides do not have in common; the same row twice against once is one too many."""
    here, there = source.by_hash(), target.by_hash()
    if len(here) == len(source) and len(there) == len(target):
        return Unlike(
            source.records(sorted(here[one] for one in here.keys() - there.keys())),
            target.records(sorted(there[one] for one in there.keys() - here.keys())),
        )
    return Unlike(_beyond(source, target), _beyond(target, source))


def _spread(record: bytes) -> int:
    return int.from_bytes(record[:HALF])


def _beyond(side: Packed, other: Packed) -> list[bytes]:
    """Records of one side beyond those of the same hash on the other."""
    spare, left = Counter(other.numbers()), list[int]()
    for number, one in enumerate(side.numbers()):
        if spare[one] > 0:
            spare[one] -= 1
        else:
            left.append(number)
    return side.records(left)


def first_number(record: bytes) -> int:
    """What stands first in a record: the hash of its key, or an integer key itself."""
    return int.from_bytes(record[:HALF], signed=True)


def place(record: bytes) -> tuple[int, str]:
    """Where the row of a record lies: oid of its partition (0: there is but one table), and its ctid."""
    table, line = record[2 * HALF : -6], record[-6:]
    return int.from_bytes(table), f"({int.from_bytes(line[:4])},{int.from_bytes(line[4:])})"
