"""Tells web processes that a cutover changed. Best effort: they read PostgreSQL in any case."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, wraps

import redis
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)


def channel(cutover_id: int | str) -> str:
    """The Redis channel on which a cutover's changes are announced; ``*`` for all of this panel.

    Redis publishes to every one of its databases alike. Another panel may have another number, so the number
    is part of the name.
    """
    return f"cutover:{_number_of(settings.REDIS_URL)}:{cutover_id}"


@cache  # a hub asks for each viewer at each announcement
def _number_of(url: str) -> int:
    return int(redis.ConnectionPool.from_url(url).connection_kwargs.get("db", 0))


@cache
def _redis() -> redis.Redis:
    # A frozen Redis must not delay a request: the row is committed, and the message only saves seconds.
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
    )


def announce(cutover_id: int, what: str = "changed") -> None:
    """Publishes at once. Without Redis, pages update later; it is never an error."""
    try:
        _redis().publish(channel(cutover_id), what)
    except redis.RedisError as error:
        log.info("could not announce %s of cutover %s: %s", what, cutover_id, type(error).__name__)


def announce_on_commit(cutover_id: int, what: str = "changed") -> None:
    """Publishes once the transaction is committed; not at all when it is rolled back."""
    after_commit(announce, cutover_id, what)


def after_commit(send: Callable[..., object], *given: object) -> None:
    """Sends a message once the transaction is committed.

    Whatever fails then is logged, and changes no answer: the command was carried out.
    """

    @wraps(send)  # Django's log names the function, and a `partial` has no name
    def run() -> None:
        send(*given)

    transaction.on_commit(run, robust=True)
