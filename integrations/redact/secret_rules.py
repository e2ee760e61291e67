"""Finds secrets that nobody registered, by their form or by the name in front of them.

Each rule reads a character a bounded number of times, whatever the text is: repetitions are bounded or
possessive, and a search goes on behind what the search before has read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import ahocorasick_rs

UNTIL = WORD, TO_QUOTE, TO_END = r"\S*+", r"[^\"']*+", r".*+"
_PATTERNS = {until: re.compile(until) for until in UNTIL}


class RuleHit(NamedTuple):
    """A secret in a text. ``until``: how far it goes on if the text does."""

    start: int
    end: int
    until: str = WORD


def continue_hit(until: str, text: str, at: int) -> int:
    """Where a secret ends that began in the text before."""
    found = _PATTERNS[until].match(text, at)
    return found.end() if found else at


#: What a line with such a secret contains in lower case. Other lines, which are most, are not searched.
_SIGNS = ahocorasick_rs.AhoCorasick(
    [
        *("://", "bearer", "authorization", "cookie"),
        *("passw", "passphrase", "secret", "token", "credential"),
        *(f"{what}{joint}key" for what in ("api", "private", "access") for joint in ("", "_", "-")),
        *("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", "flwseck", "eyj"),
        *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "npm_"),
        *("-begin ", "- begin "),  # of a private key; `private_keys` looks for it
    ]
)

_ADDRESS = re.compile(r"://[^\s:/@?#]*+:(?P<hide>[^\s/?#]+)@")
_BEARER = re.compile(r"(?ai)\bbearer\s{1,8}+(?P<hide>[\w.~+/=-]{6,}+)")
# The state of an OAuth address is no secret, and a person has to open that address.
_TOKEN = re.compile(
    r"(?P<state>[?&]state=[^\s&]*+)|\b(?:[sr]k_(?:live|test)_\w{4,}+|whsec_[\w+/=-]{4,}+|FLWSECK[\w-]{4,}+|gh[pousr]_\w{8,}+"
    r"|github_pat_\w{8,}+|glpat-[\w-]{8,}+|xox[abeoprs]-[\w-]{8,}+|npm_\w{20,}+"
    r"|eyJ[\w+/=-]{5,}+(?:\.[\w.-]*+)?)"
)

_NAME = re.compile(
    r"(?ai)passw(?:or)?d|passphrase|secret|token|api[_-]?key|(?:private|access)[_-]?key|credential"
    r"|authorization|cookie"
)
_REST_OF_NAME = re.compile(r"[\w.-]{0,64}+")
_NAME_REACH = 64  # characters
# What stands between a name and its value: `=`, `: `, `=> `, `":"`, `\": \"`, `['name'] = `, `("name", `.
_ASSIGNED = re.compile(r"[\"'\\\])]{0,6}+\s{0,8}+(?:=>|:=|={1,3}+|:)\s{0,8}+")
_OPTION = re.compile(r"[\"'\\]{0,4}+(?:\s{0,4}+,)?\s{0,8}+")
_SCHEME = re.compile(r"(?ai)(?:basic|bearer|token|negotiate|ntlm|apikey)\s{1,8}+(?P<hide>[^\s\"']++)")
_OPENED = re.compile(r"\$?(?P<quote>\\{0,3}[\"'])")
_QUOTED = {
    '"': re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*'),
    "'": re.compile(r"[^']*+"),
    '\\"': re.compile(r'[^"\\]*+(?:\\{2,}+.?[^"\\]*+|\\[^"][^"\\]*+)*'),
}
_BARE = re.compile(r"[^\s&;,•][^\s&;]*+")
# Words that stand in the place of a value, and references to one.
_NO_VALUE = re.compile(
    r"(?i)(?:null|none|nil|true|false|undefined|yes|no|token|password_[a-z]+|\$?\{\w+\}|[{\[(<]*)[\])}>,.;]*"
)

# “Check token: of the system”: a word in lower case, another word, and no name of a further value.
_PROSE = re.compile(r"\(?(?:(?:and|or|nor)\s|[a-z]++\s++(?![\w.-]{0,64}+[:=])[a-zA-Z(])")


def has_signs(text: str) -> bool:
    """May the text hold a secret that these rules find, or begin a private key?"""
    return bool(_SIGNS.find_matches_as_indexes(text.lower()))


def find_unregistered(text: str) -> Iterator[RuleHit]:
    """Everything in one line that looks like a secret."""
    if not has_signs(text):
        return
    for rule in (_ADDRESS, _BEARER):
        yield from (RuleHit(*hit.span("hide")) for hit in rule.finditer(text))
    yield from (RuleHit(*hit.span()) for hit in _TOKEN.finditer(text) if hit["state"] is None)
    yield from _find_named(text)


def _find_named(text: str) -> Iterator[RuleHit]:
    at = 0
    while name := _NAME.search(text, at):
        rest = _REST_OF_NAME.match(text, name.end())
        at = rest.end() if rest else name.end()
        hit = _value_of(text, name, at)
        if hit is not None:
            yield hit
            at = max(at, hit.end)


def _value_of(text: str, name: re.Match[str], end: int) -> RuleHit | None:
    kind = name[0].lower()
    assigned = _ASSIGNED.match(text, end)
    if assigned is None and _is_option(text, name.start()):
        assigned = _OPTION.match(text, end)
        assigned = assigned if assigned and assigned[0].strip("\"'\\") else None
    if assigned is None:
        return None
    at = assigned.end()
    if kind in ("authorization", "cookie") and end == name.end():
        return _header(text, name.start(), at, kind)
    if text[at - 1].isspace() and ":" in assigned[0] and _PROSE.match(text, at):
        return None
    return _quoted_or_bare(text, at)


def _is_option(text: str, start: int) -> bool:
    """Is the name that of an option of a command (`--db-password x`)?"""
    at, first = start, max(0, start - _NAME_REACH)
    while at > first and (text[at - 1].isalnum() or text[at - 1] in "-_."):
        at -= 1
    return text.startswith("-", at, start)


def _header(text: str, start: int, at: int, kind: str) -> RuleHit | None:
    """The value of a header: behind its scheme, up to the end of the line, or in quotes."""
    if kind == "cookie" and not _may_be_cookie(text, start):
        return None
    opened = _OPENED.match(text, at)
    at = opened.end() if opened else at
    until = TO_QUOTE if opened else TO_END
    if kind == "authorization" and not opened and (scheme := _SCHEME.match(text, at)):
        return RuleHit(*scheme.span("hide"))
    end = continue_hit(until, text, at)
    value = text[at:end].strip()
    return RuleHit(at, end, until) if value and (kind == "authorization" or "=" in value) else None


def _may_be_cookie(text: str, start: int) -> bool:
    """Does a header begin here, and not a word of a sentence or a setting?"""
    if text.startswith("C", start):
        return True
    before = text[max(0, start - _NAME_REACH) : start].rstrip(" \t")
    return not before or before[-1] in "<>*|\"'-"


def _quoted_or_bare(text: str, at: int) -> RuleHit | None:
    opened = _OPENED.match(text, at)
    if opened:
        quote = opened["quote"]
        value = _QUOTED['\\"' if len(quote) > 1 else quote].match(text, opened.end())
        until = TO_QUOTE
    else:
        value, until = _BARE.match(text, at), WORD
    if value is None or not value[0] or value[0].startswith("•") or _NO_VALUE.fullmatch(value[0]):
        return None
    return RuleHit(*value.span(), until)
