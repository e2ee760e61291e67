"""Packed rows that only one side has are found, also where rows are duplicated."""

from __future__ import annotations

from integrations.parity.model.packed_rows import PackedRows, UnmatchedRows, find_unmatched, read_location

Row = tuple[int, int, int]  # number of the key, of the content, of the line where it lies


def packed(*rows: Row) -> PackedRows:
    hashes = b"".join(content.to_bytes(8) for _, content, _ in rows)
    return PackedRows(hashes, b"".join(key.to_bytes(8) + ctid(line) for key, _, line in rows))


def ctid(line: int) -> bytes:
    return (line // 10).to_bytes(4) + (line % 10).to_bytes(2)


def record(row: Row) -> bytes:
    return row[0].to_bytes(8) + row[1].to_bytes(8) + ctid(row[2])


def test_equal_rows_in_another_order_and_location_match() -> None:
    assert len(find_unmatched(packed((1, 1, 5), (2, 2, 6)), packed((2, 2, 1), (1, 1, 99)))) == 0
    assert len(find_unmatched(PackedRows(), PackedRows())) == 0


def test_a_changed_row_is_on_both_sides_a_missing_one_on_one() -> None:
    found = find_unmatched(packed((1, 1, 5), (2, 2, 6), (3, 3, 7)), packed((2, 9, 8), (1, 1, 4)))
    assert sorted(found.source) == [record((2, 2, 6)), record((3, 3, 7))]
    assert found.target == [record((2, 9, 8))]
    assert sorted((len(ours), len(theirs)) for ours, theirs in found.group_by_key()) == [(1, 0), (1, 1)]


def test_a_row_that_is_twice_on_one_side_is_one_too_many() -> None:
    found = find_unmatched(packed((1, 1, 5), (1, 1, 6), (1, 1, 7)), packed((1, 1, 9)))
    assert (len(found.source), len(found.target)) == (2, 0)


def test_a_location_is_read_back() -> None:
    assert read_location(record((1, 1, 4711))) == (0, "(471,1)")
    of_partition = record((1, 1, 0))[:16] + (16_500).to_bytes(4) + ctid(12)
    assert read_location(of_partition) == (16_500, "(1,2)")


def test_parts_contain_every_row_once_and_keep_rows_of_a_key_together() -> None:
    keys = [number * 0x0123_4567_89AB_CDEF % (1 << 64) for number in range(1, 501)]
    found = UnmatchedRows([record((key, 1, 1)) for key in keys], [record((key, 2, 2)) for key in keys[:250]])
    parts = list(found.split(100))
    assert len(parts) > 3
    assert sorted(one for part in parts for one in part.source) == sorted(found.source)
    assert sorted(one for part in parts for one in part.target) == sorted(found.target)
    assert sum(len(theirs) == len(ours) == 1 for part in parts for ours, theirs in part.group_by_key()) == 250
