"""Follows private keys in PEM form through the lines of a stream.

A key may be in one line, with its breaks as `\\n`. Its lines may have a prefix each (`web-1  | …`, a time),
and lines of somebody else may come between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from integrations.redact.spans import Span

_BEGIN = re.compile(r"-{4,5} ?BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_END = re.compile(r"-{4,5} ?END [A-Z0-9 ]{1,64}-{4,5}")
_BODY = re.compile(r"[\w+/=:,\\ \t-]*+")
_LINE = re.compile(r"\s*+(?P<hide>(?:[\w+/]+=*+|(?:Proc-Type|DEK-Info|Version|Comment|Hash):.*)?)\s*+")
# Body in a line whose prefix is not known: a long run, or a padded one at the end.
_RUN = re.compile(r"(?<![\w+/=])(?:[\w+/]{24,}+={0,2}+|[\w+/]{2,76}+={1,2}(?=\s*\Z))(?![\w+/=])")
_OTHERS = 50  # lines without a part of the key, after which it counts as given up
_PREFIX = 200  # characters


class KeyTracker:
    """Whether the stream is inside of a private key."""

    def __init__(self) -> None:
        self.is_open = False
        self._begun_in_this_line = False
        self._prefixes: list[re.Pattern[str]] = []
        self._others = 0

    def find(self, text: str, cut: int, *, begins_line: bool) -> list[Span]:
        """The parts of keys in the next text, which begins a line or goes on in it.

        Of the text only what is before ``cut`` is done with: the rest comes again.
        """
        if begins_line:
            self._begun_in_this_line = False
        if not (self.is_open or "BEGIN " in text):
            return []
        spans, at = list[Span](), 0
        if self.is_open and not self._begun_in_this_line:
            spans, at = self._find_in_line(text)
            if self.is_open:
                return spans
        return [*spans, *self._find_inside(text, at, cut)]

    def _find_in_line(self, text: str) -> tuple[list[Span], int]:
        """A line between the first and the last of a key, or the last; where the key ends, if it does."""
        end = _END.search(text)
        stop, behind = (end.start(), end.end()) if end else (len(text), len(text))
        spans = self._find_body(text, stop)
        self._others = 0 if spans else self._others + 1
        self.is_open = end is None and self._others <= _OTHERS
        return spans, behind

    def _find_body(self, text: str, stop: int) -> list[Span]:
        """The whole line behind the prefix that the first line had; else what looks like a part of a key."""
        for prefix in self._prefixes:
            begins = prefix.match(text)
            line = _LINE.fullmatch(text, begins.end(), stop) if begins else None
            if line:
                return [line.span("hide")]
        return [run.span() for run in _RUN.finditer(text, 0, stop)]

    def _find_inside(self, text: str, at: int, cut: int) -> Iterator[Span]:
        """Keys that begin in this text, and the rest of one that began before it in the same line."""
        begun = -1
        while True:
            if not self.is_open:
                begin = _BEGIN.search(text, at)
                if begin is None:
                    return
                begun, at = begin.start(), begin.end()
                self._begin(text[:begun])
            end = _END.search(text, at)
            yield at, end.start() if end else len(text)
            if end is None:
                body = _BODY.match(text, at)
                self.is_open = body is not None and body.end() == len(text) and begun < cut
                return
            self.is_open, at = False, end.end()

    def _begin(self, prefix: str) -> None:
        self._begun_in_this_line, self._others = True, 0
        shape = re.escape(prefix if len(prefix) <= _PREFIX else "")
        known = re.sub(r"[0-9]+", "[0-9]+", shape)
        self._prefixes = [re.compile(pattern) for pattern in dict.fromkeys((known, ""))]
