"""Masks secrets in lines, texts and values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from integrations.redact.masked_stream import BLOCK, KnownForms, MaskedStream
from integrations.redact.secret_forms import encoded_forms

STREAMS = 64  # that are remembered at once


class Redactor:
    """Masks secrets in the lines of streams, in texts and in JSON values.

    `mask_piece` remembers the lines before of each stream: a very long line comes in pieces, and a private
    key has several lines. `mask_text` and `mask_value` have no memory.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._known: KnownForms | None = None  # None: there are new forms
        self._streams: dict[str, MaskedStream] = {}
        self.too_short = 0  # how many secrets were refused because they have less than 6 characters
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Registers secrets. Call it before they can be printed for the first time."""
        for secret in secrets:
            forms = encoded_forms(secret)
            self.too_short += bool(secret) and not forms
            if not forms <= self._forms:
                self._forms |= forms
                self._known = None

    def mask_line(self, line: str) -> str:
        """The next whole line of the stream without a name, masked."""
        return self.mask_piece(line)

    def mask_piece(self, piece: str, *, stream: str = "", more: bool = False) -> str:
        """The next piece of a line of that stream; ``more`` of the line follows.

        Returns what can be shown by now: of a line that goes on, as much as the longest secret is long is
        held back, and comes with the pieces that follow.
        """
        known = self._find_known()
        state = self._streams.pop(stream, None)
        if state is None and not more and len(piece) <= BLOCK and known.is_harmless(piece):
            return piece
        state = state or MaskedStream()
        shown = state.feed(piece, known, more=more)
        if not state.is_at_rest:
            self._streams[stream] = state
            if len(self._streams) > STREAMS:
                del self._streams[next(iter(self._streams))]
        return shown

    def end_lines(self) -> list[str]:
        """What is held back of lines that were not finished; every stream begins anew."""
        known, streams, self._streams = self._find_known(), self._streams, {}
        return [state.feed("", known) for state in streams.values() if state.is_in_line]

    def mask_text(self, text: str) -> str:
        """A text of one or more lines, masked."""
        stream, known = MaskedStream(), self._find_known()
        if len(text) <= BLOCK and known.is_harmless(text):
            return text
        return "\n".join(stream.feed(part, known) for part in text.split("\n"))

    def mask_value(self, value: Any) -> Any:
        """A JSON value with every string in it masked, names of members included."""
        if isinstance(value, str):
            return self.mask_text(value)
        if isinstance(value, dict):
            return {self.mask_text(str(name)): self.mask_value(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.mask_value(inner) for inner in value]
        return value

    def _find_known(self) -> KnownForms:
        if self._known is None:
            self._known = KnownForms(self._forms)
        return self._known
