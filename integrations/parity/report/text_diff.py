"""What differs between two versions of a value: by words and characters, JSON by its lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

WORDS = re.compile(r"\w+|\s|[^\w\s]")
AS_WRITTEN = re.compile('"\ue000([^\ue001]*)\ue001"')
MOST = 600  # words (or lines) of one side that are looked at one by one; more differ as a whole


@dataclass(frozen=True)
class Part:
    """A piece of a text, and whether the other side has something else there."""

    text: str
    differs: bool = False


Pieces = tuple[list[Part], list[Part]]


@dataclass(frozen=True)
class Marked:
    """Both versions in pieces. ``by_lines`` is JSON, laid out; ``unseen`` says that they look the same."""

    before: Sequence[Part]
    after: Sequence[Part]
    by_lines: bool = False

    @property
    def unseen(self) -> bool:
        """Is there nothing to mark? Then they differ beyond what was kept of them."""
        return not any(part.differs for part in (*self.before, *self.after))


def marked(before: str, after: str) -> Marked:
    """Where two texts differ: JSON by lines, once both are laid out; else by words and characters."""
    one, other = _laid_out(before), _laid_out(after)
    if one is not None and other is not None and one != other:
        lines = one.splitlines(keepends=True), other.splitlines(keepends=True)
        return Marked(*_pieces(*lines, within=_words), by_lines=True)
    return Marked(*_words(before, after))


def marked_quickly(before: str, after: str) -> Marked:
    """As `marked`, with one mark a side from the first to the last difference: for lists of many rows."""
    return Marked(*_trimmed(before, after))


def _laid_out(text: str) -> str | None:
    """The JSON of an object or array over many lines, its keys in order; None for anything else."""
    if not text.startswith(("{", "[")):
        return None
    try:
        value: Any = json.loads(text, parse_float=_as_written)
        return AS_WRITTEN.sub(r"\1", json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))
    except (ValueError, RecursionError):
        return None


def _as_written(number: str) -> str:
    """Keeps 1.10 from becoming 1.1 on the screen: digits that are lost would not be marked."""
    return f"\ue000{number}\ue001"


def _words(before: str, after: str) -> Pieces:
    return _pieces(WORDS.findall(before), WORDS.findall(after), within=_letters)


def _letters(before: str, after: str) -> Pieces:
    """The letters that differ in words that are mostly alike; of others no stray letter is left unmarked."""
    pieces = _trimmed(before, after)
    alike = sum(len(part.text) for part in pieces[0] if not part.differs)
    if 2 * alike >= max(len(before), len(after)):
        return pieces
    return [Part(before, differs=True)] if before else [], [Part(after, differs=True)] if after else []


def _pieces(before: Sequence[str], after: Sequence[str], *, within: Callable[[str, str], Pieces]) -> Pieces:
    if max(len(before), len(after)) > MOST:
        return _trimmed("".join(before), "".join(after))
    one: list[Part] = []
    other: list[Part] = []
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        left, right = "".join(before[a:b]), "".join(after[c:d])
        if kind == "equal":
            one.append(Part(left))
            other.append(Part(right))
        else:
            pair = within(left, right)
            one += pair[0]
            other += pair[1]
    return list(_joined(one)), list(_joined(other))


def _trimmed(before: str, after: str) -> Pieces:
    """What they begin and end with alike, and what lies between."""
    short = min(len(before), len(after))
    head = next((n for n in range(short) if before[n] != after[n]), short)
    tail = next((n for n in range(short - head) if before[-n - 1] != after[-n - 1]), short - head)
    sides = []
    for text in (before, after):
        end = len(text) - tail
        parts = [Part(text[:head]), Part(text[head:end], differs=True), Part(text[end:])]
        sides.append([part for part in parts if part.text])
    return sides[0], sides[1]


def _joined(parts: Sequence[Part]) -> Iterator[Part]:
    """Neighbours of one kind as one piece."""
    waiting: Part | None = None
    for part in parts:
        if waiting and waiting.differs == part.differs:
            waiting = Part(waiting.text + part.text, part.differs)
            continue
        if waiting:
            yield waiting
        waiting = part
    if waiting:
        yield waiting
