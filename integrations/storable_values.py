"""What actions report, as JSON that PostgreSQL keeps and pages show: whatever a provider or a program said.

PostgreSQL refuses NaN, NUL and lone surrogates in ``jsonb``; Python refuses to write numbers of thousands of
digits, and its recursion ends at about a thousand levels. An action that met such a value has done its work
by then: it must not fail because of what it wants to tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from math import isfinite
from typing import Any

DEEPEST = 50  # levels of objects and lists that are kept
LONGEST_TEXT = 1_000_000  # characters kept of one text
LONGEST_SENTENCE = 4_000  # characters kept of what stands in lists: summaries, problems
LARGEST_NUMBER = 2**63 - 1  # a bigint; larger whole numbers are kept as text
LARGEST_BITS = 13_000  # Python writes no number of more than 4,300 digits, which is about 14,280 bits
EXACT_FLOATS = 1e16  # Python writes larger ones with an exponent
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def make_storable(value: Any, depth: int = 0) -> Any:
    """The value as JSON without what cannot be stored.

    Numbers that are none, and those that no column holds, become texts. What is nested more than `DEEPEST`
    levels and the end of a text of more than `LONGEST_TEXT` characters are replaced by words that say so.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return shorten_text(clean_text(value), LONGEST_TEXT)
    if isinstance(value, int):
        return _storable_integer(int(value))
    if isinstance(value, float):
        return _storable_float(float(value))
    if isinstance(value, Mapping | Set | list | tuple):
        return _storable_parts(value, depth)
    return make_storable(str(value))


def clean_text(text: str) -> str:
    """The text with U+FFFD in place of NUL and of lone surrogates."""
    return text if text.isprintable() else _UNSTORABLE.sub("\ufffd", text)


def shorten_text(text: str, most: int) -> str:
    """The beginning of a text that is longer than ``most`` characters, with its whole length."""
    return text if len(text) <= most else f"{text[:most]}… (cut; it has {len(text):,} characters)"


def to_finite(value: Any) -> float | None:
    """The number; None for what is none, is infinite, or too large to be a progress or a measurement."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < EXACT_FLOATS else None  # also None for NaN


def _storable_integer(number: int) -> int | str:
    if -LARGEST_NUMBER <= number <= LARGEST_NUMBER:
        return number
    return str(number) if number.bit_length() <= LARGEST_BITS else "(a number of thousands of digits)"


def _storable_float(number: float) -> float | int | str:
    """``jsonb`` gives 1e16 back as a whole number, and -0.0 as 0.0: their digests would differ."""
    if not isfinite(number):
        return str(number)
    return _storable_integer(int(number)) if abs(number) >= EXACT_FLOATS else number + 0.0


def _storable_parts(value: Mapping[Any, Any] | Set[Any] | list[Any] | tuple[Any, ...], depth: int) -> Any:
    if depth >= DEEPEST:
        return f"(nested more than {DEEPEST} levels deep: not kept)"
    if isinstance(value, Mapping):
        return {clean_text(str(name)): make_storable(inner, depth + 1) for name, inner in value.items()}
    return [make_storable(inner, depth + 1) for inner in value]
