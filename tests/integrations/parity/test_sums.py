"""Packed sums say what plain ones say, in a fraction of the memory."""

from __future__ import annotations

import base64
import json
import random

from integrations.parity.sums import FOLD, Sum, Sums, added, fold


def some(seed: int, tracks: int) -> dict[int, Sum]:
    """A few hundred buckets, below and above zero."""
    chance = random.Random(seed)
    return {
        chance.randrange(-(1 << 40), 1 << 40, 7): Sum(
            chance.randrange(1 << 20),
            fold(chance.randrange(-(1 << 80), 1 << 80)),
            tuple((chance.randrange(9), fold(chance.randrange(-(1 << 70), 1 << 70))) for _ in range(tracks)),
        )
        for _ in range(300)
    }


def test_what_is_packed_comes_out_again() -> None:
    for tracks in (0, 1, 3):
        plain = some(1, tracks)
        packed = Sums.of(plain, tracks)
        assert dict(packed.all()) == plain
        assert list(packed) == sorted(plain)
        assert (len(packed), packed.rows) == (len(plain), sum(one.rows for one in plain.values()))
        assert all(packed[bucket] == found for bucket, found in plain.items())
        assert Sums.from_facts(json.loads(json.dumps(packed.as_facts()))) == packed


def test_facts_that_were_written_in_base64_can_still_be_read() -> None:
    packed = Sums.of(some(3, 1), 1)
    old = {str(place): base64.b64encode(shelf).decode() for place, shelf in packed.shelves.items()}
    assert Sums.from_facts({"tracks": 1, "shelves": old}) == packed


def test_only_what_is_not_the_same_is_unlike() -> None:
    one, other = some(2, 1), some(2, 1)
    changed, lost = sorted(one)[10], sorted(one)[20]
    other[changed] = other[changed]._replace(sum=1)
    del other[lost]
    other[-3] = Sum(1, 2, ((0, 0),))
    found = {bucket: (ours, theirs) for bucket, ours, theirs in Sums.of(one, 1).unlike(Sums.of(other, 1))}
    assert found == {
        changed: (one[changed], other[changed]), lost: (one[lost], None), -3: (None, other[-3])
    }  # fmt: skip


def test_parts_add_up_to_the_whole_whatever_their_order() -> None:
    parts = [Sums.of({5: Sum(1, FOLD - 1, ()), 9: Sum(2, 7, ())}, 0), Sums.of({5: Sum(2, 3, ())}, 0)]
    assert dict(added(parts).all()) == {5: Sum(3, 2, ()), 9: Sum(2, 7, ())}
    assert added(parts) == added(reversed(parts))


def test_buckets_are_replaced_by_what_they_are_now_even_when_that_is_nothing() -> None:
    before = Sums.of({1: Sum(1, 1, ()), 2: Sum(1, 2, ()), 300: Sum(1, 3, ())}, 0)
    fresh = Sums.of({2: Sum(4, 4, ()), 900: Sum(5, 5, ())}, 0)
    now = before.replaced([2, 300, 900], fresh)
    assert dict(now.all()) == {1: Sum(1, 1, ()), 2: Sum(4, 4, ()), 900: Sum(5, 5, ())}
    assert now == Sums.of(dict(now.all()), 0)


def test_a_folded_sum_does_not_depend_on_where_it_was_folded() -> None:
    assert (fold(FOLD + 5), fold(-FOLD + 5), fold(-5), fold(FOLD)) == (5, 5, FOLD - 5, 0)
    assert fold(fold(FOLD + 4) + fold(-5)) == fold(FOLD - 1)
