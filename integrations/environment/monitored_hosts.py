"""Whether a text of monitoring configuration names a host, in any of the notations that such files have."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from integrations.clients.dns.names import normal_name

#: a host name with a dot, or an address; a port may follow
HOST = re.compile(r"(?:[\w-]+\.)+[\w-]+(?P<port>:\d{1,5})?")
#: the pattern of a label matcher of PromQL: ``instance=~"old-api\\.example\\.org:.*"``
MATCHER = re.compile(r"=~\s*(?P<quote>[\"'`])(?P<pattern>.{1,1000}?)(?<!\\)(?P=quote)")
ANCHOR = re.compile(r"(?<!\\)\\++[bBAzZ]")  # of a regular expression: no letter of a name
UNRELATED = ("unrelated.invalid", "unrelated.invalid:9100")
PORTS = ("", ":80", ":443", ":9100")
#: names that resolve nowhere (RFC 6761), and are not asked for
RESERVED = (".invalid", ".test", ".example")


class HostWord:
    """A word of the runbook: a host in all its notations, or any other text, which is looked for as it is."""

    def __init__(self, word: object) -> None:
        self.text = str(word).strip().lower()
        parts = urlsplit(self.text if "://" in self.text else f"//{self.text}")
        host = (parts.hostname or "") if HOST.fullmatch(parts.netloc.rpartition("@")[2]) else ""
        self.is_host = bool(host) and parts.path in ("", "/")
        self.forms = tuple(_notations(host)) if self.is_host else (self.text,)
        edge = r"(?<![\w-]){}(?![\w-]|\.\w)" if self.is_host else "{}"
        self.pattern = re.compile("|".join(edge.format(re.escape(form)) for form in self.forms))

    def is_named_in(self, text: str) -> bool:
        """Whether the text names it: escaped, encoded, in capitals, with another port, or by a pattern that
        fits this host and not every other."""
        found = text.lower()
        if any(self.pattern.search(form) for form in _readings(found)):
            return True
        return self.is_host and any(self._fits(pattern) for pattern in _matchers(text))

    def _fits(self, pattern: str) -> bool:
        compiled = _compile(pattern)
        if compiled is None or any(compiled.fullmatch(other) for other in UNRELATED):
            return False
        return any(compiled.fullmatch(f"{form}{port}") for form in self.forms for port in PORTS)

    def addresses(self) -> set[str]:
        """The addresses that the host has now; for one that is an address, that one. None for other words."""
        name = self.forms[0]
        if not self.is_host or name.endswith(RESERVED):
            return set()
        try:
            return {str(found[4][0]) for found in socket.getaddrinfo(name, None)}
        except OSError:
            return set()


def host_words(words: Iterable[object]) -> list[HostWord]:
    """The words of a parameter, without empty ones."""
    return [HostWord(word) for word in words if str(word).strip()]


def _notations(host: str) -> Iterator[str]:
    """The host in A-labels and in its own script."""
    with suppress(ValueError):
        host = normal_name(host)
    yield host
    with suppress(UnicodeError):
        own = ".".join(_to_unicode(label) for label in host.split("."))
        if own != host:
            yield own


def _to_unicode(label: str) -> str:
    return label[4:].encode().decode("punycode") if label.startswith("xn--") else label


def _readings(text: str) -> Iterator[str]:
    """The text; without the escapes of patterns and of JSON; and without those of URLs."""
    yield text
    if "\\" in text or "[.]" in text:
        yield ANCHOR.sub(" ", text).replace("[.]", ".").replace("\\", "")
    if "%" in text:
        yield unquote(text)


def _matchers(text: str) -> list[str]:
    """The patterns of PromQL in a text, as PromQL unescapes them: in quotes a backslash is written twice."""
    found = (match["pattern"] for match in MATCHER.finditer(text))
    return [pattern.replace("\\\\", "\\") for pattern in found]


@lru_cache(maxsize=512)
def _compile(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError):
        return None  # the syntax of RE2 that Python lacks
