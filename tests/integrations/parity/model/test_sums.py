"""Packed sums contain what plain sums contain."""

from __future__ import annotations

import base64
import json
import random

from integrations.parity.model.sums import SUM_MODULUS, BucketSum, BucketSums, add_sums, wrap_sum


def some(seed: int, tracks: int) -> dict[int, BucketSum]:
    """A few hundred buckets, below and above zero."""
    chance = random.Random(seed)
    return {
        chance.randrange(-(1 << 40), 1 << 40, 7): BucketSum(
            chance.randrange(1 << 20),
            wrap_sum(chance.randrange(-(1 << 80), 1 << 80)),
            tuple(
                (chance.randrange(9), wrap_sum(chance.randrange(-(1 << 70), 1 << 70))) for _ in range(tracks)
            ),
        )
        for _ in range(300)
    }


def test_packed_sums_can_be_unpacked() -> None:
    for tracks in (0, 1, 3):
        plain = some(1, tracks)
        packed = BucketSums.from_mapping(plain, tracks)
        assert dict(packed.sorted_items()) == plain
        assert list(packed) == sorted(plain)
        assert (len(packed), packed.rows) == (
            len(plain),
            sum(one.rows for one in plain.values()),
        )
        assert all(packed[bucket] == found for bucket, found in plain.items())
        assert BucketSums.from_facts(json.loads(json.dumps(packed.as_facts()))) == packed


def test_facts_that_were_written_in_base64_can_still_be_read() -> None:
    packed = BucketSums.from_mapping(some(3, 1), 1)
    old = {str(place): base64.b64encode(block).decode() for place, block in packed.blocks.items()}
    assert BucketSums.from_facts({"tracks": 1, "shelves": old}) == packed


def test_only_buckets_that_are_not_the_same_differ() -> None:
    one, other = some(2, 1), some(2, 1)
    changed, lost = sorted(one)[10], sorted(one)[20]
    other[changed] = other[changed]._replace(sum=1)
    del other[lost]
    other[-3] = BucketSum(1, 2, ((0, 0),))
    found = {
        bucket: (ours, theirs)
        for bucket, ours, theirs in BucketSums.from_mapping(one, 1).differing_buckets(
            BucketSums.from_mapping(other, 1)
        )
    }
    assert found == {
        changed: (one[changed], other[changed]), lost: (one[lost], None), -3: (None, other[-3])
    }  # fmt: skip


def test_parts_add_up_to_the_whole_whatever_their_order() -> None:
    parts = [
        BucketSums.from_mapping({5: BucketSum(1, SUM_MODULUS - 1, ()), 9: BucketSum(2, 7, ())}, 0),
        BucketSums.from_mapping({5: BucketSum(2, 3, ())}, 0),
    ]
    assert dict(add_sums(parts).sorted_items()) == {5: BucketSum(3, 2, ()), 9: BucketSum(2, 7, ())}
    assert add_sums(parts) == add_sums(reversed(parts))


def test_buckets_are_replaced_even_by_empty_ones() -> None:
    before = BucketSums.from_mapping(
        {1: BucketSum(1, 1, ()), 2: BucketSum(1, 2, ()), 300: BucketSum(1, 3, ())}, 0
    )
    fresh = BucketSums.from_mapping({2: BucketSum(4, 4, ()), 900: BucketSum(5, 5, ())}, 0)
    now = before.with_replaced([2, 300, 900], fresh)
    assert dict(now.sorted_items()) == {
        1: BucketSum(1, 1, ()),
        2: BucketSum(4, 4, ()),
        900: BucketSum(5, 5, ()),
    }
    assert now == BucketSums.from_mapping(dict(now.sorted_items()), 0)


def test_a_wrapped_sum_does_not_depend_on_where_it_was_wrapped() -> None:
    assert (wrap_sum(SUM_MODULUS + 5), wrap_sum(-SUM_MODULUS + 5), wrap_sum(-5), wrap_sum(SUM_MODULUS)) == (
        5,
        5,
        SUM_MODULUS - 5,
        0,
    )
    assert wrap_sum(wrap_sum(SUM_MODULUS + 4) + wrap_sum(-5)) == wrap_sum(SUM_MODULUS - 1)
