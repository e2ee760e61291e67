"""Takes passwords out of messages on the command line: addresses of databases may hold them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MASK = "•••"
RULES = (
    re.compile(r"://[^\s:/@?#]*:(?P<password>[^\s/?#]+)@"),  # in a URL, before the host
    re.compile(
        r"(?i)\b\w*password\w*\s*=\s*(?P<password>'(?:[^'\\]|\\.)*'|[^\s&;,]+)"
    ),  # a query, or libpq's own
)
#: A message of a server may hold control characters that a terminal obeys; tabs and line ends stay.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def is_torn_by_password(url: str) -> bool:
    """Whether an @, /, # or ? of a password stands as it is in a URL, so that other parts hold some of it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    names = [pair.partition("=")[0] for pair in parts.query.split("&")]
    return "://" in url and (
        parts.netloc.count("@") > 1
        or bool(parts.fragment)
        or "@" in parts.path
        or any("@" in name for name in names)
        or ("@" not in parts.netloc and "@" in parts.query)
    )


def mask_passwords(text: str) -> str:
    """The text with ``•••`` for each password, and without control characters."""
    text = CONTROL.sub("", text)
    for rule in RULES:
        text = rule.sub(_mask, text)
    return text


def _mask(found: re.Match[str]) -> str:
    start, end = (place - found.start() for place in found.span("password"))
    return f"{found.group()[:start]}{MASK}{found.group()[end:]}"
