"""Reads what programs escape in a text, so that a secret is found whichever of its characters are escaped.

Percent-encoding (URLs), backslashes (JSON, Go, C, Python, `printf %q`, `export -p`, `$'…'`) and HTML
entities. Each is read once: a text that was escaped twice is not.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from integrations.redact.terminal_text import UNSEEN

LONGEST_ESCAPE = 16  # characters for one character of the secret: four bytes as `\360`, an emoji as `\Ud83d…`


def _characters(sign: str, *, lead: tuple[str, str, str], follows: str) -> str:
    """The pattern of a character whose two, three or four bytes are escaped one by one."""
    more = f"(?:{sign}{follows})"
    return "|".join(f"{sign}{begins}{more}{{{number}}}" for number, begins in enumerate(lead, start=1))


_HEX = "[0-9a-fA-F]"
_HEX_LEAD = (f"[cdCD]{_HEX}", f"[eE]{_HEX}", "[fF][0-7]")
_HEX_FOLLOWS = f"[89abAB]{_HEX}"
_OCTAL_LEAD = ("3[0-3][0-7]", "3[45][0-7]", "36[0-7]")
_PERCENT = re.compile(_characters("%", lead=_HEX_LEAD, follows=_HEX_FOLLOWS) + f"|%{_HEX}{{2}}")
_BACKSLASH = re.compile(
    "|".join(
        (
            _characters(r"\\x", lead=_HEX_LEAD, follows=_HEX_FOLLOWS),
            _characters(r"\\", lead=_OCTAL_LEAD, follows="2[0-7]{2}"),
            rf"\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}",  # one character in two halves (JSON)
            rf"\\(?:x{_HEX}{{1,2}}|[0-3]?[0-7]{{1,2}}|u{_HEX}{{4}}|U{_HEX}{{8}}|[ux]\{{{_HEX}{{1,6}}\}}|.)",
        )
    )
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});")
_LETTERS = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_NUMBERS = re.compile(r"[0-9a-fA-F]+")


class ReadText(NamedTuple):
    """A text as it reads without its escapes.

    ``places`` and ``origins`` are offsets in this text and in the original. They alternate between the
    beginning of characters that stand for themselves and the beginning of an escape.
    """

    text: str
    places: list[int]
    origins: list[int]

    def find_origin(self, start: int, end: int) -> tuple[int, int]:
        """Where in the original a part of this text comes from; escapes count as a whole."""
        first, last = bisect_right(self.places, start) - 1, bisect_left(self.places, end) - 1
        begins = self.origins[first] + (0 if first % 2 else start - self.places[first])
        ends = self.origins[last + 1] if last % 2 else self.origins[last] + end - self.places[last]
        return begins, ends


def has_escapes(text: str) -> bool:
    """Would the text read differently without its escapes?"""
    return bool(
        ("%" in text and _PERCENT.search(text)) or "\\" in text or ("&" in text and _ENTITY.search(text))
    )


def read_escapes(text: str) -> Iterator[ReadText]:
    """The text read in each of the ways in which it has escapes."""
    for sign, escape, read in _KINDS:
        if sign in text and escape.search(text):
            yield _read(text, escape, read)


def _read(text: str, escape: re.Pattern[str], read: Callable[[str], str]) -> ReadText:
    parts, places, origins = list[str](), [0], [0]
    size = at = 0
    for found in escape.finditer(text):
        plain = read(found[0])
        parts += (text[at : found.start()], plain)
        begins = size + found.start() - at
        size, at = begins + len(plain), found.end()
        places += (begins, size)
        origins += (found.start(), at)
    parts.append(text[at:])
    return ReadText("".join(parts), places, origins)


@lru_cache(1024)
def _read_percent(escape: str) -> str:
    return _from_bytes(bytes.fromhex(escape.replace("%", "")))


@lru_cache(1024)
def _read_backslash(escape: str) -> str:
    kind = escape[1]
    if kind in "01234567":
        return _from_bytes(bytes(int(number, 8) for number in _NUMBERS.findall(escape)))
    if len(escape) == 2:
        return _shown(_LETTERS.get(kind, kind))
    numbers = _NUMBERS.findall(escape[2:].replace("\\x", " ").replace("\\u", " "))
    values = [int(number, 16) for number in numbers]
    if kind == "x" and "{" not in escape:
        return _from_bytes(bytes(values))
    if len(values) == 2:
        values = [0x10000 + (values[0] - 0xD800) * 0x400 + values[1] - 0xDC00]
    return _shown(chr(min(values[0], 0x10FFFF)))


@lru_cache(1024)
def _read_entity(escape: str) -> str:
    """HTML itself gives other characters in place of control characters; a secret has those it has."""
    if escape[1] != "#":
        return _shown(html.unescape(escape))
    number = int(escape[3:-1], 16) if escape[2] in "xX" else int(escape[2:-1])
    return _shown(chr(min(number, 0x10FFFF)))


def _from_bytes(data: bytes) -> str:
    """Bytes as UTF-8; where they are none, each as the character of its number."""
    try:
        return _shown(data.decode())
    except UnicodeDecodeError:
        return _shown(data.decode("latin-1"))


def _shown(text: str) -> str:
    return UNSEEN.sub("", text).encode("utf-8", "replace").decode()


_KINDS = (("%", _PERCENT, _read_percent), ("\\", _BACKSLASH, _read_backslash), ("&", _ENTITY, _read_entity))
