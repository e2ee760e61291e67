"""An environment file as its two usual readers take it: python-dotenv and npm's dotenv 16.

They agree on plain lines, and differ on ``#``, back-ticks, escapes and ``NAME: value``. What npm's dotenv
does is written down here as a grammar; a test compares it with the program itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from dotenv.parser import parse_stream

PYTHON, NODE = "python", "node"


@dataclass
class Reading:
    """What one reader makes of a file.

    ``values``: name → value, of several lines the last; None for a name without ``=``, which sets nothing.
    ``lines``: name → the numbers of its lines. ``unread``: numbers of the lines that are no setting and no
    comment.
    """

    values: dict[str, str | None] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)


def read_as_python(text: str) -> Reading:
    """As python-dotenv (github.com/theskumar/python-dotenv) reads it, without filling in variables."""
    found = Reading()
    for binding in parse_stream(io.StringIO(text)):
        original = binding.original
        blank = len(original.string) - len(original.string.lstrip())
        number = original.line + original.string[:blank].count("\n")
        if binding.error:
            found.unread.append(number)
        elif binding.key is not None:
            found.lines.setdefault(binding.key, []).append(number)
            found.values[binding.key] = binding.value
    return found


# JavaScript's own classes: its \s has the byte order mark and no control characters, its \w is ASCII only.
SPACES = "\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))
SPACES += "\u2028\u2029\u202f\u205f\u3000\ufeff"
SPACE = f"[{SPACES}]"
NEWLINE = "\n\u2028\u2029"
BEGIN, END = f"(?<![^{NEWLINE}])", f"(?=[{NEWLINE}]|\\Z)"
QUOTED = "|".join(f"{SPACE}*+{quote}(?:\\\\{quote}|[^{quote}])*{quote}" for quote in "'\"`")
#: a value in quotes may have several lines; without them it ends at ``#`` or at the end of the line. The
#: text has no carriage return any more, so one space behind the sign is as good as all of them.
NODE_SETTING = re.compile(
    f"{BEGIN}{SPACE}*+(?:export{SPACE}++)?(?P<name>[A-Za-z0-9_.-]++)"
    f"(?:{SPACE}*+=|:{SPACE})"
    f"(?P<value>{QUOTED}|[^#\r\n]+)?"
    f"{SPACE}*(?:#[^{NEWLINE}]*)?{END}"
)
OUTER_QUOTES = re.compile(f"{BEGIN}(['\"`])(.*)\\1{END}", re.DOTALL)
LINE = re.compile(BEGIN)


def read_as_node(text: str) -> Reading:
    """As npm's dotenv 16 (github.com/motdotla/dotenv) reads it. It passes over what is no setting."""
    text, found, end = re.sub("\r\n?", "\n", text), Reading(), 0
    for match in _find_settings(text):
        _note_unread(found, text, end, match.start())
        number = text.count("\n", 0, match.start("name")) + 1
        found.lines.setdefault(match["name"], []).append(number)
        found.values[match["name"]] = _node_value(match["value"] or "")
        end = match.end()
    _note_unread(found, text, end, len(text))
    return found


def _find_settings(text: str) -> Iterator[re.Match[str]]:
    """The settings, in their order.

    A search by the pattern alone would begin again at each line of a run of blank ones and pass over the
    rest of the run each time. Where a setting does not begin before such a run, none begins inside of it.
    """
    at = 0
    while at <= len(text) and (line := LINE.search(text, at)):
        at = line.start()
        if match := NODE_SETTING.match(text, at):
            yield match
            at = match.end()
        else:
            while at < len(text) and text[at] in SPACES:
                at += 1
            at += 1


def _node_value(raw: str) -> str:
    """Quotes around the value are taken off; of escapes only ``\\n`` and ``\\r`` count, in double quotes."""
    value = raw.strip(SPACES)
    first = value[:1]
    value = OUTER_QUOTES.sub(lambda match: match[2], value)
    return value.replace("\\n", "\n").replace("\\r", "\r") if first == '"' else value


def _note_unread(found: Reading, text: str, start: int, end: int) -> None:
    """The lines between two settings that are no comment."""
    number = text.count("\n", 0, start) + 1
    for place, line in enumerate(text[start:end].split("\n")):
        if (plain := line.strip(" \t\ufeff")) and not plain.startswith("#"):
            found.unread.append(number + place)


#: reader → how it reads
READERS: Mapping[str, Callable[[str], Reading]] = {PYTHON: read_as_python, NODE: read_as_node}
