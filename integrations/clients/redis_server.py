"""Talks to a Redis or Valkey server: sessions that give up in time, addresses without secrets, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import redis

from integrations.errors import Problem, Unreachable

TIMEOUT = 10.0  # seconds for an answer

Client = redis.Redis


@contextmanager
def connected(url: str) -> Iterator[Client]:
    """A session with the queue's Redis. Raises `Unreachable` in words; no password is repeated."""
    client: Client | None = None
    try:
        client = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, decode_responses=True,
            client_name="cutover",
        )  # fmt: skip
        client.ping()
        yield client
    except (redis.RedisError, ValueError) as error:
        raise _in_words(url, error) from None
    finally:
        if client is not None:
            client.close()


def address(url: str) -> str:
    """Host and port, without login."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"


def _in_words(url: str, error: Exception) -> Problem:
    where = address(url)
    if isinstance(error, redis.AuthenticationError):
        return Unreachable(
            f"Redis at {where} refuses the login.",
            means="API and worker would be refused just so.",
            next="Check user and password in REDIS_URL.",
        )
    if isinstance(error, redis.exceptions.NoPermissionError):
        return Problem(
            f"Redis at {where} forbids a command: {error}.",
            means="What it would have told is not known.",
            next="Give the login the right in its ACL, or look by another login.",
        )
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return Unreachable(
            f"Redis at {where} does not answer.",
            means="Nobody listens there, or a firewall stands between.",
            next="Check REDIS_URL, and that the server runs.",
        )
    return Problem(f"Redis at {where} refused: {type(error).__name__}.", next="Look into its log.")
