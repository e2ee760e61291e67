"""The transport of Celery's messages. A message says “look at X” and nothing else; what says more is dropped.

Whoever can write to Redis can put anything into a queue. Kombu's own transport ends the whole worker on a
message that is not JSON, and Celery obeys delays, limits and stamps of a forged one.
"""

from __future__ import annotations

import base64
import itertools
import json
import logging
import uuid
from queue import Empty
from typing import Any

from celery import current_app
from kombu.transport import TRANSPORT_ALIASES, redis

log = logging.getLogger(__name__)
MAX_BODY = 10_000  # characters; ours have some 200
ALIASES = ("redis", "rediss")
_dropped = itertools.count(1)  # by this process


class Malformed(ValueError):
    """Says what is wrong with a message, without a word of it: it may hold a secret."""


class TolerantChannel(redis.Channel):
    """Reads on after a message that is not JSON."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # kombu's type stubs lack it
        except ValueError:
            _log_dropped("it is no JSON", "")
            raise Empty from None

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        try:
            return super()._get(queue)
        except ValueError:
            _log_dropped("it is no JSON", queue)
            raise Empty from None


class Transport(redis.Transport):
    """Delivers messages that name a task of ours and a UUID, made anew from these two; drops all others."""

    Channel = TolerantChannel

    def _deliver(self, message: Any, queue: str | None) -> None:
        try:
            task, key = read_message(message)
        except Malformed as error:
            _log_dropped(str(error), queue or "")
        else:
            super()._deliver(make_message(task, key, queue or ""), queue)


def _log_dropped(why: str, queue: str) -> None:
    log.warning("message %s of queue %r was dropped: %s", next(_dropped), queue, why)


def read_message(message: Any) -> tuple[str, uuid.UUID]:
    """The task and the id that a message names. Raises `Malformed`."""
    try:
        task, body = message["headers"]["task"], message["body"]
        if not isinstance(body, str) or len(body) > MAX_BODY:
            raise Malformed("its body is no text, or too long")
        arguments, options, _ = json.loads(base64.b64decode(body, validate=True))
        (key,) = arguments
        if options or not isinstance(key, str):
            raise Malformed("its arguments are not one id")
        if not isinstance(task, str) or task.startswith("celery.") or task not in current_app.tasks:
            raise Malformed("it names no task of the panel")
        return task, uuid.UUID(key)
    except Malformed:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Malformed("it has not the form of the panel's messages") from None


def make_message(task: str, key: uuid.UUID, queue: str) -> dict[str, Any]:
    """A message of Celery's protocol 2 with one argument."""
    own_id = str(uuid.uuid4())
    call = [[str(key)], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    return {
        "body": base64.b64encode(json.dumps(call).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {
            "lang": "py",
            "task": task,
            "id": own_id,
            "root_id": own_id,
            "parent_id": None,
            "group": None,
            "retries": 0,
            "eta": None,
            "expires": None,
            "timelimit": [None, None],
            "argsrepr": f"('{key}',)",
            "kwargsrepr": "{}",
            "ignore_result": True,
        },
        "properties": {
            "correlation_id": own_id,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }


def use_for_redis() -> None:
    """Makes kombu use this transport for `redis://`, `rediss://` and sockets."""
    for alias in ALIASES:
        TRANSPORT_ALIASES[alias] = f"{__name__}:Transport"
