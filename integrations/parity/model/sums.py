"""Bucket sums of one side of a table, packed: 100,000 buckets take two megabytes, not a hundred."""

from __future__ import annotations

import base64
import hashlib
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import zip_longest
from typing import Any, NamedTuple

from psycopg import sql

SHELF = 8  # as a power of two: 256 buckets are packed into one string of bytes, a shelf
FOLD = 1 << 63  # sums of row hashes are kept modulo this, so that they fit into 8 bytes

NOTHING = b""


class Sum(NamedTuple):
    """What is known of a bucket: rows, sum of row hashes, (count, sum) of each track; sums folded."""

    rows: int
    sum: int
    tracks: tuple[tuple[int, int], ...]


def fold(total: int) -> int:
    """A sum modulo `FOLD`: sums of parts and the sum of the whole fold to the same number."""
    return total % FOLD


class Sums(Mapping[int, Sum]):
    """Bucket → `Sum`. Shelves that are the same on both sides are compared without being unpacked."""

    def __init__(self, shelves: Mapping[int, bytes], tracks: int = 0) -> None:
        self.shelves, self.tracks = dict(shelves), tracks
        self._record = _record(tracks)

    @classmethod
    def of(cls, sums: Mapping[int, Sum], tracks: int) -> Sums:
        """Packed from a plain mapping."""
        record = _record(tracks)
        shelves: dict[int, bytearray] = {}
        for bucket, found in sorted(sums.items()):
            numbers = (number for pair in found.tracks for number in pair)
            packed = record.pack(bucket & _LOW, found.rows, found.sum, *numbers)
            shelves.setdefault(bucket >> SHELF, bytearray()).extend(packed)
        return cls({place: bytes(shelf) for place, shelf in shelves.items()}, tracks)

    def __getitem__(self, bucket: int) -> Sum:
        shelf = self.shelves[bucket >> SHELF]
        for low, found in self._unpacked(shelf):
            if low == bucket & _LOW:
                return found
        raise KeyError(bucket)

    def __iter__(self) -> Iterator[int]:
        return (bucket for bucket, _ in self.all())

    def __len__(self) -> int:
        return sum(len(shelf) for shelf in self.shelves.values()) // self._record.size

    def all(self) -> Iterator[tuple[int, Sum]]:
        """Every bucket in order."""
        for place in sorted(self.shelves):
            for low, found in self._unpacked(self.shelves[place]):
                yield place << SHELF | low, found

    def _unpacked(self, shelf: bytes) -> Iterator[tuple[int, Sum]]:
        if not self.tracks:
            yield from ((low, Sum(rows, total, ())) for low, rows, total in self._record.iter_unpack(shelf))
            return
        for low, rows, total, *rest in self._record.iter_unpack(shelf):
            yield low, Sum(rows, total, tuple(zip(rest[::2], rest[1::2], strict=True)))

    def _unlike_records(self, here: bytes, there: bytes) -> tuple[set[bytes], set[bytes]]:
        """Records of both shelves, less those that have a twin at the same place: nearly all of them do."""
        each = struct.Struct(f"{self._record.size}s").iter_unpack
        pairs = [pair for pair in zip_longest(each(here), each(there)) if pair[0] != pair[1]]
        mine, others = ({one[0] for one in side if one} for side in zip(*pairs, strict=True))
        return mine, others

    @cached_property
    def rows(self) -> int:
        """Rows in all buckets."""
        together, size = b"".join(self.shelves.values()), self._record.size
        return sum(sum(together[2 + byte :: size]) << 8 * (3 - byte) for byte in range(4))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything: the same content in the same buckets gives the same digest."""
        known = hashlib.sha256(str(self.tracks).encode())
        for place in sorted(self.shelves):
            known.update(f"|{place}:{len(self.shelves[place])}|".encode() + self.shelves[place])
        return known.hexdigest()

    def unlike(self, other: Sums) -> Iterator[tuple[int, Sum | None, Sum | None]]:
        """Buckets that are not the same here and there, with what is known of both, in order."""
        for place in sorted(self.shelves.keys() | other.shelves.keys()):
            here, there = self.shelves.get(place, NOTHING), other.shelves.get(place, NOTHING)
            if here == there:
                continue
            mine, others = self._unlike_records(here, there)
            ours = dict(self._unpacked(b"".join(mine - others)))
            theirs = dict(other._unpacked(b"".join(others - mine)))
            for low in sorted(ours.keys() | theirs.keys()):
                yield place << SHELF | low, ours.get(low), theirs.get(low)

    def counts(self, shelf: int) -> bytes:
        """Number and rows of each bucket of a shelf, as packed as the rest."""
        few = struct.Struct(f"6s{self._record.size - 6}x")
        return b"".join(head for (head,) in few.iter_unpack(self.shelves.get(shelf, NOTHING)))

    def replaced(self, buckets: Iterable[int], fresh: Sums) -> Sums:
        """These sums, with those of the given buckets taken from ``fresh`` (a bucket it lacks is empty)."""
        shelves = dict(self.shelves)
        for bucket in buckets:
            place, low = bucket >> SHELF, bucket & _LOW
            shelf, newer = shelves.get(place, NOTHING), fresh.shelves.get(place, NOTHING)
            gone, new = self._where(shelf, low), self._where(newer, low)
            shelves[place] = shelf[: gone.start] + newer[new] + shelf[gone.stop :]
        return Sums({place: shelf for place, shelf in shelves.items() if shelf}, self.tracks)

    def _where(self, shelf: bytes, low: int) -> slice:
        """Where a bucket lies in its shelf, or, of no length, where it would lie."""
        size = self._record.size
        number = bisect_left(range(len(shelf) // size), low, key=lambda n: shelf[n * size + 1])
        found = shelf[number * size + 1 : number * size + 2] == bytes((low,))
        return slice(number * size, (number + found) * size)

    def as_facts(self) -> dict[str, Any]:
        """JSON values; in hex, which is read five times as fast as base64, in the minutes of the switch."""
        return {"tracks": self.tracks, "hex": {str(at): shelf.hex() for at, shelf in self.shelves.items()}}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Sums:
        """The way back from `as_facts`, also of files that were written before, which have base64."""
        if "hex" in facts:
            shelves = {int(place): bytes.fromhex(shelf) for place, shelf in facts["hex"].items()}
        else:
            shelves = {int(place): base64.b64decode(shelf) for place, shelf in facts["shelves"].items()}
        return cls(shelves, facts["tracks"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sums) and (self.shelves, self.tracks) == (other.shelves, other.tracks)

    __hash__ = None  # type: ignore[assignment]  # a mapping


_LOW = (1 << SHELF) - 1


def _record(tracks: int) -> struct.Struct:
    return struct.Struct(">hiq" + "iq" * tracks)


def added(parts: Iterable[Sums]) -> Sums:
    """The sums of parts of a table (of other rows, in the same buckets), as those of the whole."""
    whole: dict[int, bytes] = {}
    tracks = 0
    for part in parts:
        tracks = part.tracks
        for place, shelf in part.shelves.items():
            whole[place] = _merged(whole[place], shelf, tracks) if place in whole else shelf
    return Sums(whole, tracks)


def _merged(one: bytes, other: bytes, tracks: int) -> bytes:
    record = _record(tracks)
    found: dict[int, list[int]] = {}
    for shelf in (one, other):
        for low, *numbers in record.iter_unpack(shelf):
            known = found.get(low)
            found[low] = numbers if known is None else [a + b for a, b in zip(known, numbers, strict=True)]
    # places: rows, sum, then count and sum of each track; only sums are folded
    return b"".join(
        record.pack(low, *(fold(n) if place % 2 else n for place, n in enumerate(numbers)))
        for low, numbers in sorted(found.items())
    )


def packed(fine: sql.Composable, tracks: int) -> sql.Composable:
    """The question for packed sums around one for ``b`` (bucket), ``n``, ``s`` and tracks ``c0, t0, c1 …``.

    Its rows are (shelf, packed buckets).
    """
    parts = ["int2send((b & {low})::int2)", "int4send(n::int4)", "int8send((s % {fold})::int8 & {ones})"]
    for number in range(tracks):
        parts += [
            f"int4send(c{number}::int4)",
            f"int8send((coalesce(t{number}, 0) % {{fold}})::int8 & {{ones}})",
        ]
    question = "SELECT b >> {shelf}, string_agg(" + " || ".join(parts) + ", ''::bytea ORDER BY b)"
    return sql.SQL(question + " FROM ({fine}) AS fine GROUP BY 1").format(
        low=sql.Literal(_LOW),
        fold=sql.SQL(str(FOLD)),
        ones=sql.Literal(FOLD - 1),
        shelf=sql.Literal(SHELF),
        fine=fine,
    )
