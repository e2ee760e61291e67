"""Finds addresses that a sign in the password, not percent-encoded, has torn into other parts."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def is_torn(parts: SplitResult) -> bool:
    """Whether a part of the password may stand in another part of the address.

    An @ is then in the host, a / in the path, a ? in the query, and a # begins a fragment. What comes before
    the host ends with an @: an address that has its only @ behind the host was torn before it.
    """
    names = [pair.partition("=")[0] for pair in parts.query.split("&")]
    return (
        parts.netloc.count("@") > 1
        or bool(parts.fragment)
        or "@" in parts.path
        or any("@" in name for name in names)
        or ("@" not in parts.netloc and "@" in parts.query)
    )


def is_torn_url(url: str) -> bool:
    """The same of a whole URL; a text without ``://`` is none. Raises ValueError for a bracket."""
    return "://" in url and is_torn(urlsplit(url))


def is_torn_address(url: str) -> bool:
    """The same of any address: of a web page, a fragment without an @ is no sign of it."""
    if "://" not in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    if parts.scheme in ("http", "https") and "@" not in parts.fragment:
        parts = parts._replace(fragment="")
    return is_torn(parts)
