"""Takes out of a text what a terminal does not show: escape sequences, control and invisible characters."""

from __future__ import annotations

import re

# All repetitions are bounded and possessive, and no sequence contains the beginning of another one: the time
# is linear, and a sequence that never ends is given up after as many characters in pieces as in one text.
_CSI = r"(?:\x1b\[|\x9b)[0-?]{0,64}+[ -/]{0,8}+"  # colours, cursor
_STRING = (
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9b-\x9f]{0,4096}+"  # OSC, DCS …: titles, links
)
_SHORT = r"\x1b[ -/]{0,8}+"
_SEQUENCE = re.compile(rf"{_CSI}[@-~]|{_STRING}(?:\x07|\x1b\\|\x9c)|{_SHORT}[0-~]?")
_UNFINISHED = re.compile(rf"(?:{_CSI}|{_STRING}\x1b?+|{_SHORT})\Z")

# Characters without width, and those that change the writing direction.
_INVISIBLE = "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
#: Control characters except the tab, and invisible characters.
UNSEEN = re.compile(f"[\x00-\x08\x0a-\x1f\x7f-\x9f{_INVISIBLE}]")
# Those of them that are no part of an escape sequence. They go first: inside a sequence they would hide it.
_UNSEEN_ALONE = re.compile(f"[\x00-\x06\x08\x0a-\x1a\x1c-\x1f\x7f-\x8f\x91-\x97\x99\x9a{_INVISIBLE}]")


def strip_control_characters(text: str) -> str:
    """The text without escape sequences, control characters and invisible ones; a tab stays.

    Surrogates, which UTF-8 cannot express, are replaced.
    """
    return text if text.isprintable() else _strip(_UNSEEN_ALONE.sub("", text))


def split_unfinished(text: str) -> tuple[str, str]:
    """A piece of a longer text without what a terminal does not show, and the escape sequence that begins
    at its end and goes on in the next piece."""
    if text.isprintable():
        return text, ""
    text = _UNSEEN_ALONE.sub("", text)
    unfinished = _UNFINISHED.search(text)
    at = unfinished.start() if unfinished else len(text)
    return _strip(text[:at]), text[at:]


def _strip(text: str) -> str:
    return UNSEEN.sub("", _SEQUENCE.sub("", text)).encode("utf-8", "replace").decode()
