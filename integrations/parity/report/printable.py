"""Text that a terminal can print: nothing in it moves the cursor, colours, reorders or hides what follows."""

from __future__ import annotations

import re

#: Spaces that our own numbers and sentences contain, and that `str.isprintable` does not count.
OUR_SPACES = "\u202f\u00a0"
#: What stands in a key without quotes.
PLAIN = re.compile(r"[\w.:+@/%-]+")


def printable(text: str) -> str:
    """The text with each character escaped that is no visible one: control characters, line ends, ANSI
    sequences, marks that change the direction of writing, and characters without a width."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in OUR_SPACES else ascii(sign)[1:-1] for sign in text)


def quote_unless_plain(text: str) -> str:
    """A value as a part of a line: in quotes where it could be taken for another part of it."""
    return text if PLAIN.fullmatch(text) and text.isprintable() else repr(text)
