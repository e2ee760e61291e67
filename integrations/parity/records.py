"""Rows of buckets as packed records of hashes and places: what differs shows without its keys."""

from __future__ import annotations

import struct
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

HALF = 8
IDENTITY = struct.Struct("16s")  # hash of the key, hash of the row with its tokens


class Packed(NamedTuple):
    """The rows of some buckets: their identities one after the other, and in the same order where they lie.

    A place is a ctid; of a partitioned table the oid of the partition and a ctid; of a view nothing.
    """

    identities: bytes = b""
    places: bytes = b""

    def __len__(self) -> int:
        return len(self.identities) // IDENTITY.size

    def places_of(self, wanted: set[tuple[bytes]]) -> list[bytes]:
        """Identity and place of the rows of these identities."""
        size = len(self.places) // max(len(self), 1)
        return [
            one[0] + self.places[number * size : (number + 1) * size]
            for number, one in enumerate(IDENTITY.iter_unpack(self.identities))
            if one in wanted
        ]


@dataclass
class Unlike:
    """Rows that only one side has, each as identity and place; a changed row has one on each side."""

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
    ours, theirs = (set(IDENTITY.iter_unpack(side.identities)) for side in (source, target))
    if len(ours) == len(source) and len(theirs) == len(target):
        return Unlike(source.places_of(ours - theirs), target.places_of(theirs - ours))
    return Unlike(_beyond(source, target), _beyond(target, source))


def _spread(record: bytes) -> int:
    return int.from_bytes(record[2:6])


def _beyond(one: Packed, other: Packed) -> list[bytes]:
    """Records of one side beyond those of the same identity on the other."""
    spare = Counter(IDENTITY.iter_unpack(other.identities))
    left = []
    for record in one.places_of(set(IDENTITY.iter_unpack(one.identities))):
        identity = (record[: IDENTITY.size],)
        if spare[identity] > 0:
            spare[identity] -= 1
        else:
            left.append(record)
    return left


def place(record: bytes) -> tuple[int, str]:
    """Where the row of a record lies: oid of its partition (0: there is but one table), and its ctid."""
    table, line = record[IDENTITY.size : -6], record[-6:]
    return int.from_bytes(table), f"({int.from_bytes(line[:4])},{int.from_bytes(line[4:])})"
