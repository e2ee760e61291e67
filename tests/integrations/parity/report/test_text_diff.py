"""Only what differs is marked: words, characters, and lines of JSON."""

from __future__ import annotations

import time

import pytest

from integrations.parity.report.text_diff import TextPart, mark_differences, mark_outline


def shown(parts: list[TextPart]) -> str:
    return "".join(f"[{part.text}]" if part.differs else part.text for part in parts)


@pytest.mark.parametrize(
    ("before", "after", "marks"),
    [
        ("Member 8", "Member  8", ("Member 8", "Member [ ]8")),
        ("aaa", "aa", ("aa[a]", "aa")),
        ("", "x", ("", "[x]")),
        ("abc", "xyz", ("[abc]", "[xyz]")),
        ("25.67", "-25.67", ("25.67", "[-]25.67")),
        ("the quick brown fox", "the slow brown dog", ("the [quick] brown [fox]", "the [slow] brown [dog]")),
        ("m7@example.org", "m7@example.com", ("m7@example.[org]", "m7@example.[com]")),
        ("Accra", "Tema", ("[Accra]", "[Tema]")),
        ("Ünï 🚚", "Ünï 🚛", ("Ünï [🚚]", "Ünï [🚛]")),
        ("same", "same", ("same", "same")),
    ],
)
def test_only_what_differs_is_marked(before: str, after: str, marks: tuple[str, str]) -> None:
    found = mark_differences(before, after)
    assert (shown(found.before), shown(found.after)) == marks
    quick = mark_outline(before, after)
    assert shown(quick.before).replace("[", "").replace("]", "") == before
    assert shown(quick.after).replace("[", "").replace("]", "") == after
    assert quick.has_no_mark == found.has_no_mark == (before == after)


def test_json_is_formatted_and_compared_by_lines_whatever_the_order_of_its_keys() -> None:
    found = mark_differences('{"b": [1, 2], "a": 1.10}', '{"a": 1.10, "b": [1, "2"]}')
    assert found.by_lines
    assert shown(found.before) == '{\n  "a": 1.10,\n  "b": [\n    1,\n    2\n  ]\n}'
    assert shown(found.after) == '{\n  "a": 1.10,\n  "b": [\n    1,\n    ["]2["]\n  ]\n}'


def test_no_digit_of_a_number_in_json_is_lost() -> None:
    found = mark_differences('{"a": 1.10}', '{"a": 1.1}')
    assert (shown(found.before), shown(found.after)) == ('{\n  "a": 1.1[0]\n}', '{\n  "a": 1.1\n}')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ('{"a": "cut…', '{"a": "cat…'),
        ("[" * 3000, "[" * 2999),
        ("{}", "{ }"),
    ],
)
def test_what_is_no_json_or_the_same_json_is_compared_as_text(before: str, after: str) -> None:
    found = mark_differences(before, after)
    assert not found.by_lines
    assert not found.has_no_mark


def test_long_texts_are_marked_quickly() -> None:
    began = time.monotonic()
    for n in range(20):
        one = " ".join(f"word{i % (7 + n)}" for i in range(2_000))
        mark_differences(one, one.replace("word3", "werd3"))
    assert time.monotonic() - began < 20
