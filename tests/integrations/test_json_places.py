"""Places inside JSON: names, numbers, and a star for each part."""

from __future__ import annotations

from integrations.json_places import find_value, find_values, walk_texts

FOUND = {
    "status": "ok",
    "details": {"database": {"status": "down"}, "queue": {"status": "up"}},
    "rows": [{"id": 7}],
}


def test_a_value_is_found_by_names_and_numbers() -> None:
    assert find_value(FOUND, "details.queue.status") == "up"
    assert find_value(FOUND, "rows.0.id") == 7
    assert find_value(FOUND, "") is FOUND
    assert find_value(FOUND, "rows.1.id") is None
    assert find_value(FOUND, "status.more") is None


def test_a_star_stands_for_each_part_and_a_place_that_fits_nothing_is_listed() -> None:
    assert find_values(FOUND, "details.*.status") == [
        ("details.database.status", "down"),
        ("details.queue.status", "up"),
    ]
    assert find_values(FOUND, "rows.*.id") == [("rows.0.id", 7)]
    assert find_values(FOUND, "parts.*.status") == [("parts.*.status", None)]


def test_every_text_is_walked_with_its_place() -> None:
    texts = list(walk_texts({"a": [{"b": "x"}, 1], "c": "y"}))
    assert texts == [("a.0.b", "x"), ("c", "y")]
