"""Reads the address of a Redis or Valkey server: redis://, rediss:// (TLS) and unix:// URLs.

The form is that of redis-py (redis.readthedocs.io/en/stable/connections.html) and of IANA's registration of
``redis``: ``redis://user:password@host:port/database?option=value``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from integrations.errors import Problem
from integrations.torn_address import is_torn

#: Options that decide how a server is reached, as redis-py names them; what they must look like.
NUMBERS = ("socket_timeout", "socket_connect_timeout")
TLS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
VERIFY = {"none": "none", "optional": "optional", "required": "required"}
#: Options that tell pools and clients of other languages how to behave, and change no target.
IGNORED = frozenset(
    {
        "connection_name",
        "connectTimeout",
        "commandTimeout",
        "decode_responses",
        "enableOfflineQueue",
        "enableReadyCheck",
        "encoding",
        "family",
        "health_check_interval",
        "keepAlive",
        "lazyConnect",
        "max_connections",
        "maxRetriesPerRequest",
        "name",
        "protocol",
        "retry_on_timeout",
        "socket_keepalive",
    }
)


@dataclass(frozen=True)
class RedisAddress:
    """Where a server is and how to log in. ``host`` is "" for a Unix socket, whose ``path`` is then set;
    ``options`` are those of redis-py for TLS and time limits."""

    host: str
    port: int
    database: int
    username: str
    password: str = field(repr=False)
    tls: bool = False
    path: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """``host:port/database``, without the login."""
        where = self.path or f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"
        return f"{'unix:' if self.path else ''}{where}/{self.database}"

    @classmethod
    def parse(cls, url: str) -> RedisAddress:
        """Raises `Problem` for an address that cannot be read. No part of it is repeated: where it is torn,
        any part may be of the password."""
        parts = _split(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        unix = parts.scheme == "unix"
        database = options.pop("db", "" if unix else parts.path.strip("/")) or "0"
        if not (database.isascii() and database.isdigit()) or len(database) > 6:
            raise _unreadable("What stands after the host is no number of a database.", TORN_ADVICE)
        return cls(
            host="" if unix else unquote(parts.hostname or "localhost"),
            port=parts.port or 6379,
            database=int(database),
            username=unquote(parts.username or options.pop("username", "")),
            password=unquote(parts.password or "") or options.pop("password", ""),
            tls=parts.scheme == "rediss",
            path=unquote(parts.path) if unix else "",
            options=_read_options(options),
        )


TORN_ADVICE = "In a password, write / as %2F, # as %23, ? as %3F and @ as %40."


def _unreadable(why: str, advice: str) -> Problem:
    return Problem(f"The address of Redis cannot be read: {why}", means="Nothing was asked.", next=advice)


def _split(url: str) -> SplitResult:
    """The parts of a URL that no sign in the password has torn."""
    try:
        parts = urlsplit(url.strip())
        port_is_right = parts.port != 0
    except ValueError:  # a port that is no number, or a bracket
        raise _unreadable("often a sign in the password is not percent-encoded.", TORN_ADVICE) from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise _unreadable(
            "it begins with neither redis:// nor rediss:// (TLS) nor unix://.",
            "Write it as redis://user:password@host:6379/0. Of a cluster or of Sentinel name one primary.",
        )
    if is_torn(parts) or not port_is_right or any(ord(sign) < 33 for sign in unquote(parts.netloc)):
        raise _unreadable("often a sign in the password is not percent-encoded.", TORN_ADVICE)
    return parts


def _read_options(given: dict[str, str]) -> dict[str, Any]:
    """The options that decide how the server is reached. Raises `Problem` for one that nobody here knows."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name in IGNORED:
            continue
        if name in NUMBERS:
            found[name] = _read_seconds(name, value)
        elif name == "ssl_cert_reqs":
            found[name] = _read_verification(value)
        elif name == "ssl_check_hostname":
            found[name] = value.lower() not in ("0", "false", "no", "f", "n")
        elif name in TLS:
            found[name] = value
        else:
            raise _unreadable(
                f"nobody here knows its option {name if name.isidentifier() and len(name) < 40 else ''}.",
                f"Take the option out of the address. {TORN_ADVICE}",
            )
    return found


def _read_seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1
    if not 0 < seconds <= 3600:
        raise _unreadable(f"its option {name} is no number of seconds.", "Correct it, or take it out.")
    return seconds


def _read_verification(value: str) -> str:
    """Celery and kombu write CERT_NONE, CERT_OPTIONAL and CERT_REQUIRED."""
    word = value.lower().removeprefix("cert_")
    if word not in VERIFY:
        raise _unreadable(
            "its option ssl_cert_reqs has an unknown value.", "Write none, optional or required."
        )
    return VERIFY[word]
