"""Talks to a Redis or Valkey server: sessions with timeouts, addresses without secrets, explained errors."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import redis
import redis.asyncio
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from integrations.clients.redis_address import RedisAddress
from integrations.clients.redis_causes import find_cause, server_line
from integrations.clients.redis_deadline import bound_answers
from integrations.errors import Problem, Unreachable
from integrations.json_answer import UNREADABLE
from integrations.redact import MASK

TIMEOUT = 10.0  # seconds for an answer
FAREWELL = 1.0  # seconds in which a server tells why it ends a connection
NAME = "cutover"  # of our connections, in CLIENT LIST

RedisClient = redis.Redis


@contextmanager
def connect(url: str) -> Iterator[RedisClient]:
    """A session with a Redis that answers. Raises `Problem`, for Redis errors inside the block, too."""
    where = RedisAddress.parse(url)
    client = _client(where)
    try:
        client.ping()
        _set_name(client)
        yield client
    except (redis.RedisError, OSError) as error:
        raise _explained(where, _read_farewell(where, error) or error) from None
    except (*UNREADABLE, TypeError, LookupError, AttributeError) as error:
        if not (isinstance(error, UNREADABLE) or _is_of_library(error)):
            raise  # a mistake of ours in the block; it must not be called a strange answer of Redis
        raise _unreadable_answer(where, error) from error
    finally:
        client.close()


def _is_of_library(error: BaseException) -> bool:
    """Was it raised while the library read an answer, and not by the code that uses it?"""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and str(last.tb_frame.f_globals.get("__name__")).startswith("redis.")


def _unreadable_answer(where: RedisAddress, error: Exception) -> Problem:
    return Problem(
        f"Redis at {where} gave an answer of another form than Redis has ({type(error).__name__}).",
        means="Another program answers there, or the keys are of another library.",
        next="Check host, port and prefix.",
    )


def _client(where: RedisAddress) -> RedisClient:
    """One retry: a connection that the server closed while it was idle is opened again."""
    return bound_answers(redis.Redis(**_settings(where), retry=Retry(ConstantBackoff(0.2), 1)))


def open_asynchronous(url: str) -> redis.asyncio.Redis:
    """A client of the same address for libraries that work asynchronously; they close it."""
    return redis.asyncio.Redis(**_settings(RedisAddress.parse(url)), single_connection_client=True)


def _settings(where: RedisAddress) -> dict[str, Any]:
    place = {"unix_socket_path": where.path} if where.path else {"host": where.host, "port": where.port}
    return {
        **place,
        "db": where.database,
        "username": where.username or None,
        "password": where.password or None,
        "ssl": where.tls,
        "decode_responses": True,
        "encoding_errors": "replace",  # other programs keep values there that are no text
        "protocol": 2,  # a server before version 6 knows no other, and refuses the question for it
        "socket_timeout": TIMEOUT,
        "socket_connect_timeout": TIMEOUT,
        **where.options,
    }


def _set_name(client: RedisClient) -> None:
    """Names the connection where the login may; the name helps people and decides nothing."""
    try:
        client.client_setname(NAME)
    except redis.ResponseError:
        return


def _read_farewell(where: RedisAddress, error: Exception) -> redis.ResponseError | None:
    """The line with which a server ends a connection before it reads anything from it.

    In protected mode, and with too many clients, Redis writes its reason and closes. redis-py has written by
    then and only sees a broken pipe, so the reason is read by a connection that writes nothing.
    """
    if where.tls or where.path or not isinstance(error, redis.ConnectionError) or _is_from_server(error):
        return None
    try:
        with socket.create_connection((where.host, where.port), timeout=FAREWELL) as plain:
            plain.settimeout(FAREWELL)
            with plain.makefile("rb") as lines:
                line = lines.readline(1000).decode(errors="replace")
    except OSError:
        return None
    return redis.ResponseError(line[1:].strip()) if line.startswith("-") else None


def address(url: str) -> str:
    """``host:port/database``, without login. Never a part of an address that is torn by its password."""
    try:
        return str(RedisAddress.parse(url))
    except Problem:
        return "an unreadable address"


def said_by(error: Exception, password: str) -> str:
    """What the server or the network said, without the password."""
    line = server_line(error)
    for secret in {password, quote(password, safe=""), quote(password)} - {""}:
        line = line.replace(secret, MASK)
    return line


def _explained(where: RedisAddress, error: Exception) -> Problem:
    """The server's own line first, then the advice for its cause."""
    said = said_by(error, where.password)
    cause = find_cause(error, said)
    happened = "answers" if _is_from_server(error) else "cannot be reached"
    kind = Unreachable if cause.unreachable else Problem
    return kind(f"Redis at {where} {happened}: {said}.", means=cause.means, next=cause.advice)


def _is_from_server(error: Exception) -> bool:
    """Whether the line is the server's; errors of the network have no code and are of other classes."""
    return bool(getattr(error, "status_code", None)) or isinstance(error, redis.ResponseError)
