"""Whatever is read outside can be stored, comes back the same, and has the same digest."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from django.db import connection

from checklists.canonical import digest_of
from integrations.json_values import parse_json
from integrations.storable_values import clean_text, make_storable, shorten_text, to_finite

LEAVES: list[Any] = [
    *(None, True, 0, -1, 2**63 - 1, 2**63, 10**400, 10**5000, 0.1, -0.0, 5.0, 1e-7, 1e16, 1e22, 1e308),
    *(float("nan"), float("inf"), "", "é", "\0", "a\ud800", "\U0001f600", "\x1b[0m", "x" * 1000, b"\xff"),
]


def generate(chosen: random.Random, depth: int) -> Any:
    """A value of random shape."""
    kind = chosen.randrange(5) if depth else 4
    if kind == 0:
        return [generate(chosen, depth - 1) for _ in range(chosen.randrange(4))]
    if kind == 1:
        return {str(chosen.choice(LEAVES[16:])): generate(chosen, depth - 1) for _ in range(3)}
    return chosen.choice(LEAVES)


@pytest.mark.property
@pytest.mark.django_db
def test_a_storable_value_comes_back_with_its_digest(request: pytest.FixtureRequest) -> None:
    run = request.config.getoption("--property-round")
    chosen = random.Random(run or "suite")
    values = [LEAVES, *(generate(chosen, 6) for _ in range(20_000 if run else 300))]
    with connection.cursor() as cursor:
        for value in values:
            kept = make_storable(value)
            cursor.execute("SELECT %s::jsonb", [json.dumps(kept, allow_nan=False)])
            back = json.loads(cursor.fetchone()[0])
            assert digest_of(back) == digest_of(kept), value


def test_what_is_nested_too_deeply_is_cut_in_words() -> None:
    nested: Any = 1
    for _ in range(20_000):
        nested = {"a": [nested]}
    assert "nested more than 50 levels" in json.dumps(make_storable(nested))


def test_long_texts_are_cut_in_words() -> None:
    assert shorten_text("x" * 5, 5) == "xxxxx"
    assert shorten_text("x" * 1234567, 3) == "xxx… (cut; it has 1,234,567 characters)"
    assert len(make_storable("x" * 10_000_000)) < 1_000_100


def test_texts_without_unstorable_characters_stay() -> None:
    for text in ("", "é\n\t", "\U0001f600", "\x1b[31m"):
        assert clean_text(text) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "x", None, [], 1e308])
def test_no_progress_is_beyond_all_numbers(value: Any) -> None:
    assert to_finite(value) is None
    assert to_finite("7") == to_finite(7) == 7.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "a name twice"),
        ("NaN", "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ("[1e400]", "larger"),
        ("[" * 500 + "]" * 500, "nested"),
        ("[" * 100_000, "nested"),
        ("9" * 5000, "digits"),
        (b"\xff", "utf-8"),
        (b'"\xed\xa0\x80"', "utf-8"),
        ("", "Expecting value"),
    ],
)
def test_json_that_readers_differ_about_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(text)


def test_json_texts_are_ones_that_can_be_stored() -> None:
    assert parse_json('{"\\u0000": ["a\\ud800b", "\\ud83d\\ude00", "\\\\u0000"]}') == {
        "\ufffd": ["a\ufffdb", "\U0001f600", "\\u0000"]
    }
    assert parse_json(b"\xef\xbb\xbf[1, 2.5, null, true]") == [1, 2.5, None, True]
