"""Bounds the time of a whole answer of Redis.

redis-py's timeout is one for each read: a server that sends a byte now and then would hold a worker for ever.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import redis

ANSWER_SECONDS = 60.0  # for one whole answer, however large it is


class _BoundedSocket:
    """The socket of a connection, whose reads end with the time of the answer."""

    def __init__(self, sock: Any) -> None:
        self._sock, self._until = sock, float("inf")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def begin_answer(self) -> None:
        """The time of an answer begins now."""
        self._until = time.monotonic() + ANSWER_SECONDS

    def recv(self, *arguments: Any) -> Any:
        """As of a socket. Raises TimeoutError once the time of the answer is over."""
        if time.monotonic() > self._until:
            raise TimeoutError(f"the answer was not complete within {ANSWER_SECONDS:g} s")
        return self._sock.recv(*arguments)


def bound_answers(client: redis.Redis) -> redis.Redis:
    """The client, whose connections are made with such sockets from now on."""
    pool = client.connection_pool
    pool.connection_class = _bounded(pool.connection_class)
    return client


@cache
def _bounded(kind: Any) -> Any:
    class Bounded(kind):  # type: ignore[misc]  # a base that is known when it runs
        """A connection of that kind: over TCP, TLS or a Unix socket."""

        def _connect(self) -> Any:
            return _BoundedSocket(super()._connect())

        def read_response(self, *arguments: Any, **options: Any) -> Any:
            if isinstance(self._sock, _BoundedSocket):
                self._sock.begin_answer()
            return super().read_response(*arguments, **options)

    return Bounded
