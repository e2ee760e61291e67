"""Masks a line that comes in pieces, with a memory that is bounded."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

import ahocorasick_rs

from integrations.redact.escaped_text import LONGEST_ESCAPE, has_escapes, read_escapes
from integrations.redact.private_keys import KeyTracker
from integrations.redact.secret_forms import LONGEST_PART
from integrations.redact.secret_rules import UNTIL, RuleHit, continue_hit, find_unregistered, has_signs
from integrations.redact.spans import Span, join_seams, mask_spans, merge_spans
from integrations.redact.terminal_text import split_unfinished, strip_control_characters

BLOCK = 16 * 1024  # characters of a long line that are shown at a time
HEAD = 16  # characters of a form that the automaton knows
REACH = 512  # characters that are looked at twice at least, for the rules
_ESCAPE_BEGINS = re.compile(r"(?:\\+|[%&])[^\\%&]{0,15}\Z")


class KnownForms:
    """All forms of all registered secrets, to be searched at once.

    The automaton knows only how they begin. With whole forms it takes ten times the memory and the time.
    """

    def __init__(self, forms: Iterable[str] = ()) -> None:
        by_head = defaultdict[str, list[str]](list)
        for form in sorted(forms, key=len, reverse=True):
            by_head[form[:HEAD]].append(form)
        self._forms = list(by_head.values())
        longest = max((len(same[0]) for same in self._forms), default=0)
        self.reach = max(REACH, longest, LONGEST_ESCAPE * min(longest, LONGEST_PART))
        self._heads = ahocorasick_rs.AhoCorasick(list(by_head)) if by_head else None

    def is_harmless(self, line: str) -> bool:
        """Is nothing in the line that could have to be masked? Most lines are like this, so it is fast."""
        return (
            line.isprintable()
            and not (self._heads and self._heads.find_matches_as_indexes(line))
            and not has_signs(line)
            and not has_escapes(line)
        )

    def find(self, text: str) -> list[Span]:
        """Where they are in the text, as it is and as it reads without escapes."""
        if self._heads is None:
            return []
        spans = self._find_plain(self._heads, text)
        for reading in read_escapes(text):
            spans += (reading.find_origin(*span) for span in self._find_plain(self._heads, reading.text))
        return join_seams(text, merge_spans(spans)) if spans else spans

    def _find_plain(self, heads: ahocorasick_rs.AhoCorasick, text: str) -> list[Span]:
        spans = list[Span]()
        for which, start, _ in heads.find_matches_as_indexes(text, overlapping=True):
            for form in self._forms[which]:  # the longest first
                if text.startswith(form, start):
                    _add_span(spans, start, start + len(form))
                    break
        return spans


class MaskedStream:
    """The lines of one stream.

    A line that is longer than a block is masked in windows: a block, and so much behind it that every secret
    which begins in the block is whole. Windows begin at places that depend on the line alone. So the result
    is the same however the line is cut into pieces.
    """

    def __init__(self) -> None:
        self._raw = ""  # the beginning of an escape sequence, at the end of the last piece
        self._held = ""  # what is not yet shown of the line
        self._carried: list[Span] = []  # found before, and begun before what is held
        self._open = ""  # until where a secret goes on that a rule found at the end of the last window
        self._seen = 0  # so much of what is held was in the last window
        self._begins_line = True
        self._key = KeyTracker()

    @property
    def is_at_rest(self) -> bool:
        """Is nothing remembered, so that a new stream would go on in the same way?"""
        return self._begins_line and not (self._held or self._raw or self._key.is_open)

    @property
    def is_in_line(self) -> bool:
        """Has a line begun that is not finished?"""
        return bool(self._held or self._raw)

    def feed(self, piece: str, known: KnownForms, *, more: bool = False) -> str:
        """The next part of the masked line; all of its rest, unless there is ``more`` of it."""
        if more:
            new, self._raw = split_unfinished(self._raw + piece)
        else:
            new, self._raw = strip_control_characters(self._raw + piece), ""
        text, at, shown = self._held + new, 0, list[str]()
        width = BLOCK + known.reach
        while len(text) - at >= width:
            window = text[at : at + width]
            cut = _find_cut(window)
            shown.append(self._mask(window, known, cut))
            at += cut
        self._held = text[at:] if more else ""
        if not more:
            rest = text[at:]
            shown.append(self._mask(rest, known, len(rest)))
            self._carried, self._open, self._begins_line = [], "", True
        return "".join(shown)

    def _mask(self, text: str, known: KnownForms, cut: int) -> str:
        rules, carried = list(find_unregistered(text)), self._carried
        if self._open:
            end = continue_hit(self._open, text, self._seen)
            rules.append(RuleHit(self._seen, end, self._open))
        keys = self._key.find(text, cut, begins_line=self._begins_line)
        spans = merge_spans(chain(carried, known.find(text), (hit[:2] for hit in rules), keys))
        self._carried = [(start - cut, end - cut) for start, end in spans if end > cut]
        self._open = max((hit.until for hit in rules if hit.end == len(text)), key=UNTIL.index, default="")
        self._seen, self._begins_line = len(text) - cut, False
        return mask_spans(text, spans, cut)


def _add_span(spans: list[Span], start: int, end: int) -> None:
    """Joins it with the last one where they overlap: a repeated character gives a hit for each place."""
    if spans and spans[-1][0] <= start <= spans[-1][1]:
        if end > spans[-1][1]:
            spans[-1] = (spans[-1][0], end)
    else:
        spans.append((start, end))


def _find_cut(window: str) -> int:
    """Where the block ends: not in the middle of an escape."""
    begins = _ESCAPE_BEGINS.search(window, BLOCK - 64, BLOCK)
    return begins.start() if begins else BLOCK
