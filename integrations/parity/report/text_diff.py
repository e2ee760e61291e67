"""Marks what differs between two versions of a text: by words and characters, JSON by lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

WORDS = re.compile(r"\w+|\s|[^\w\s]")
AS_WRITTEN = re.compile('"\ue000([^\ue000\ue001]*)\ue001"')
MAX_PIECES = 600  # words (or lines) of one side that are compared one by one


@dataclass(frozen=True)
class TextPart:
    """A piece of a text; ``differs`` says that the other side has something else there."""

    text: str
    differs: bool = False


Pieces = tuple[list[TextPart], list[TextPart]]


@dataclass(frozen=True)
class MarkedTexts:
    """Both versions in pieces. ``by_lines``: they are JSON, formatted over many lines."""

    before: Sequence[TextPart]
    after: Sequence[TextPart]
    by_lines: bool = False

    @property
    def has_no_mark(self) -> bool:
        """Is there nothing to mark? Then the two differ beyond the part that was kept of them."""
        return not any(part.differs for part in (*self.before, *self.after))


def mark_differences(before: str, after: str) -> MarkedTexts:
    """Marks the differences: of JSON by lines, after formatting both texts; else by words and characters."""
    one, other = _format_json(before), _format_json(after)
    if one is not None and other is not None and one != other:
        lines = one.splitlines(keepends=True), other.splitlines(keepends=True)
        return MarkedTexts(*_compare_pieces(*lines, within=_compare_words), by_lines=True)
    return MarkedTexts(*_compare_words(before, after))


def mark_outline(before: str, after: str) -> MarkedTexts:
    """Marks one piece per side, from the first to the last difference: fast enough for long lists of rows."""
    return MarkedTexts(*_split_at_ends(before, after))


def _format_json(text: str) -> str | None:
    """A JSON object or array over many lines, with its keys in order; None for anything else."""
    if not text.startswith(("{", "[")):
        return None
    try:
        value: Any = json.loads(text, parse_float=_as_written)
        return AS_WRITTEN.sub(r"\1", json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))
    except (ValueError, RecursionError):
        return None


def _as_written(number: str) -> str:
    """Keeps the digits of a number: 1.10 would become 1.1, and the difference would not be marked."""
    return f"\ue000{number}\ue001"


def _compare_words(before: str, after: str) -> Pieces:
    return _compare_pieces(WORDS.findall(before), WORDS.findall(after), within=_compare_letters)


def _compare_letters(before: str, after: str) -> Pieces:
    """The differing letters of two similar words; words with little in common differ as a whole."""
    pieces = _split_at_ends(before, after)
    alike = sum(len(part.text) for part in pieces[0] if not part.differs)
    if 2 * alike >= max(len(before), len(after)):
        return pieces
    return [TextPart(before, differs=True)] if before else [], [
        TextPart(after, differs=True)
    ] if after else []


def _compare_pieces(
    before: Sequence[str], after: Sequence[str], *, within: Callable[[str, str], Pieces]
) -> Pieces:
    if max(len(before), len(after)) > MAX_PIECES:
        return _split_at_ends("".join(before), "".join(after))
    one: list[TextPart] = []
    other: list[TextPart] = []
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        left, right = "".join(before[a:b]), "".join(after[c:d])
        if kind == "equal":
            one.append(TextPart(left))
            other.append(TextPart(right))
        else:
            pair = within(left, right)
            one += pair[0]
            other += pair[1]
    return list(_merge_neighbours(one)), list(_merge_neighbours(other))


def _split_at_ends(before: str, after: str) -> Pieces:
    """Both texts as common beginning, differing middle, and common end."""
    short = min(len(before), len(after))
    head = next((n for n in range(short) if before[n] != after[n]), short)
    tail = next((n for n in range(short - head) if before[-n - 1] != after[-n - 1]), short - head)
    sides = []
    for text in (before, after):
        end = len(text) - tail
        parts = [TextPart(text[:head]), TextPart(text[head:end], differs=True), TextPart(text[end:])]
        sides.append([part for part in parts if part.text])
    return sides[0], sides[1]


def _merge_neighbours(parts: Sequence[TextPart]) -> Iterator[TextPart]:
    """Merges neighbouring pieces of the same kind."""
    waiting: TextPart | None = None
    for part in parts:
        if waiting and waiting.differs == part.differs:
            waiting = TextPart(waiting.text + part.text, part.differs)
            continue
        if waiting:
            yield waiting
        waiting = part
    if waiting:
        yield waiting
